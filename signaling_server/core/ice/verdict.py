"""Whether a server is silent: the schedule on which it is asked, and what follows from the answers.

Silent means FAILURES failures, one after the other, over SILENT_SECONDS: one lost packet or a radio
dropout of 20 s is no verdict. A silent server is asked often, so that it is back soon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from signaling_server.core.ice.question import Answer


State = Literal["unknown", "answers", "silent"]

FAILURES = 3
SILENT_SECONDS = 30.0
DOUBT_SECONDS = SILENT_SECONDS / (FAILURES - 1)
"""The interval between two questions to a server that has failed to answer."""
AGAIN_SECONDS = 5.0
"""The same for a silent one."""


class Said(NamedTuple):
    """The outcome of a question: the answer, or the reason why there is none.

    `unasked`: the question could not be asked, which says nothing about the server. `addresses` are
    those that were asked.
    """

    answer: Answer | None
    reason: str = ""
    unasked: bool = False
    addresses: tuple[str, ...] = ()


class Watched:
    """A server, and what is known about it. Times are on a monotonic clock."""

    def __init__(self, now: float) -> None:
        self.state: State = "unknown"
        self.since = now
        """The time of the last change of state; of `silent`: when it first failed to answer."""
        self.last: Said | None = None
        """The outcome of the last question."""
        self.addresses: tuple[str, ...] = ()
        """Those that were asked last; a client's relayed address is often one of them."""
        self.due = now
        """When it is to be asked next."""
        self._failures = 0
        """One after the other; the first of them at `_failing_since`."""
        self._failing_since = now

    def heard(self, said: Said, asked_at: float, now: float, interval: float) -> bool:
        """Take the outcome of a question that was asked at `asked_at`.

        `interval` is in seconds, `ice_check.interval`. Returns whether the state has changed.
        """
        before = self.state
        self.last = said
        self.addresses = said.addresses or self.addresses
        if said.answer:
            self._failures = 0
            self._change("answers", now)
        elif not said.unasked:
            self._failed(now)
        self.due = asked_at + self._pause(interval)
        return self.state != before

    def _failed(self, now: float) -> None:
        if not self._failures:
            self._failing_since = now
        self._failures += 1
        if self._failures >= FAILURES and now - self._failing_since >= SILENT_SECONDS:
            self._change("silent", self._failing_since)

    def _change(self, state: State, at: float) -> None:
        if state != self.state:
            self.state, self.since = state, at

    def _pause(self, interval: float) -> float:
        if self.state == "silent":
            return AGAIN_SECONDS
        return min(interval, DOUBT_SECONDS) if self._failures else interval
