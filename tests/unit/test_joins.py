from __future__ import annotations

import pytest

from signaling_server.core.protocol.joins import CROWD, LONGEST, SECONDS_A_PEER, Joins
from signaling_server.errors import Rejection


def test_few_never_wait() -> None:
    joins = Joins()
    joins.wait(10_000, 100.0)
    assert joins.wait(CROWD - 1, 100.0) == 0.0


def test_clients_of_a_crowd_take_turns() -> None:
    joins, turn = Joins(), 1000 * SECONDS_A_PEER
    waits = [joins.wait(1000, 100.0) for _ in range(3)]
    assert waits == [0.0, pytest.approx(turn), pytest.approx(2 * turn)]
    assert joins.wait(CROWD, 100.0) == pytest.approx(3 * turn), "all crowds share the time"
    assert joins.wait(1000, 200.0) == 0.0


def test_client_that_would_wait_for_long_is_refused() -> None:
    joins = Joins()
    peers = int(2 * LONGEST / SECONDS_A_PEER)
    joins.wait(peers, 100.0)
    with pytest.raises(Rejection) as caught:
        joins.wait(1000, 100.0)
    assert caught.value.code == "server-full"
    assert joins.wait(1000, 100.0 + LONGEST) == pytest.approx(LONGEST, abs=0.001)
