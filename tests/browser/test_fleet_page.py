"""What the status page shows of a fleet: hosts, rooms elsewhere, and the loss of Redis."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from browser.test_pages import Visit, all_violations
from browser.test_status_page import show, status_of
from integration.server import ServerProcess

LOST = "Redis has not answered for 12 s: rooms on two hosts are apart (it hangs)"


def host(name: str, state: str, **more: Any) -> dict[str, Any]:
    counts = {"rooms": 1, "peers": 2, "round_trip_ms": None}
    about = {"name": name, "instance": name, "version": "1", "url": None, **counts}
    return {**about, "known_seconds": 9.0, "silent_seconds": 0.0, "state": state, **more}


def fleet(*hosts: Any, **more: Any) -> dict[str, Any]:
    own = {"name": "a", "instance": "a", "since": 9.0, "signed": True, "state": "together"}
    return {**own, "warnings": [], "elsewhere": [], "hosts": [host("a", "here"), *hosts], **more}


@pytest.fixture
def status(server: ServerProcess) -> Any:
    return status_of(server.url)


def test_page_without_a_fleet_shows_no_hosts(
    visit: Visit, server: ServerProcess, status: Any
) -> None:
    assert status["fleet"] is None
    page = show(visit, server.url, status)
    expect(page.locator("#fleet-title")).to_be_hidden()
    expect(page.locator("#elsewhere-title")).to_be_hidden()


def test_hosts_and_rooms_elsewhere_link_to_the_pages_of_their_hosts(
    visit: Visit, server: ServerProcess, status: Any
) -> None:
    b = host("b", "linked", url="https://b.example", round_trip_ms=1.23, rooms=2)
    room = {"room": "drone 2", "host": "b", "url": "https://b.example", "peers": ["gcom", "x"]}
    status["fleet"] = fleet(b, host("c", "unlinked"), elsewhere=[room])
    status.update(rooms=[], headline=None)  # other tests leave some on this server
    page = show(visit, server.url, status)
    hosts = page.locator("#hosts li")
    expect(hosts.nth(0)).to_have_text("a this host · 1 room · 2 peers")
    expect(hosts.nth(1)).to_have_text("b linked · 2 rooms · 2 peers · 1.2 ms")
    expect(hosts.nth(2)).to_have_text("c not linked · 1 room · 2 peers")
    link = page.get_by_role("link", name="b", exact=True)
    expect(link.first).to_have_attribute("href", "https://b.example/status")
    line = page.locator("#elsewhere li")
    expect(line).to_have_text("drone 2 is served by b; from here: gcom, x")
    expect(line.get_by_role("link")).to_have_attribute(
        "href", "https://b.example/status#room-drone%202"
    )
    expect(page.locator("#verdict")).to_have_text("All peers here are in rooms of other hosts")
    expect(page.locator("#rooms .card")).to_have_count(0)
    assert all_violations(page) == []


def test_url_that_is_no_page_of_the_web_is_no_link(
    visit: Visit, server: ServerProcess, status: Any
) -> None:
    status["fleet"] = fleet(host("b", "linked", url="javascript:alert(1)"))
    page = show(visit, server.url, status)
    expect(page.locator("#hosts li")).to_have_count(2)
    expect(page.locator("#hosts a")).to_have_count(0)


def test_loss_of_redis_stands_above_the_hosts_and_not_below_as_well(
    visit: Visit, server: ServerProcess, status: Any
) -> None:
    status["fleet"] = fleet(host("b", "apart"), state="alone", warnings=[LOST])
    status["server"]["warnings"] = ["open to anyone", LOST]
    page = show(visit, server.url, status)
    expect(page.locator("#fleet-warnings li")).to_have_text([LOST])
    expect(page.locator("#warnings li").filter(has_text="Redis")).to_have_count(0)
    expect(page.locator("#warnings li").first).to_have_text("open to anyone")
    expect(page.locator("#hosts li").nth(1)).to_contain_text("apart")
    assert all_violations(page) == []
