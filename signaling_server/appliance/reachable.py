"""Where other machines reach this server now: for the pages, and for the log when it changes.

An onboard computer gets its address some time after the server has started, and another one in the
next network. So the addresses are read anew each time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Awaitable, Callable

from signaling_server.appliance.own_addresses import own_addresses
from signaling_server.core.config.live import Settings
from signaling_server.core.reporting.client_urls import (
    Interface,
    Place,
    client_url,
    note,
    places,
)

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""The interval between two looks whether the addresses have changed."""


class Reachable:
    """You must set `port` when the port is open, and then run `keep_telling`."""

    def __init__(
        self,
        settings: Settings,
        scheme: str,
        addresses: Callable[[], list[Interface]] = own_addresses,
    ) -> None:
        self.port = settings.current.listen.port
        self._host = settings.current.listen.host
        self._settings = settings
        self._scheme = scheme
        self._addresses = addresses

    def places(self) -> list[Place]:
        """Where clients connect, the likeliest first."""
        return places(self._host, self.port, self._scheme, self._addresses())

    def report(self) -> dict[str, Any]:
        """{places, note, room}: what the pages show of it; `note` says why there is no place."""
        found = self.places()
        return {
            "places": [place._asdict() for place in found],
            "note": note(self._host, found),
            "room": self._room(),
        }

    def _room(self) -> str:
        """The room of a client that names none."""
        return self._settings.current.rooms.default

    async def keep_telling(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Log the addresses, and again whenever they have changed."""
        told: list[str] = []
        while True:
            lines = self.lines()
            if lines != told:
                for line in lines:
                    log.info("%s", line)
                told = lines
            await sleep(LOOK_SECONDS)

    def lines(self) -> list[str]:
        """The complete URLs for both kinds of clients, one line for each address."""
        found = self.places()
        if not found:
            return [note(self._host, found)]
        return [
            f"clients reach this server over {place.kind}: "
            f"Streaming Node {client_url(place.url, self._room(), 'streaming-node')} "
            f"GCOM {client_url(place.url, self._room(), 'gcom')}"
            for place in found
        ]
