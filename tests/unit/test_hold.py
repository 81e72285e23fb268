from __future__ import annotations

import pytest

from signaling_server.core.config.schema import HoldSettings
from signaling_server.core.protocol.hold import Hold
from signaling_server.core.protocol.limits import OVERHEAD, Budget
from signaling_server.core.protocol.messages import Signal
from signaling_server.errors import Rejection

LIMITS = HoldSettings(max_messages=3, max_bytes=2000, max_age=60.0)


def signal(kind: str = "ice-candidate", size: int = 100) -> Signal:
    return Signal(kind, None, size, "{")


def refused(hold: Hold, kind: str = "ice-candidate", size: int = 100) -> bool:
    try:
        hold.add(signal(kind, size), LIMITS, 0.0)
    except Rejection as rejection:
        return rejection.code == "hold-full"
    return False


def test_signals_come_out_in_order_and_once() -> None:
    budget = Budget(10_000)
    hold = Hold(budget)
    signals = [signal("offer"), signal(size=1), signal(size=2)]
    for number, one in enumerate(signals):
        hold.add(one, LIMITS, float(number))
    assert len(hold) == 3
    assert hold.release_all() == signals
    assert hold.release_all() == []
    assert budget.used == 0


def test_full_hold_refuses_the_newest() -> None:
    hold = Hold(Budget(10_000))
    assert not any(refused(hold) for _ in range(3))
    assert refused(hold)
    assert len(hold) == 3


def test_bytes_are_bounded_up_to_the_last_one() -> None:
    hold = Hold(Budget(10_000))
    assert not refused(hold, size=1000 - OVERHEAD)
    assert refused(hold, size=1001 - OVERHEAD)
    assert not refused(hold, size=1000 - OVERHEAD)


def test_new_offer_replaces_all_that_is_older() -> None:
    budget = Budget(10_000)
    hold = Hold(budget)
    for kind in ("offer", "ice-candidate", "ice-candidate"):
        hold.add(signal(kind), LIMITS, 0.0)
    newest = signal("offer", 7)
    hold.add(newest, LIMITS, 1.0)
    assert budget.used == 7 + OVERHEAD
    assert hold.release_all() == [newest]


@pytest.mark.parametrize("size", [2000, 1200], ids=["too large", "no memory"])
def test_refused_offer_replaces_nothing(size: int) -> None:
    budget = Budget(1000)
    hold = Hold(budget)
    hold.add(signal("offer"), LIMITS, 0.0)
    assert refused(hold, "offer", size)
    assert len(hold) == 1
    assert budget.used == 100 + OVERHEAD


def test_offer_may_use_the_memory_of_what_it_replaces() -> None:
    budget = Budget(1000)
    hold = Hold(budget)
    hold.add(signal("offer", 700), LIMITS, 0.0)
    hold.add(signal("offer", 744), LIMITS, 0.0)
    assert budget.used == 1000


def test_expiry_drops_what_is_old_enough() -> None:
    budget = Budget(10_000)
    hold = Hold(budget)
    assert hold.next_deadline(60.0) is None
    hold.add(signal("offer"), LIMITS, 100.0)
    hold.add(signal(), LIMITS, 110.0)
    assert hold.next_deadline(60.0) == 160.0
    assert hold.expire(60.0, 159.9) == 0
    assert hold.expire(60.0, 160.0) == 1
    assert budget.used == 100 + OVERHEAD
    assert hold.next_deadline(60.0) == 170.0
    assert hold.expire(60.0, 1000.0) == 1
    assert (len(hold), budget.used) == (0, 0)


def candidate(ufrag: str = "", number: int = 0) -> Signal:
    told = f'"usernameFragment":"{ufrag}"' if ufrag else ""
    return Signal("ice-candidate", None, 100 + number, '{"data":{' + told + "}")


def offer(*ufrags: str) -> Signal:
    sdp = "v=0" + "".join(f"\\r\\na=ice-ufrag:{ufrag}" for ufrag in ufrags)
    return Signal("offer", None, 100, '{"data":{"sdp":"' + sdp + '"}')


def after(*signals: Signal) -> tuple[int, list[Signal]]:
    """How many signals the last one replaced, and what is held then."""
    budget = Budget(100_000)
    hold = Hold(budget)
    replaced = 0
    for each in signals:
        replaced = hold.add(each, HoldSettings(), 0.0)
    used, held = budget.used, hold.release_all()
    assert used == sum(each.size + OVERHEAD for each in held)
    return replaced, held


def test_candidates_may_come_before_their_offer() -> None:
    signals = [candidate("a", 1), candidate("a", 2), offer("a", "b")]
    assert after(*signals) == (0, signals)


def test_offer_replaces_candidates_of_another_one() -> None:
    mine, other, new = candidate("b"), candidate("a"), offer("b")
    assert after(offer("a"), other, mine, new) == (2, [mine, new])
    assert after(other, mine, new) == (1, [mine, new])


def test_new_offer_of_the_same_ice_session_keeps_its_candidates() -> None:
    assert after(offer("a"), candidate("a"), offer("a")) == (1, [candidate("a"), offer("a")])


def test_candidate_that_does_not_tell_belongs_to_the_held_offer_or_else_to_the_next() -> None:
    assert after(candidate(), offer("a")) == (0, [candidate(), offer("a")])
    assert after(candidate(), offer("a"), offer("b")) == (2, [offer("b")])
    assert after(offer("a"), candidate(), offer("b")) == (2, [offer("b")])


def test_candidates_of_an_offer_that_does_not_tell_are_those_before_it() -> None:
    assert after(candidate("a"), offer()) == (0, [candidate("a"), offer()])
    assert after(offer(), candidate("a"), offer()) == (2, [offer()])


def test_offer_replaces_an_answer() -> None:
    assert after(Signal("answer", None, 5, "{"), offer("a")) == (1, [offer("a")])
