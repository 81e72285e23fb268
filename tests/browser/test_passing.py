"""What pages hear is validated: real pages, against a server that answers as it should or not."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Iterator

import pytest
from playwright.sync_api import expect

from browser.test_pages import Visit
from contract import found
from integration import inside
from integration.server import PATIENCE, ServerProcess
from signaling_server import self_report
from signaling_server.core.protocol import notices

JOIN = """async ([transport, room]) => {
  const { io } = await import("/static/vendor/socket.io.esm.js");
  const socket = io({ path: "/socket.io/", transports: [transport], auth: { room, name: "gcom" } });
  await new Promise((resolve) => socket.on("welcome", resolve));
  return socket.emitWithAck("signal", { type: "ice-candidate" });
}"""
TRANSPORTS = ["websocket", "polling"]


class OwnServer:
    """A server in a thread of this process, so that a test can break what it sends."""

    def __init__(self) -> None:
        self.url = ""
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> OwnServer:
        self._thread.start()
        assert self._started.wait(PATIENCE)
        return self

    def __exit__(self, *error: Any) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with inside.running() as server:
            self.url = server.url
            self._started.set()
            await self._ended.wait()


@pytest.fixture
def own() -> Iterator[OwnServer]:
    with OwnServer() as server:
        yield server


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_packets_of_a_page_are_validated(
    visit: Visit, server: ServerProcess, transport: str
) -> None:
    page = visit.open(f"{server.url}/call")
    before = visit.judged
    room = f"passing-{transport}"
    assert page.evaluate(JOIN, [transport, room]) == {"ok": True, "delivered": 0, "held": True}
    assert visit.judged >= before + 2  # `welcome`, and the acknowledgement


def test_answers_to_a_page_are_validated(visit: Visit, server: ServerProcess) -> None:
    page = visit.open(f"{server.url}/status")
    expect(page.locator("#status")).to_be_visible()
    assert visit.judged > 0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_wrong_payload_fails_the_test(
    visit: Visit, own: OwnServer, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    monkeypatch.setattr(notices, "SERVER", None)
    page = visit.open(f"{own.url}/call")
    page.evaluate(JOIN, [transport, "passing"])
    visit.close()
    assert set(found.take()) == {"heard welcome: $.server: None is not of type 'string'"}


def test_wrong_answer_fails_the_test(
    visit: Visit, own: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = self_report.build

    def broken(*arguments: Any, **options: Any) -> Any:
        body = build(*arguments, **options)
        return {**body, "counters": {**body["counters"], "expired": "none"}}

    monkeypatch.setattr(self_report, "build", broken)
    page = visit.open(f"{own.url}/status")
    expect(page.locator("#status")).to_be_visible()
    visit.close()
    complaint = "GET /api/status: 200: $.counters.expired: 'none' is not of type 'integer'"
    assert set(found.take()) == {complaint}
