"""Keeps asking the configured ICE servers whether they answer (core/ice has the rules)."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from typing import TYPE_CHECKING, AbstractSet, Any, Awaitable, Callable, Iterable

from signaling_server.appliance.resolver import Resolver
from signaling_server.background import Background
from signaling_server.core.config.live import Settings
from signaling_server.core.ice import ice_report
from signaling_server.core.ice.in_use import InUse
from signaling_server.core.ice.stun_url import Target, targets
from signaling_server.core.ice.verdict import Said, Watched
from signaling_server.core.protocol.rtc_report import ConnectionReport
from signaling_server.core.protocol.turn_credentials import configured

if TYPE_CHECKING:
    from signaling_server.appliance.ice_asker import Resolve

log = logging.getLogger(__name__)

NAME = "hawkeye-signaling"
"""For whom the server makes its own TURN credentials."""
AT_ONCE = 8
"""Servers that are asked at the same time, at most."""


class IceCheck:
    """The ICE servers of the settings, and what is known of each.

    `is_here(room, peer_id)` tells whether a peer is in a room. You must run `keep_asking` in the
    background, and await `cancel` at the end.
    """

    def __init__(
        self,
        settings: Settings,
        is_here: Callable[[str, str], bool],
        ask_one: Callable[[Target], Awaitable[Said]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._is_here = is_here
        self._ask = ask_one or functools.partial(_ask, resolve=Resolver().resolve)
        self._clock = clock
        self._in_use = InUse()
        self._servers: dict[str, Watched] = {}
        self._asking: set[str] = set()
        self._background = Background()
        self._wake: asyncio.Event | None = None
        settings.subscribe(self._reconfigured)

    def report(self, room: str, peer_id: str, report: ConnectionReport) -> None:
        """Take what a client says of its connection: it may be one by a server that is silent."""
        self._in_use.report(room, peer_id, report)

    def withheld(self) -> AbstractSet[str]:
        """The URLs that clients do not get."""
        if not self._settings.current.ice_check.withhold:
            return frozenset()
        silent = {url for url, each in self._servers.items() if each.state == "silent"}
        return silent - self._used() if silent else silent

    def rows(self) -> list[dict[str, Any]]:
        """Each server, for /api/status; none if they are not asked."""
        self._follow(self._targets())
        now, used = self._clock(), self._used()
        withhold = self._settings.current.ice_check.withhold
        return [
            ice_report.row(url, each, now, withhold, url in used)
            for url, each in self._servers.items()
        ]

    async def keep_asking(self) -> None:
        """Ask each server when it is due."""
        self._wake = asyncio.Event()
        while True:
            self._wake.clear()
            pause = self._ask_those_due(self._targets())
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except asyncio.TimeoutError:
                continue

    async def cancel(self) -> None:
        """Give up all questions; what they have allocated is released."""
        await self._background.cancel()

    def _reconfigured(self) -> None:
        """Ask all at once: the settings have changed, and perhaps the network has."""
        for each in self._servers.values():
            each.due = self._clock()
        self._wake_up()

    def _wake_up(self) -> None:
        if self._wake:
            self._wake.set()

    def _targets(self) -> dict[str, Target]:
        settings = self._settings
        if not settings.current.ice_check.interval:
            return {}
        return targets(configured(settings.current, settings.turn_secret, NAME, time.time()))

    def _ask_those_due(self, wanted: dict[str, Target]) -> float | None:
        """Begin with the questions that are due; returns in how many seconds to come back."""
        self._follow(wanted)
        now = self._clock()
        pauses = []
        for url, watched in self._servers.items():
            if url in self._asking:
                continue
            if watched.due > now:
                pauses.append(watched.due - now)
            elif len(self._asking) < AT_ONCE:
                self._asking.add(url)
                self._background.start(self._ask_one(wanted[url], watched))
        return min(pauses, default=None)

    def _follow(self, wanted: Iterable[str]) -> None:
        """Watch the servers with these URLs, and no others."""
        now = self._clock()
        self._servers = {url: self._servers.get(url) or Watched(now) for url in wanted}

    async def _ask_one(self, target: Target, watched: Watched) -> None:
        asked_at = self._clock()
        try:
            said = await self._ask(target)
        except Exception:
            log.exception("the question to %s failed", target.url)
            said = Said(None, "internal error, see the log", unasked=True)
        finally:
            self._asking.discard(target.url)
            self._wake_up()
        interval = self._settings.current.ice_check.interval
        if watched.heard(said, asked_at, self._clock(), interval):
            self._log(target.url, watched)

    def _log(self, url: str, watched: Watched) -> None:
        level = logging.WARNING if watched.state == "silent" else logging.INFO
        told = ice_report.text(watched, self._clock(), *self._handling(url))
        log.log(level, "ICE server %s: %s", url, told)

    def _handling(self, url: str) -> tuple[bool, bool]:
        return self._settings.current.ice_check.withhold, url in self._used()

    def _used(self) -> set[str]:
        """The URLs of servers that a client uses, as far as can be told."""
        self._in_use.forget(self._is_here)
        servers = self._servers
        known = {url: target for url, target in self._targets().items() if url in servers}
        turn = tuple(
            address
            for url, target in known.items()
            if target.turn
            for address in servers[url].addresses
        )
        return {
            url
            for url, target in known.items()
            if self._in_use.has(target, servers[url].addresses, turn)
        }


async def _ask(target: Target, resolve: Resolve) -> Said:
    """As ice_asker.ask, which is imported for the first question: most servers ask none."""
    from signaling_server.appliance import ice_asker

    return await ice_asker.ask(target, resolve)
