from __future__ import annotations

import pytest

from signaling_server.core.protocol.contests import (
    MAX_TAKEOVERS,
    TAKEOVER_WINDOW,
    Claim,
    Takeover,
    Takeovers,
)
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.peers import Peer, Room

LOSER = Peer(Room("drone-1"), Joined("n1", Hello("drone-1", "node")), Budget(0))


def takeover(claim: Claim, at: float) -> Takeover:
    return Takeover(claim, at, LOSER, "10.0.0.2")


@pytest.mark.parametrize("count", [MAX_TAKEOVERS - 1, MAX_TAKEOVERS])
def test_name_is_contested_after_so_many_takeovers_from_clients_that_live(count: int) -> None:
    claim = Claim()
    for number in range(count):
        claim.count(float(number))
    assert claim.contested(float(count)) is (count == MAX_TAKEOVERS)


def test_takeovers_count_for_their_window() -> None:
    claim = Claim()
    for at in (0.0, 1.0, 2.0):
        claim.count(at)
    assert not claim.contested(TAKEOVER_WINDOW)
    claim.count(TAKEOVER_WINDOW)
    assert claim.contested(TAKEOVER_WINDOW), "1, 2 and the newest"


def test_declared_contest_lasts() -> None:
    claim = Claim()
    claim.declared = True
    assert claim.contested(1e9)


def test_takeover_counts_once_and_only_if_its_loser_lives() -> None:
    claim, takeovers = Claim(), Takeovers()
    for number in range(MAX_TAKEOVERS):
        takeovers.add(f"n{number}", takeover(claim, float(number)))
    assert not claim.contested(3.0), "nobody has shown that it lives"
    assert takeovers.lives("n0") == takeover(claim, 0.0)
    for sid in ("n0", "n0", "n1", "stranger"):
        takeovers.lives(sid)
    assert not claim.contested(3.0)
    takeovers.lives("n2")
    assert claim.contested(3.0)


def test_old_takeovers_are_forgotten() -> None:
    claim, takeovers = Claim(), Takeovers()
    for number in range(100):
        takeovers.add(f"n{number}", takeover(claim, 10.0 * number))
    assert len(takeovers) == TAKEOVER_WINDOW / 10
