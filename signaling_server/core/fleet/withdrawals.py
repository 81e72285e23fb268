"""Which grants this host has withdrawn, as long as another host may keep something of them.

Told once, it is lost with the link that it was told over. So each link that begins is told again.
"""

from __future__ import annotations

from typing import Callable, Iterable


class Withdrawals:
    """`keep()`: seconds for which another host keeps what a client has left behind."""

    def __init__(self, keep: Callable[[], float]) -> None:
        self._keep = keep
        self._since: dict[str, float] = {}
        """By fingerprint, oldest first."""

    def update(self, gone: Iterable[str], valid: Iterable[str], now: float) -> None:
        """The grants of the fingerprints `gone` are no longer valid, those of `valid` are."""
        for fingerprint in gone:
            self._since.pop(fingerprint, None)
            self._since[fingerprint] = now
        for fingerprint in valid:
            self._since.pop(fingerprint, None)

    def recent(self, now: float) -> tuple[str, ...]:
        """Those that somebody may still have to hear of."""
        oldest = now - self._keep()
        self._since = {one: since for one, since in self._since.items() if since >= oldest}
        return tuple(self._since)
