"""What one host knows of its fleet, in words."""

from __future__ import annotations

from signaling_server.core.fleet.state import FleetState, HostState
from signaling_server.core.lone_peer import LonePeer

STATE = FleetState("a", "1f", together=True, seconds=60.0, lost_because="", lost=0.0)


def test_fleet_is_together_while_redis_answers() -> None:
    assert STATE.state == "together"
    assert STATE.sentences == []


def test_fleet_waits_for_a_redis_that_may_be_back_in_time() -> None:
    state = STATE._replace(lost_because="it hangs", lost=2.2)
    assert state.state == "waiting"
    assert state.sentences == ["Redis has not answered for 2 s: rooms on one host go on (it hangs)"]


def test_host_that_goes_on_alone_says_what_that_means() -> None:
    state = STATE._replace(together=False, lost_because="it hangs", lost=12.4)
    assert state.state == "alone"
    assert state.sentences == [
        "Redis has not answered for 12 s: rooms on two hosts are apart (it hangs)"
    ]


def test_other_warnings_come_after_the_loss_of_redis() -> None:
    state = STATE._replace(warnings=["b has another tokens file"], lost_because="x", lost=1.0)
    assert len(state.sentences) == 2
    assert state.sentences[1] == "b has another tokens file"
    assert STATE._replace(warnings=["w"]).state == "together"


def test_lone_peers_are_those_of_other_hosts_while_these_are_heard_of() -> None:
    a, b = (
        HostState(name, name, "", "1", 1, 1, 9.0, 0.0, None, True, (LonePeer("gcom", name, ""),))
        for name in "ab"
    )
    state = STATE._replace(hosts=[a, b])
    assert state.lone == [LonePeer("gcom", "b", "", "b")]
    assert state._replace(lost_because="it hangs").lone == []
