"""Facts -> log lines, one each; a peer that talks a lot gets one line a second with counts."""

from __future__ import annotations

import logging
from typing import Any, Callable

from signaling_server.core.protocol.events import (
    Disconnected,
    Fact,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Rejected,
    RoomOverfull,
    SignalAccepted,
)
from signaling_server.core.reporting.line_limiter import LineLimiter

log = logging.getLogger(__name__)


class FactLogger:
    """Tells the facts of the relay to the log.

    You must call `tell_sums` when `next_deadline` says so, or what was summed comes out late.
    """

    def __init__(self) -> None:
        self._signals = LineLimiter()
        self._rejections = LineLimiter()
        self._tellers: dict[type, Callable[[Any], None]] = {
            PeerJoined: _entered,
            PeerResumed: _resumed,
            PeerReplaced: _replaced,
            PeerAway: _broke,
            PeerLeft: _departed,
            HeldSignalsDelivered: _released,
            HeldSignalsExpired: _expired,
            RoomOverfull: _crowded,
            Disconnected: _disconnected,
        }

    def note(self, fact: Fact, now: float) -> bool:
        """Tell a fact; True if it was counted for a sum instead. `now` is of a monotonic clock."""
        if type(fact) is SignalAccepted:
            signal = fact.signal
            if not log.isEnabledFor(logging.INFO):
                return False
            if not self._signals.admit((fact.sender, fact.room), signal.type, now, signal.size):
                return True
            _delivered(fact)
        elif type(fact) is Rejected:
            who = fact.peer_id or fact.address
            if not self._rejections.admit((who, fact.room), fact.code, now):
                return True
            _rejected(fact)
        else:
            self._tellers[type(fact)](fact)
        return False

    def next_deadline(self) -> float | None:
        """When `tell_sums` has something to tell."""
        deadlines = [self._signals.next_deadline(), self._rejections.next_deadline()]
        return min((at for at in deadlines if at is not None), default=None)

    def tell_sums(self, now: float) -> None:
        """Write the sums whose second is over."""
        for sums, noun, level in (
            (self._signals, "signals", logging.INFO),
            (self._rejections, "rejections", logging.WARNING),
        ):
            for summary in sums.due(now):
                who, room = summary.key if isinstance(summary.key, tuple) else (summary.key, None)
                text = summary.text(noun)
                log.log(level, "%s: %s", who, text, extra=_fields("sum", room=room, peer=who))


def _fields(event: str, **fields: Any) -> dict[str, Any]:
    """The journal fields of a line: HAWKEYE_EVENT, HAWKEYE_ROOM, ..."""
    return {"HAWKEYE_EVENT": event, **{f"HAWKEYE_{key.upper()}": fields[key] for key in fields}}


def _entered(fact: PeerJoined) -> None:
    log.info(
        "%s %s room %s from %s over %s",
        fact.peer_id,
        "rejoined" if fact.rejoined else "joined",
        fact.room,
        fact.address,
        fact.transport,
        extra=_fields(
            "joined", room=fact.room, peer=fact.peer_id, sid=fact.sid, address=fact.address
        ),
    )


def _resumed(fact: PeerResumed) -> None:
    log.info(
        "%s is back in room %s from %s over %s, %d signals were waiting",
        fact.peer_id,
        fact.room,
        fact.address,
        fact.transport,
        fact.missed,
        extra=_fields(
            "resumed", room=fact.room, peer=fact.peer_id, sid=fact.sid, address=fact.address
        ),
    )


def _replaced(fact: PeerReplaced) -> None:
    log.info(
        "%s in room %s: a newer connection from %s replaces the one from %s",
        fact.peer_id,
        fact.room,
        fact.by_address,
        fact.address,
        extra=_fields(
            "replaced", room=fact.room, peer=fact.peer_id, sid=fact.sid, address=fact.address
        ),
    )


def _broke(fact: PeerAway) -> None:
    log.info(
        "%s in room %s lost its connection (%s), may come back within %g s",
        fact.peer_id,
        fact.room,
        fact.reason,
        fact.window,
        extra=_fields("broke", room=fact.room, peer=fact.peer_id, sid=fact.sid),
    )


def _departed(fact: PeerLeft) -> None:
    log.info(
        "%s left room %s (%s)",
        fact.peer_id,
        fact.room,
        fact.reason,
        extra=_fields("left", room=fact.room, peer=fact.peer_id, sid=fact.sid),
    )


def _disconnected(fact: Disconnected) -> None:
    log.info(
        "connection of %s from %s ended (%s) after %.1f s, %d signals in, %d out",
        fact.peer_id,
        fact.address,
        fact.reason,
        fact.seconds,
        fact.received,
        fact.sent,
        extra=_fields(
            "disconnected", room=fact.room, peer=fact.peer_id, sid=fact.sid, address=fact.address
        ),
    )


def _delivered(fact: SignalAccepted) -> None:
    signal = fact.signal
    log.info(
        "%s from %s to %s in room %s, %d bytes: delivered to %d%s",
        signal.type,
        fact.sender,
        signal.to or "all",
        fact.room,
        signal.size,
        fact.delivered,
        f", held for {fact.held}" if fact.held else "",
        extra={
            "HAWKEYE_EVENT": "signal",
            "HAWKEYE_ROOM": fact.room,
            "HAWKEYE_PEER": fact.sender,
            "HAWKEYE_SID": fact.sid,
            "HAWKEYE_TYPE": signal.type,
            "HAWKEYE_TO": signal.to,
            "HAWKEYE_BYTES": signal.size,
            "HAWKEYE_DELIVERED": fact.delivered,
        },
    )


def _released(fact: HeldSignalsDelivered) -> None:
    log.info(
        "%d held signals of %s went to %s in room %s",
        fact.signals,
        fact.sender,
        fact.peer_id,
        fact.room,
        extra=_fields("released", room=fact.room, peer=fact.sender, to=fact.peer_id),
    )


def _expired(fact: HeldSignalsExpired) -> None:
    log.warning(
        "%d held signals of %s in room %s expired: nobody joined in time",
        fact.signals,
        fact.peer_id,
        fact.room,
        extra=_fields("expired", room=fact.room, peer=fact.peer_id, code="expired"),
    )


def _crowded(fact: RoomOverfull) -> None:
    log.warning(
        "%d peers in room %s, %d expected: %s",
        len(fact.peer_ids),
        fact.room,
        fact.expected,
        ", ".join(fact.peer_ids[:_NAMED]) + (", ..." if len(fact.peer_ids) > _NAMED else ""),
        extra=_fields("crowded", room=fact.room),
    )


_NAMED = 20
"""Peers of a crowded room that a line names."""


def _rejected(fact: Rejected) -> None:
    log.warning(
        "refused %s from %s: %s: %s",
        fact.peer_id or "a client",
        fact.address,
        fact.code,
        fact.message,
        extra=_fields(
            "rejected",
            room=fact.room or None,
            peer=fact.peer_id or None,
            sid=fact.sid or None,
            address=fact.address,
            code=fact.code,
        ),
    )
