"""What the server says about itself, and to whom."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from signaling_server.appliance import starts
from signaling_server.core.config.fleet_settings import FleetSettings
from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.core.fleet.state import FleetState
from signaling_server.core.ice import ice_report
from signaling_server.core.protocol.auth import Tokens
from signaling_server.core.protocol.events import PeerJoined, PeerLeft
from signaling_server.core.protocol.relay import Relay
from signaling_server.core.protocol.scope import Scope
from signaling_server.core.reporting.readiness import Phase
from signaling_server.fleet.seen import Seen
from signaling_server.instruments import Instruments
from signaling_server.self_report import SelfReport
from signaling_server.version import RELEASED, VERSION

OPEN = "open to anyone: no auth.tokens_file"


OPEN_SERVER = Loaded(Config(), {})


def report(loaded: Loaded = OPEN_SERVER, warning: str | None = None) -> SelfReport:
    """A server's report; with a certificate that gives this warning, if it is not None."""
    expiry: Any = SimpleNamespace(warning=lambda wall_clock, released: warning)
    certificate = None if warning is None else expiry
    return SelfReport(Settings(loaded), Relay(loaded.config), Instruments(), certificate, lambda: 7)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock is set, whatever this machine says."""
    monkeypatch.setattr(time, "time", lambda: RELEASED + 1)


def test_open_server_warns_of_it_and_one_with_tokens_does_not() -> None:
    assert report().warnings() == [OPEN]
    assert report(Loaded(Config(), {}, Tokens([], 0.0))).warnings() == []


def test_warning_about_the_certificate_is_passed_on() -> None:
    assert report(warning="expires").warnings() == [OPEN, "expires"]
    assert report(warning="").warnings() == [OPEN]


def test_clock_before_the_build_date_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: RELEASED - 1)
    unset = "the system clock is not set: expiry dates are not checked"
    assert report().warnings() == [OPEN, unset]


def test_tokens_that_expire_soon_are_warnings() -> None:
    settings = Settings(OPEN_SERVER)
    parts = Relay(OPEN_SERVER.config), Instruments(), None
    reporting = SelfReport(settings, *parts, lambda: 0, lambda: ["the token of node expires"])
    assert reporting.warnings()[-1] == "the token of node expires"
    scope = Scope(("drone-1",))  # whose token it is, is no business of who sees one room alone
    assert reporting.status(scope)["server"]["warnings"] == reporting.warnings()[:-1]


def test_what_the_watchdog_does_without_is_a_warning() -> None:
    reporting = report()
    reporting.self_check = lambda: "no address"
    assert reporting.warnings() == [OPEN, "no address"]


def test_file_that_nobody_finds_and_odd_files_are_warnings() -> None:
    reporting = report(OPEN_SERVER._replace(remarks=("a.yml is not read",)))
    reporting.address_error = "address.json cannot be written"
    assert reporting.warnings() == [OPEN, "address.json cannot be written", "a.yml is not read"]


def test_failed_reload_comes_first() -> None:
    reporting = report()
    reporting.reload_error = "configuration not reloaded: x"
    assert reporting.systemd_line().startswith("configuration not reloaded: x; no peers")
    assert reporting.status()["server"]["warnings"] == ["configuration not reloaded: x", OPEN]


def test_timeline_shows_the_starts_of_earlier_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    starts.remember(RELEASED - 60, RELEASED)
    reporting = report()
    assert reporting.remember_start()
    fact = PeerJoined("s", "gcom", "drone-1", "10.0.0.5", "websocket", False)
    reporting._instruments.record(fact)
    reporting._instruments.record(PeerLeft("s", "gcom", "drone-1", "goodbye"))
    (room,) = reporting.status()["former_rooms"]
    shown = [(event["kind"], event["seconds_ago"]) for event in room["timeline"]["events"]]
    assert [kind for kind, _ in shown] == ["server", "server", "joined", "left"]
    assert shown[0][1] == pytest.approx(61, abs=5)
    assert len(starts.read(RELEASED + 1)) == 2


def test_start_is_remembered_once_the_clock_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(time, "time", lambda: RELEASED - 1)
    reporting = report()
    assert not reporting.remember_start()
    assert reporting.status()["server"]["time"] is None
    assert starts.read(RELEASED) == []
    monkeypatch.setattr(time, "time", lambda: RELEASED + 5)
    assert reporting.remember_start()
    assert reporting.status()["server"]["time"] == RELEASED + 5
    assert reporting.status()["server"]["time"] == RELEASED + 5
    assert starts.read(RELEASED + 5) != []


def test_status_as_text_is_for_open_servers_alone() -> None:
    lines = report().open_status_lines()
    assert lines is not None
    assert lines[0].startswith(f"hawkeye-signaling {VERSION}")
    assert f"warning: {OPEN}" in lines
    assert report(Loaded(Config(), {}, Tokens([], 0.0))).open_status_lines() is None


def test_status_has_the_ice_servers_and_a_finding_for_a_silent_one() -> None:
    row = {"url": "stun:a", "state": "silent", "since": 60.0, "text": ice_report.COST}
    parts = Relay(OPEN_SERVER.config), Instruments(), None
    reporting = SelfReport(Settings(OPEN_SERVER), *parts, lambda: 0, ice_servers=lambda: [row])
    status = reporting.status()
    assert status["ice_servers"] == [row]
    assert [finding["code"] for finding in status["diagnosis"]] == [ice_report.CODE]
    assert report().status()["ice_servers"] == []
    assert "stun:a" not in reporting.systemd_line()


def test_ice_server_that_refuses_the_credentials_comes_first_for_systemd() -> None:
    row = {"url": "turn:a", "state": "answers", "since": 60.0, "text": f"no{ice_report.BLAME}"}
    parts = Relay(OPEN_SERVER.config), Instruments(), None
    reporting = SelfReport(Settings(OPEN_SERVER), *parts, lambda: 0, ice_servers=lambda: [row])
    assert reporting.systemd_line().startswith(f"turn:a: no. {ice_report.CORRECT}; no peers; ")


def test_line_for_systemd_ends_with_the_warnings() -> None:
    assert report().systemd_line() == f"no peers; 0 signals; {OPEN}"


def test_health_without_details_is_ok_and_the_instance() -> None:
    reporting = report()
    assert reporting.health(False) == {"status": "ok", "instance": reporting.instance}
    details = reporting.health(True)
    assert (details["version"], details["peers"], details["rooms"]) == (VERSION, 0, 0)
    assert report().instance != reporting.instance


def test_metrics_read_the_parts() -> None:
    page = asyncio.run(report().metrics())
    assert "hawkeye_peers 0" in page
    assert f'hawkeye_build_info{{version="{VERSION}"' in page
    assert any(line.endswith(" 7") for line in page.splitlines() if "high_water" in line)


def test_warnings_follow_a_reload() -> None:
    settings = Settings(Loaded(Config(), {}))
    reporting = SelfReport(settings, Relay(Config()), Instruments(), None, lambda: 0)
    assert reporting.warnings() == [OPEN]
    settings.replace(Loaded(replace(Config()), {}, Tokens([], 0.0)))
    assert reporting.warnings() == []


class InFleet(Seen):
    """A host whose fleet is in this state."""

    def __init__(self, state: FleetState) -> None:
        super().__init__()
        self.seen = state

    def state(self) -> FleetState:
        return self.seen


TOGETHER = FleetState("a", "1f", together=True, seconds=9.0, lost_because="", lost=0.0)
ALONE = TOGETHER._replace(together=False, lost_because="it hangs", lost=12.0)
APART = "Redis has not answered for 12 s: rooms on two hosts are apart (it hangs)"


def in_fleet(state: FleetState, loaded: Loaded = OPEN_SERVER) -> SelfReport:
    parts = Settings(loaded), Relay(loaded.config), Instruments(), None
    return SelfReport(*parts, lambda: 0, seen=InFleet(state))


@pytest.mark.parametrize("detailed", [False, True])
def test_health_says_whether_the_fleet_is_together(detailed: bool) -> None:
    assert in_fleet(TOGETHER).health(detailed)["fleet"] == "together"
    assert in_fleet(ALONE).health(detailed)["fleet"] == "alone"
    assert "fleet" not in report().health(detailed)


def test_loss_of_redis_is_a_warning() -> None:
    reporting = in_fleet(ALONE)
    assert reporting.warnings() == [OPEN, APART]
    assert reporting.systemd_line().endswith(f"1 host: a (here); {OPEN}; {APART}")
    assert reporting.status()["fleet"]["state"] == "alone"
    assert report().status()["fleet"] is None


def test_server_is_ready_while_it_serves() -> None:
    reporting = report()
    assert reporting.unready() == "starting"
    reporting.phase = Phase.SERVING
    assert reporting.unready() == ""
    reporting.phase = Phase.DRAINING
    assert reporting.unready() == "draining"


def test_host_that_is_alone_is_unready_if_the_configuration_wants_it() -> None:
    needs = replace(Config(), fleet=FleetSettings(ready_needs_engine=True))
    for loaded, reason in ((OPEN_SERVER, ""), (Loaded(needs, {}), "alone")):
        reporting = in_fleet(ALONE, loaded)
        reporting.phase = Phase.SERVING
        assert reporting.unready() == reason
