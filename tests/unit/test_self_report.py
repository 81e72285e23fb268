"""What the server says about itself, and to whom."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.auth import Tokens
from signaling_server.core.protocol.relay import Relay
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


def test_failed_reload_comes_first() -> None:
    reporting = report()
    reporting.reload_error = "configuration not reloaded: x"
    assert reporting.systemd_line().startswith("configuration not reloaded: x; no peers")
    assert reporting.status()["server"]["warnings"] == ["configuration not reloaded: x", OPEN]


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
