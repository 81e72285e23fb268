"""What each fact is called and how it is said: once, for the log and for the status page.

The sentence leaves the room out: the log puts it before, the page has a column for it.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple

from signaling_server.core.protocol.events import (
    Disconnected,
    Fact,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    HeldSignalsReplaced,
    NameContested,
    PeerAway,
    PeerJoined,
    PeerLeft,
    PeerReplaced,
    PeerResumed,
    Refused,
    Rejected,
    RoomOverfull,
    SignalAccepted,
)
from signaling_server.core.protocol.refusals import reason_of
from signaling_server.core.words import first, plural

NAMED_PEERS = 20
"""Peers of an overfull room that a sentence names."""
_SIGNALS = {"offer": "an offer", "answer": "an answer", "ice-candidate": "candidates"}


class Saying(NamedTuple):
    """How a fact of one type is said."""

    event: str
    """The value of HAWKEYE_EVENT in the journal: docs/operations.md names them."""
    sentence: Callable[[Any], str]
    level: str = "info"


def sentence(fact: Fact) -> str:
    """A fact, for a person."""
    return SAYINGS[type(fact)].sentence(fact)


def reported(peer_id: str, state: str, to: str = "") -> str:
    """A client's report, for a person."""
    about = f" (its call with {to})" if to else ""
    return f"{peer_id} reports: {state}{about}"


def _joined(fact: PeerJoined) -> str:
    verb = "rejoined" if fact.rejoined else "joined"
    return f"{fact.peer_id} {verb} from {fact.address} over {fact.transport}"


def _resumed(fact: PeerResumed) -> str:
    missed = plural(fact.missed, "message")
    return f"{fact.peer_id} is back from {fact.address} over {fact.transport}; it missed {missed}"


def _replaced(fact: PeerReplaced) -> str:
    return (
        f"a newer connection of {fact.peer_id} from {fact.by_address} "
        f"replaces the one from {fact.address}"
    )


def _contested(fact: NameContested) -> str:
    return (
        f"the client at {fact.address}, whose connection was replaced from {fact.by_address}, "
        f"is alive: both use the name {fact.peer_id}"
    )


def _away(fact: PeerAway) -> str:
    return (
        f"{fact.peer_id} lost its connection ({fact.reason}); "
        f"it may come back within {fact.window:g} s"
    )


def _left(fact: PeerLeft) -> str:
    return f"{fact.peer_id} left ({fact.reason})"


def _accepted(fact: SignalAccepted) -> str:
    receiver = fact.signal.to or ("all others" if fact.delivered else "nobody yet")
    return f"{fact.sender} sent {_SIGNALS[fact.signal.type]} to {receiver}"


def _delivered(fact: HeldSignalsDelivered) -> str:
    return f"{plural(fact.signals, 'held signal')} from {fact.sender} went to {fact.peer_id}"


def _expired(fact: HeldSignalsExpired) -> str:
    signals = plural(fact.signals, "held signal")
    return f"{signals} from {fact.peer_id} expired: nobody joined in time"


def _dropped(fact: HeldSignalsReplaced) -> str:
    return f"{plural(fact.signals, 'held signal')} from {fact.peer_id} dropped: {fact.reason}"


def _overfull(fact: RoomOverfull) -> str:
    peers = plural(len(fact.peer_ids), "peer")
    return f"{peers} here, {fact.expected} expected: {first(fact.peer_ids, NAMED_PEERS)}"


def _rejected(fact: Rejected) -> str:
    who = fact.peer_id or "a client"
    return f"refused {who} from {fact.address}: {fact.code}: {fact.message}"


def _refused(fact: Refused) -> str:
    reason = reason_of(fact.code, fact.detail)
    who = f"a client from {fact.address}" if fact.address else "a client"
    return f"refused {who}: {reason.why}; {reason.advice}"


def _disconnected(fact: Disconnected) -> str:
    return (
        f"connection of {fact.peer_id} from {fact.address} ended ({fact.reason}) "
        f"after {fact.seconds:.1f} s: {fact.received} signals in, {fact.sent} out"
    )


SAYINGS: Mapping[type, Saying] = {
    PeerJoined: Saying("joined", _joined),
    PeerResumed: Saying("resumed", _resumed),
    PeerReplaced: Saying("replaced", _replaced),
    NameContested: Saying("contested", _contested),
    PeerAway: Saying("broke", _away),
    PeerLeft: Saying("left", _left),
    SignalAccepted: Saying("signal", _accepted),
    HeldSignalsDelivered: Saying("released", _delivered),
    HeldSignalsExpired: Saying("expired", _expired, "warning"),
    HeldSignalsReplaced: Saying("dropped", _dropped),
    RoomOverfull: Saying("crowded", _overfull, "warning"),
    Rejected: Saying("rejected", _rejected, "warning"),
    Refused: Saying("refused", _refused, "warning"),
    Disconnected: Saying("disconnected", _disconnected),
}
