"""In a fleet the video outlives each fault of the hosts and of Redis: the same call goes on."""

from __future__ import annotations

import pytest

from faults.fleet_faults import FLEET_FAULTS, befall_fleet


@pytest.mark.parametrize("fault", FLEET_FAULTS)
def test_the_call_goes_on(fault: str) -> None:
    outcome = befall_fleet(fault)
    assert outcome.flows_after is not None, "the video did not come back"
    assert outcome.falls == 0
