"""`pair`: a link, and a QR code, that gives one device a token of its own."""

from __future__ import annotations

import hashlib
import secrets
import ssl
import sys
import time
from pathlib import Path
from typing import Sequence
from urllib.parse import quote, urlencode, urlsplit

from signaling_server.appliance import address_file, pairing_codes
from signaling_server.appliance.own_addresses import own_addresses
from signaling_server.core.config.schema import Config
from signaling_server.core.names import NAME
from signaling_server.core.protocol.pairing_code import CODE_BYTES, VALID_SECONDS, Offer, new_code
from signaling_server.core.reporting.client_urls import note, places
from signaling_server.errors import StartError
from signaling_server.web import qr


def run(config: Config, instance: str, name: str, room: str | None, url: str | None) -> int:
    """Make a code, and print its links; returns the exit code. Raises StartError.

    `url` is where the device reaches the server; None: at the addresses of this machine.
    """
    for option, value in (("--name", name), ("--room", room)):
        if value is not None and not NAME.fullmatch(value):
            print(f"{option} must be 1 to 64 characters of A-Z a-z 0-9 . _ -", file=sys.stderr)
            return 2
    if config.auth.tokens_file is None:
        advice = "open /gcom on the device as it is"
        raise StartError("this server has no tokens, so no device needs one", advice)
    folder = Path(address_file.folder(instance))
    bases = [url.rstrip("/") + "/"] if url else _bases(config, instance)
    code = new_code(secrets.token_bytes(CODE_BYTES))
    try:
        made = time.clock_gettime(time.CLOCK_BOOTTIME)
        pairing_codes.add(folder, code, Offer(name, room, made))
    except OSError as error:
        advice = "try again as root" if isinstance(error, PermissionError) else ""
        raise StartError(f"{folder}: {error.strerror}", advice) from error
    links = [_link(base, name, room, code, _authority(config)) for base in bases]
    _show(links, name, room)
    return 0


def _bases(config: Config, instance: str) -> list[str]:
    where = address_file.read(instance)
    if where is None:
        raise StartError("the service does not run on this machine", "start it first")
    parts = urlsplit(where.url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    found = places(config.listen.host, port, parts.scheme, own_addresses())
    if not found:
        raise StartError(note(config.listen.host, found), "or name the address with --url")
    return [place.url for place in found]


def _link(base: str, name: str, room: str | None, code: str, authority: str) -> str:
    """All that is secret is behind the #, which a browser does not send."""
    query = {"room": room, "name": name} if room else {"name": name}
    fragment = {"pair": code, "ca": authority} if authority else {"pair": code}
    return f"{base}gcom?{urlencode(query)}#{urlencode(fragment, quote_via=quote)}"


def _authority(config: Config) -> str:
    """SHA-256 of the certificate of this machine's own authority; "" if it has none."""
    if config.tls.certificate is None:
        return ""
    try:
        pem = (Path(config.tls.certificate).parent / "ca.crt").read_text(encoding="ascii")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    except (OSError, ValueError):
        return ""


def _show(links: Sequence[str], name: str, room: str | None) -> None:
    where = f"room {room}" if room else "every room"
    minutes = int(VALID_SECONDS // 60)
    print(f"Pairs one device as {name}, for {where}. Open one of these on it within {minutes}")
    print("minutes; each is the same code, which is good once:", *links, sep="\n")
    if sys.stdout.isatty() and qr.available():
        print(qr.terminal(links[0]))
