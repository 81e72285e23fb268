"""Facts to log lines, one each; a peer that sends very many signals gets one line a second."""

from __future__ import annotations

import logging
from typing import Any

from signaling_server.core.insight.sentences import SAYINGS
from signaling_server.core.protocol.events import (
    Fact,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    HeldSignalsReplaced,
    Refused,
    Rejected,
    SignalAccepted,
)
from signaling_server.core.protocol.observer import Observer
from signaling_server.core.reporting.line_limiter import LineLimiter

log = logging.getLogger(__name__)

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING}
_FIELDS = {
    "room": "HAWKEYE_ROOM",
    "peer_id": "HAWKEYE_PEER",
    "sender": "HAWKEYE_PEER",
    "sid": "HAWKEYE_SID",
    "address": "HAWKEYE_ADDRESS",
    "code": "HAWKEYE_CODE",
    "delivered": "HAWKEYE_DELIVERED",
}
"""The journal's name of a field of a fact; the others are in the sentence alone."""


class FactLogger(Observer):
    """Writes the facts of the relay to the log.

    You must call `write_sums` when `next_deadline` says so, or sums come out late.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                **dict.fromkeys(SAYINGS, self._other),
                SignalAccepted: self._signal,
                Rejected: self._rejection,
                Refused: self._refusal,
            }
        )
        self._signals = LineLimiter()
        self._rejections = LineLimiter()
        self.summing = False
        """Whether a fact was counted for a sum that is still to be written."""

    def next_deadline(self) -> float | None:
        """When `write_sums` has something to write."""
        deadlines = [self._signals.next_deadline(), self._rejections.next_deadline()]
        return min((at for at in deadlines if at is not None), default=None)

    def write_sums(self, now: float) -> None:
        """Write the sums whose second is over."""
        for sums, noun, level in (
            (self._signals, "signals", logging.INFO),
            (self._rejections, "rejections", logging.WARNING),
        ):
            for summary in sums.due(now):
                who, room = summary.key if isinstance(summary.key, tuple) else (summary.key, None)
                _write(level, room, f"{who}: {summary.text(noun)}", "sum", {"HAWKEYE_PEER": who})
        self.summing = self.next_deadline() is not None

    def _signal(self, fact: SignalAccepted, now: float) -> None:
        if not log.isEnabledFor(logging.INFO):
            return
        _, sender, room, signal, delivered, waiting = fact  # at once: this is the hot path
        if self._signals.admit((sender, room), signal.type, now, signal.size):
            held = f", held for {waiting}" if waiting else ""
            _write_fact(fact, f" ({signal.size} bytes): delivered to {delivered}{held}")
        else:
            self.summing = True

    def _rejection(self, fact: Rejected, now: float) -> None:
        if self._rejections.admit((fact.peer_id or fact.address, fact.room), fact.code, now):
            _write_fact(fact)
        else:
            self.summing = True

    def _refusal(self, fact: Refused, now: float) -> None:
        if self._rejections.admit((fact.address, None), fact.code, now):
            _write_fact(fact)
        else:
            self.summing = True

    def _other(self, fact: Fact, now: float) -> None:
        _write_fact(fact)


def _write_fact(fact: Fact, detail: str = "") -> None:
    saying = SAYINGS[type(fact)]
    text = saying.sentence(fact) + detail
    _write(_LEVELS[saying.level], fact.room, text, saying.event, _fields(fact))


def _write(level: int, room: str | None, text: str, event: str, fields: dict[str, Any]) -> None:
    where = f"room {room}: " if room else ""
    extra = {"HAWKEYE_EVENT": event, "HAWKEYE_ROOM": room or None, **fields}
    log.log(level, "%s%s", where, text, extra=extra)


def _fields(fact: Fact) -> dict[str, Any]:
    """The journal fields of a fact: HAWKEYE_ROOM, HAWKEYE_PEER, ...; None for what is empty."""
    values = fact._asdict()
    fields = {name: values[key] for key, name in _FIELDS.items() if key in values}
    if isinstance(fact, SignalAccepted):
        signal = fact.signal
        fields.update(HAWKEYE_TYPE=signal.type, HAWKEYE_TO=signal.to, HAWKEYE_BYTES=signal.size)
    elif isinstance(fact, HeldSignalsDelivered):
        fields.update(HAWKEYE_PEER=fact.sender, HAWKEYE_TO=fact.peer_id)
    elif isinstance(fact, (HeldSignalsExpired, HeldSignalsReplaced)):
        fields["HAWKEYE_CODE"] = "expired"
    return {name: None if value == "" else value for name, value in fields.items()}
