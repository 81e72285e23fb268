from __future__ import annotations

from signaling_server.core.protocol.deadlines import Deadlines
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.peers import Peer, Room

ROOM = Room("drone-1")
NODE, GCOM = (Peer(ROOM, Joined(sid, Hello("drone-1")), Budget(0)) for sid in ("node", "gcom"))


def test_nothing_is_due_while_nobody_waits() -> None:
    deadlines = Deadlines()
    assert (deadlines.next, deadlines.due(1e9), deadlines.peers()) == (None, [], [])


def test_earliest_time_is_next() -> None:
    deadlines = Deadlines()
    for peer, at in ((NODE, 20.0), (GCOM, 10.0)):
        deadlines.set(peer, at)
    assert deadlines.next == 10.0
    assert deadlines.due(9.9) == []
    assert deadlines.due(10.0) == [GCOM]
    assert deadlines.due(20.0) == [NODE, GCOM]


def test_later_time_does_not_come_before_an_earlier_one() -> None:
    deadlines = Deadlines()
    deadlines.set(NODE, 10.0)
    deadlines.set(GCOM, 20.0)
    assert deadlines.next == 10.0


def test_withdrawn_time_is_found_to_be_none_at_the_recount() -> None:
    deadlines = Deadlines()
    deadlines.set(NODE, 10.0)
    deadlines.set(GCOM, 20.0)
    deadlines.set(NODE, None)
    assert deadlines.next == 10.0, "early does no harm"
    assert deadlines.due(15.0) == []
    deadlines.recount()
    assert (deadlines.next, deadlines.peers()) == (20.0, [GCOM])
    deadlines.set(GCOM, None)
    deadlines.set(GCOM, None)
    deadlines.recount()
    assert deadlines.next is None
