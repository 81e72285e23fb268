from __future__ import annotations

from signaling_server.core.protocol.events import FACTS, PeerLeft, RoomOverfull
from signaling_server.core.protocol.observer import Observer, merge

LEFT = PeerLeft("sid", "node", "drone-1", "goodbye")
OVERFULL = RoomOverfull("drone-1", ("a", "b", "c"), 2)


def test_observer_records_the_facts_of_its_table_and_no_others() -> None:
    seen: list[object] = []
    observer = Observer({PeerLeft: lambda fact, now: seen.append((fact, now))})
    observer.record(LEFT, 7.0)
    observer.record(OVERFULL, 8.0)
    assert seen == [(LEFT, 7.0)]


def test_merged_table_calls_in_the_order_of_the_observers() -> None:
    seen: list[str] = []
    first = Observer({PeerLeft: lambda fact, now: seen.append("first")})
    second = Observer(
        {
            PeerLeft: lambda fact, now: seen.append("second"),
            RoomOverfull: lambda fact, now: seen.append("overfull"),
        }
    )
    table = merge(first, second)
    assert table.keys() == {*FACTS}
    for fact in (LEFT, OVERFULL):
        for record in table[type(fact)]:
            record(fact, 0.0)
    assert seen == ["first", "second", "overfull"]
