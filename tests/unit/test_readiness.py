"""When a load balancer should send clients here."""

from __future__ import annotations

import pytest

from signaling_server.core.fleet.state import FleetState
from signaling_server.core.reporting.readiness import Phase, unready

TOGETHER = FleetState("a", "1f", together=True, seconds=9.0, lost_because="", lost=0.0)
WAITING = TOGETHER._replace(lost_because="it hangs", lost=2.0)
ALONE = WAITING._replace(together=False)


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.DRAINING])
@pytest.mark.parametrize("fleet", [None, TOGETHER, ALONE])
def test_server_that_starts_or_stops_is_not_ready(phase: Phase, fleet: FleetState | None) -> None:
    assert unready(phase, fleet, needs_engine=False) == phase.value


@pytest.mark.parametrize("needs_engine", [False, True])
@pytest.mark.parametrize("fleet", [None, TOGETHER, WAITING])
def test_server_is_ready_while_redis_may_be_back_in_time(
    fleet: FleetState | None, needs_engine: bool
) -> None:
    assert unready(Phase.SERVING, fleet, needs_engine) == ""


def test_host_that_is_alone_is_unready_if_it_is_to_need_redis() -> None:
    assert unready(Phase.SERVING, ALONE, needs_engine=True) == "alone"
    assert unready(Phase.SERVING, ALONE, needs_engine=False) == ""


def test_host_is_starting_until_redis_has_answered_or_it_goes_on_alone() -> None:
    assert unready(Phase.SERVING, WAITING._replace(met=False), needs_engine=False) == "starting"
    assert unready(Phase.SERVING, ALONE._replace(met=False), needs_engine=False) == ""
