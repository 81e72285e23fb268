"""What passes between hosts, counted also when a link is gone."""

from __future__ import annotations

from signaling_server.core.fleet.link import Link
from signaling_server.core.fleet.tally import Tally
from signaling_server.core.protocol.limits import Budget


def link(resent: int, gaps: int) -> Link:
    made = Link("a", "b", lambda: "g", lambda text: "", Budget(9), 9, 9.0, 0.0)
    made.resent, made.gaps = resent, gaps
    return made


def test_counters_of_a_link_count_after_it_is_forgotten() -> None:
    tally, old, new = Tally(), link(3, 5), link(1, 2)
    assert (tally.resent([old]), tally.gaps([old])) == (3, 5)
    tally.retire(old)
    assert (tally.resent([new]), tally.gaps([new])) == (4, 7)
