"""A signal in a room that its host serves costs the same, whether there is a fleet or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.redis_server import RedisServer
from integration.test_cost import FORMS, _counted
from signaling_server.core.config.fleet_settings import FleetSettings
from signaling_server.core.config.fleet_types import parse_url


@pytest.mark.parametrize("form", FORMS)
async def test_local_signal_costs_not_one_call_more_in_a_fleet(
    form: str, tmp_path: Path, shared_redis: RedisServer
) -> None:
    fleet = FleetSettings(url=parse_url(shared_redis.url), prefix=form)
    alone = await _counted(FORMS[form], tmp_path)
    together = await _counted(FORMS[form], tmp_path, fleet)
    ours = "signaling_server"
    assert together[ours] == alone[ours] > 0
