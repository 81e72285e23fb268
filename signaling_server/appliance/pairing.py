"""Trading a pairing code for a token, on the server's side."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from pathlib import Path

from signaling_server.appliance import paired_tokens, pairing_codes
from signaling_server.core.config.live import Settings
from signaling_server.core.config.token_file import file_line
from signaling_server.core.protocol import auth
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.pairing_code import Paired
from signaling_server.errors import PairingError, Rejection, SignalingError

log = logging.getLogger(__name__)


class Pairing:
    """`reading` is held while a reload reads the files: it must not miss a token."""

    def __init__(self, settings: Settings, reading: asyncio.Lock) -> None:
        self._settings = settings
        self._reading = reading

    async def exchange(self, code: str) -> Paired:
        """A token for a code, which is then used up.

        Raises Rejection for a code that is not valid, PairingError if the server cannot pair.
        """
        folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        if self._settings.tokens is None:
            raise PairingError("this server has no tokens: anyone may join without pairing")
        if not folder or not paired_tokens.file():
            raise PairingError("this server has no folders of a service, so it cannot pair")
        async with self._reading:
            loop = asyncio.get_running_loop()
            paired = await loop.run_in_executor(None, _exchange, Path(folder), code)
            self._settings.add_paired(paired.grant)
        log.info("paired a device as %s, with the token %s", paired.grant.name, paired.grant.id)
        return paired


def _exchange(folder: Path, code: str) -> Paired:
    offer = pairing_codes.take(folder, code, time.clock_gettime(time.CLOCK_BOOTTIME))
    if offer is None:
        raise Rejection("unauthorized", "this code is unknown, was used, or has expired")
    token, token_id = auth.new_token(secrets.token_bytes(auth.ID_BYTES + auth.SECRET_BYTES))
    rooms = () if offer.room is None else (offer.room,)
    try:
        paired_tokens.add(file_line(token, token_id, offer.name, None, rooms))
    except (OSError, SignalingError) as error:
        log.error("%s: no device can be paired: %s", paired_tokens.file(), error)
        raise PairingError("the server cannot write its file of paired devices") from error
    return Paired(token, Grant(token_id, auth.digest(token), offer.name, None, rooms))
