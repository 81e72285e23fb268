"""Watches the tokens of connected clients: warns before they expire, and may end those that have.

A live connection stays when its token expires, because to end it in flight could end a video; with
`auth.end_expired` it ends. In a fleet the host of a client warns, and the one that serves its room
ends it. What is decided is in core/protocol/token_expiry.py.
"""

from __future__ import annotations

import asyncio
import logging
import time

from signaling_server.core.config.live import Settings
from signaling_server.core.fleet.joining import is_voucher
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.events import Revoked
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.protocol.token_expiry import WallClock, expiring, warning
from signaling_server.transport.connection import Connections
from signaling_server.transport.switchboard import Switchboard

log = logging.getLogger(__name__)

LONGEST_WAIT = 60.0
SHORTEST_WAIT = 1.0
"""Seconds between two looks."""


class TokenWatch:
    """Looks at the tokens of all clients now and then."""

    def __init__(
        self, settings: Settings, relay: Relay, connections: Connections, switchboard: Switchboard
    ) -> None:
        self._settings = settings
        self._relay = relay
        self._connections = connections
        self._switchboard = switchboard
        self._clock = WallClock()
        self._told: set[Grant] = set()
        self.warnings: list[str] = []
        """What the last look found, for people."""

    async def keep_looking(self) -> None:
        """Look until the task is cancelled."""
        while True:
            wait = self.look(time.time(), time.monotonic())
            await asyncio.sleep(wait)

    def look(self, wall: float, monotonic: float) -> float:
        """Warn and disconnect whom it concerns; returns the seconds until the next look."""
        soon = expiring(self._seconds_left(wall))
        ours = {grant: left for grant, left in soon.items() if not is_voucher(grant)}
        self.warnings = sorted(warning(grant, left) for grant, left in ours.items())
        for grant in ours.keys() - self._told:
            self._tell(grant, ours[grant])
        self._told = set(ours)
        calm = self._clock.is_calm(wall, monotonic)
        expired = frozenset(grant for grant, left in soon.items() if left <= 0)
        if expired and calm and self._settings.current.auth.end_expired:
            self._switchboard.handle(Revoked(expired, "the token has expired"))
        waits = [left for left in soon.values() if left > 0]
        return min(LONGEST_WAIT, max(SHORTEST_WAIT, min(waits, default=LONGEST_WAIT)))

    def _seconds_left(self, wall: float) -> dict[Grant, float | None]:
        tokens = self._settings.tokens
        if tokens is None:
            return {}
        here = {connection.grant for connection in self._connections.by_sid.values()}
        grants = here | self._relay.grants()  # some are here, and in a room of another host
        return {grant: tokens.seconds_left(grant, wall) for grant in grants if grant is not None}

    def _tell(self, grant: Grant, left: float) -> None:
        log.warning("%s", warning(grant, left))
        for connection in list(self._connections.by_sid.values()):
            if left > 0 and connection.grant == grant:
                connection.emit("token_expires", {"seconds": int(left)})
