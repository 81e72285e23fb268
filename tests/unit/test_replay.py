from __future__ import annotations

from signaling_server.core.config.schema import ResumeSettings, SocketIOSettings
from signaling_server.core.protocol.limits import OVERHEAD, Budget
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.replay import (
    Departures,
    KeptSignal,
    MissedEvent,
    Replay,
    Sender,
    delivery_horizon,
)

LIMITS = ResumeSettings(window=30.0, max_messages=3, max_bytes=3000)
HORIZON = 40.0


def signal(size: int = 100) -> Signal:
    return Signal("ice-candidate", None, size, "{")


NODE = Sender("node")


def sent(replay: Replay, now: float = 0.0, size: int = 100, sender: Sender = NODE) -> int:
    return replay.keep_sent(sender, signal(size), OVERHEAD + size, LIMITS, HORIZON, now)


def wait(replay: Replay, size: int = 100, sender: Sender = NODE) -> bool:
    return replay.keep_unsent(sender, signal(size), OVERHEAD + size, LIMITS, 0.0)


def numbers(entries: list[KeptSignal | MissedEvent]) -> list[int]:
    return [entry.seq for entry in entries]


def test_delivery_horizon_outlasts_a_ping_its_timeout_and_two_rounds_of_looking() -> None:
    assert delivery_horizon(SocketIOSettings(ping_interval=25, ping_timeout=20)) == 25 + 3 * 20


def test_signals_are_numbered_from_1_or_from_what_was_seen() -> None:
    assert [sent(replay) for replay in (Replay(Budget(10_000)), Replay(Budget(10_000), 7))] == [
        1,
        8,
    ]


def test_number_of_another_relay_resumes_nothing_of_which_something_was_heard() -> None:
    replay = Replay(Budget(10_000), 1000, jumped=True)
    assert replay.can_resume(0)  # its welcome told it to begin at 0, or did not arrive
    assert wait(replay)
    assert replay.can_resume(0)
    assert numbers(replay.resume(0, 0.0)) == [1001]
    assert not replay.can_resume(0)
    assert not replay.can_resume(999)
    assert replay.can_resume(1000)
    replay = Replay(Budget(10_000), 1000, jumped=True)
    assert replay.resume(0, 0.0) == []
    assert replay.can_resume(0)
    assert sent(replay) == 1001
    assert not replay.can_resume(0)
    assert Replay(Budget(10_000), 1000).can_resume(0)


def test_later_signals_are_sent_again_and_stay_kept() -> None:
    budget = Budget(10_000)
    replay = Replay(budget)
    for _ in range(3):
        sent(replay)
    assert numbers(replay.resume(1, 50.0)) == [2, 3]
    assert budget.used == 2 * (100 + OVERHEAD)
    sent(replay, now=90.0)  # counts from the return on: not yet certain
    assert numbers(replay.resume(1, 90.0)) == [2, 3, 4]


def test_signal_that_has_surely_arrived_is_dropped_without_a_gap() -> None:
    replay = Replay(Budget(10_000))
    sent(replay, now=0.0)
    sent(replay, now=40.0)
    assert len(replay) == 2
    sent(replay, now=40.1)
    assert len(replay) == 2
    assert replay.can_resume(0)


def test_oldest_makes_room_and_is_a_gap() -> None:
    replay = Replay(Budget(10_000))
    for _ in range(4):
        sent(replay)
    assert len(replay) == 3
    assert [replay.can_resume(seen) for seen in (0, 1, 4, 5)] == [False, True, True, False]


def test_oldest_makes_room_in_bytes_too() -> None:
    budget = Budget(10_000)
    replay = Replay(budget)
    for _ in range(3):
        sent(replay, size=1244)  # 1500 with what it costs beside
    assert len(replay) == 2
    assert budget.used == 3000


def test_signal_that_finds_no_memory_is_a_gap_once_it_is_needed() -> None:
    replay = Replay(Budget(500))
    sent(replay)
    assert sent(replay) == 2
    assert len(replay) == 1
    assert [replay.can_resume(seen) for seen in (1, 2)] == [False, True]


