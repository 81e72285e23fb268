from __future__ import annotations

import pytest

from signaling_server.core.insight.sentences import NAMED_PEERS, SAYINGS, reported, sentence
from signaling_server.core.protocol.events import (
    FACTS,
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
from signaling_server.core.protocol.messages import Signal


def accepted(kind: str, to: str | None, delivered: int, held: int) -> SignalAccepted:
    return SignalAccepted("sid", "node", "drone-1", Signal(kind, to, 812, "{"), delivered, held)


def rejected(peer_id: str) -> Rejected:
    return Rejected("sid", peer_id, "drone-1", "10.0.0.2", "too-large", "too long")


def test_every_fact_has_its_own_saying() -> None:
    assert SAYINGS.keys() == {*FACTS}
    assert len({saying.event for saying in SAYINGS.values()}) == len(FACTS)


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (
            Refused("10.0.0.2", "old-client"),
            "refused a client from 10.0.0.2: Socket.IO client 1.x or 2.x (EIO=3); "
            "use 3 or newer: socket.io-client 4, python-socketio 5",
        ),
        (
            Refused("", "jsonp", "in detail"),
            "refused a client: in detail; use WebSocket or ordinary polling: turn forceJSONP off",
        ),
        (
            PeerJoined("sid", "node", "drone-1", "10.0.0.2", "websocket", False),
            "node joined from 10.0.0.2 over websocket",
        ),
        (
            PeerJoined("sid", "node", "drone-1", "10.0.0.2", "polling", True),
            "node rejoined from 10.0.0.2 over polling",
        ),
        (
            PeerResumed("sid", "node", "drone-1", "10.0.0.2", "websocket", 3),
            "node is back from 10.0.0.2 over websocket; it missed 3 messages",
        ),
        (
            PeerReplaced("sid", "node", "drone-1", "10.0.0.2", "10.0.0.3"),
            "a newer connection of node from 10.0.0.3 replaces the one from 10.0.0.2",
        ),
        (
            PeerAway("sid", "node", "drone-1", "ping-timeout", 30.0),
            "node lost its connection (ping-timeout); it may come back within 30 s",
        ),
        (PeerLeft("sid", "node", "drone-1", "goodbye"), "node left (goodbye)"),
        (
            Disconnected("sid", "node", "drone-1", "10.0.0.2", "goodbye", 61.25, 7, 12),
            "connection of node from 10.0.0.2 ended (goodbye) after 61.2 s: 7 signals in, 12 out",
        ),
        (accepted("offer", "gcom", 1, 0), "node sent an offer to gcom"),
        (accepted("answer", None, 2, 0), "node sent an answer to all others"),
        (accepted("ice-candidate", None, 0, 1), "node sent candidates to nobody yet"),
        (
            HeldSignalsDelivered("node", "gcom", "drone-1", 1),
            "1 held signal from node went to gcom",
        ),
        (
            NameContested("sid", "node", "drone-1", "10.0.0.2", "10.0.0.3"),
            "the client at 10.0.0.2, whose connection was replaced from 10.0.0.3, is alive: both"
            " use the name node",
        ),
        (
            HeldSignalsReplaced("node", "drone-1", 2, "a newer offer replaced them"),
            "2 held signals from node dropped: a newer offer replaced them",
        ),
        (
            HeldSignalsExpired("node", "drone-1", 3),
            "3 held signals from node expired: nobody joined in time",
        ),
        (
            RoomOverfull("drone-1", ("gcom", "node", "third"), 2),
            "3 peers here, 2 expected: gcom, node, third",
        ),
        (rejected("node"), "refused node from 10.0.0.2: too-large: too long"),
        (rejected(""), "refused a client from 10.0.0.2: too-large: too long"),
    ],
)
def test_fact_is_one_sentence_that_leaves_the_room_out(fact: Fact, text: str) -> None:
    assert sentence(fact) == text


def test_large_crowd_is_not_named_to_the_last() -> None:
    names = tuple(f"p{number}" for number in range(NAMED_PEERS + 1))
    assert sentence(RoomOverfull("drone-1", names, 2)).endswith("p18, p19, ...")


def test_report_is_a_sentence_too() -> None:
    assert reported("gcom", "connected") == "gcom reports: connected"
