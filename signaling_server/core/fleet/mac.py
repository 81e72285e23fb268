"""The MAC of what hosts say to each other, where the fleet has a secret."""

from __future__ import annotations

import hashlib

from signaling_server.core.fleet.batch import Sign

MAC_BYTES = 16


def signer(secret: bytes) -> Sign:
    """What makes the MAC of a text; of "" for each text without a secret."""
    if not secret:
        return lambda text: ""
    key = hashlib.blake2b(secret).digest()  # of any length; a key may have at most 64 bytes
    keyed = hashlib.blake2b(key=key, digest_size=MAC_BYTES, person=b"hawkeye-fleet")

    def sign(text: str) -> str:
        mac = keyed.copy()
        mac.update(text.encode("utf-8", "surrogatepass"))
        return mac.hexdigest()

    return sign