def test_signal_for_an_absent_peer_is_kept_or_refused() -> None:
    replay = Replay(Budget(10_000))
    assert [wait(replay) for _ in range(4)] == [True, True, True, False]
    assert replay.seq == 3
    assert numbers(replay.resume(0, 0.0)) == [1, 2, 3]


def test_missed_events_are_sent_once_and_in_order() -> None:
    budget = Budget(10_000)
    replay = Replay(budget)
    sent(replay)
    replay.keep_event("peer_left", {"peer_id": "node"}, LIMITS)
    wait(replay)
    assert numbers(replay.resume(1, 0.0)) == [0, 2]
    assert budget.used == 100 + OVERHEAD
    assert numbers(replay.resume(0, 0.0)) == [2]


def test_event_without_room_drops_all_events_until_the_return() -> None:
    replay = Replay(Budget(10_000))
    replay.keep_event("peer_joined", {"peer_id": "a"}, LIMITS)
    replay.keep_event("peer_joined", {"peer_id": "b"}, LIMITS)
    wait(replay)
    replay.keep_event("peer_left", {"peer_id": "a"}, LIMITS)
    assert len(replay) == 1, "welcome.peers tells it all, and half of them would contradict that"
    replay.keep_event("peer_joined", {"peer_id": "c"}, LIMITS)
    assert [type(entry) for entry in replay.resume(0, 0.0)] == [KeptSignal]
    replay.keep_event("peer_left", {"peer_id": "c"}, LIMITS)
    assert [type(entry) for entry in replay.resume(0, 0.0)] == [KeptSignal, MissedEvent]


def test_nobody_gets_the_signals_of_a_sender_that_is_gone() -> None:
    budget = Budget(10_000)
    replay = Replay(budget)
    node, gcom = Sender("node"), Sender("gcom")
    sent(replay, sender=node)
    sent(replay, sender=gcom)
    replay.keep_event("peer_left", {"peer_id": "node"}, LIMITS)
    node.gone = True
    assert replay.can_resume(0)
    assert numbers(replay.resume(0, 0.0)) == [2, 0]
    assert budget.used == 100 + OVERHEAD
    replay.clear()
    assert (len(replay), budget.used) == (0, 0)


def test_signals_of_a_gone_sender_make_room_without_a_gap() -> None:
    replay = Replay(Budget(10_000))
    node = Sender("node")
    for sender in (node, NODE, NODE):
        sent(replay, sender=sender)
    node.gone = True
    sent(replay)
    assert replay.can_resume(0)
    assert numbers(replay.resume(0, 0.0)) == [2, 3, 4]


def test_signals_of_a_gone_sender_make_room_for_a_peer_that_is_away() -> None:
    departures = Departures()
    replay = Replay(Budget(10_000), 0, departures)
    node = Sender("node")
    for sender in (NODE, node, NODE):
        assert wait(replay, sender=sender)
    assert not wait(replay)
    node.gone = True
    departures.count += 1
    assert wait(replay)
    entries = replay._entries
    assert not wait(replay)
    assert replay._entries is entries, "nobody has left since: there is nothing to look for"
    departures.count += 1
    assert not wait(replay)
    assert numbers(replay.resume(0, 0.0)) == [1, 3, 4]


def test_signals_of_a_gone_sender_give_their_bytes_back_in_time() -> None:
    budget = Budget(10_000)
    replay = Replay(budget)
    node = Sender("node")
    sent(replay, sender=node)
    node.gone = True
    replay.settle(-1.0)
    assert (len(replay), budget.used) == (0, 0)


def test_what_has_arrived_gives_its_bytes_back() -> None:
    budget = Budget(10_000)
    replay = Replay(budget)
    for now in (0.0, 1.0, 2.0):
        sent(replay, now=now)
    replay.settle(2.0)
    assert (len(replay), budget.used) == (1, 100 + OVERHEAD)
    replay.settle(2.0)
    assert replay.can_resume(0), "what has arrived is not lost"


def test_what_made_room_for_a_signal_that_does_not_fit_gives_its_bytes_back_too() -> None:
    budget = Budget(10_000)
    replay = Replay(budget)
    sent(replay)
    sent(replay, now=1.0, size=LIMITS.max_bytes)
    assert (len(replay), budget.used) == (0, 0)
    assert replay.can_resume(2)
    assert not replay.can_resume(1)
