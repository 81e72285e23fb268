"""What clients hear is validated: real clients, against a server that says something wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from contract import found
from integration import inside
from integration.conftest import Visitors
from integration.pages import get
from integration.raw import RawClient
from signaling_server import self_report
from signaling_server.core.protocol import notices
from signaling_server.transport.arrival import Arrival

WRONG_WELCOME = "heard welcome: $.server: None is not of type 'string'"


@pytest.fixture
def wrong_welcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """Breaks the first event of every connection to a server of this process."""
    monkeypatch.setattr(notices, "SERVER", None)


@pytest.mark.usefixtures("wrong_welcome")
async def test_wrong_event_fails_the_test_of_every_client(visitors: Visitors, kind: str) -> None:
    async with inside.running() as server:
        client = await visitors.join(url=server.url)
        await client.disconnect()
    assert set(found.take()) == {WRONG_WELCOME}


@pytest.mark.usefixtures("wrong_welcome")
async def test_wrong_event_fails_the_test_of_a_raw_client() -> None:
    async with inside.running() as server, RawClient(server.url) as client:
        await client.hello()
    assert found.take() == [WRONG_WELCOME]


async def test_wrong_acknowledgement_fails_the_test(
    visitors: Visitors, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = Arrival.ice_servers

    def endless(*arguments: Any) -> Any:
        return servers(*arguments)[0], "endless"

    monkeypatch.setattr(Arrival, "ice_servers", endless)
    async with inside.running() as server:
        client = await visitors.join(url=server.url)
        await client.call("ice_servers")
        await client.disconnect()
    complaints = found.take()
    assert complaints
    assert all(each.startswith("ack ice_servers: ") for each in complaints)


async def test_wrong_answer_over_http_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    build = self_report.build

    def broken(*arguments: Any, **options: Any) -> Any:
        body = build(*arguments, **options)
        return {**body, "counters": {**body["counters"], "expired": "none"}}

    async with inside.running() as server:
        loop, url = asyncio.get_running_loop(), f"{server.url}/api/status"
        await loop.run_in_executor(None, get, url)
        assert found.take() == []
        monkeypatch.setattr(self_report, "build", broken)
        await loop.run_in_executor(None, get, url)
    wrong = "GET /api/status: 200: $.counters.expired: 'none' is not of type 'integer'"
    assert found.take() == [wrong]
