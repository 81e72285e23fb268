"""`/api/status` and `/metrics` over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from integration.conftest import Visitors
from integration.credentials import new_token, write_tokens
from integration.pages import Page, get
from integration.raw import RawClient
from integration.seen import Running, running
from integration.server import PATIENCE, ServerProcess

OFFER = {"type": "offer", "data": {"type": "offer", "sdp": "v=0\r\na=ice-pwd:planted\r\n"}}
ANSWER = {"type": "answer", "data": {"type": "answer", "sdp": "v=0\r\n"}}


def samples(page: Page) -> dict[str, float]:
    """The values of /metrics, by name with labels."""
    lines = [line for line in page.body.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_status_lists_rooms_and_peers_but_no_signal_data(
    visitors: Visitors, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path) as server:
        node = await visitors.join(url=server.url, name="node", role="streaming-node")
        gcom = await visitors.join(url=server.url, name="gcom", kind="js-polling")
        await node.call("signal", OFFER)
        await gcom.next("signal")
        page = get(f"{server.url}/api/status")
        await visitors.leave()
    assert page.status == 200
    assert page.headers["Content-Type"] == "application/json; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-store"
    found = page.json()
    assert found.keys() >= {"server", "counters", "rooms", "events", "refusals"}
    (room,) = found["rooms"]
    assert [
        (peer["peer_id"], peer["role"], peer["transport"], peer["address"], peer["state"])
        for peer in room["peers"]
    ] == [
        ("node", "streaming-node", "websocket", "127.0.0.1", "present"),
        ("gcom", None, "polling", "127.0.0.1", "present"),
    ]
    assert room["pairs"][0]["peers"] == ["node", "gcom"]
    assert found["counters"]["signals"] == found["counters"]["delivered"] == 1
    assert "planted" not in page.body


async def test_metrics_count_what_the_relay_did(visitors: Visitors, tmp_path: Path) -> None:
    limits = {"limits": {"message_bytes": 4096}}
    with ServerProcess(tmp_path, limits) as server:
        node = await visitors.join(url=server.url, name="node")
        await node.call("signal", OFFER)
        gcom = await visitors.join(url=server.url, name="gcom")
        await gcom.call("signal", {**ANSWER, "to": "node"})
        for wrong in ({"type": "odd"}, {**OFFER, "more": "x" * 5000}, {**OFFER, "to": "nobody"}):
            await node.call("signal", wrong)
        await visitors.join(url=server.url, name="gcom")
        page = get(f"{server.url}/metrics")
        await visitors.leave()
        left = samples(get(f"{server.url}/metrics"))
        while left["hawkeye_peers"]:  # the goodbye is on its way; TEST_SECONDS bounds this loop
            await asyncio.sleep(0.01)
            left = samples(get(f"{server.url}/metrics"))
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-store"
    found = samples(page)
    assert found["hawkeye_peers"] == 2
    assert found["hawkeye_rooms"] == 1
    assert found['hawkeye_signals_total{type="offer"}'] == 1
    assert found['hawkeye_signals_total{type="answer"}'] == 1
    assert found['hawkeye_signals_total{type="ice-candidate"}'] == 0
    assert found["hawkeye_delivered_total"] == 1
    assert found["hawkeye_held_total"] == 1
    assert found["hawkeye_takeovers_total"] == 1
    rejected = {name: value for name, value in found.items() if "rejected" in name}
    assert rejected == {
        f'hawkeye_rejected_total{{code="{code}"}}': 1
        for code in ("invalid-type", "peer-not-found", "too-large")
    }
    assert found["hawkeye_signal_bytes_total"] > len(json.dumps(OFFER))
    assert 1e6 < found["process_resident_memory_bytes"] < 1e9
    assert found["process_cpu_seconds_total"] > 0
    assert 0 <= found["hawkeye_event_loop_lag_seconds"] < PATIENCE
    (build,) = [name for name in found if name.startswith("hawkeye_build_info")]
    assert re.fullmatch(r'hawkeye_build_info\{version="\S+",python="3\.\S+"\}', build)
    assert left["hawkeye_peers"] == left["hawkeye_rooms"] == 0


def test_metrics_and_status_require_a_status_token(tmp_path: Path) -> None:
    tokens, lines = {}, []
    for name, can in (("node", "signal"), ("watcher", "status")):
        tokens[name], line = new_token(name)
        lines.append(line.replace("}", f", can: [{can}]}}"))
    file = write_tokens(tmp_path, lines)
    with ServerProcess(tmp_path, {"auth": {"tokens_file": file}}) as server:
        for path in ("/api/status", "/metrics"):
            url = server.url + path
            for token, code in (
                ("", "missing_token"),
                ("hs_abc_x", "invalid_token"),
                (tokens["node"], "insufficient_scope"),
            ):
                page = get(url, token)
                assert page.status == 401
                challenge = f'Bearer error="{code}"' if token else "Bearer"
                assert page.headers["WWW-Authenticate"] == challenge
                assert page.json()["code"] == code
                assert page.headers["Cache-Control"] == "no-store"
                assert "token" in page.json()["error"]
            assert get(f"{url}?token={tokens['watcher']}").status == 401
            assert get(url, tokens["watcher"]).status == 200


def test_disabled_status_answers_404_and_metrics_still_work(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"status": {"enabled": False}}) as server:
        assert get(f"{server.url}/api/status").status == 404
        assert get(f"{server.url}/metrics").status == 200


@pytest.mark.parametrize("path", ["/api/status", "/metrics"])
def test_status_and_metrics_refuse_post(shared_server: ServerProcess, path: str) -> None:
    assert get(shared_server.url + path, data=b"{}").status == 405


@pytest.mark.parametrize("path", ["/api/status", "/metrics"])
async def test_page_is_built_once_a_second_however_many_ask(tmp_path: Path, path: str) -> None:
    async with running(tmp_path, {}) as server:
        built = count_builds(server)
        async with aiohttp.ClientSession(server.url) as session:

            async def ask() -> int:
                async with session.get(path) as answer:
                    return answer.status

            since = time.monotonic()
            for _ in range(3):
                assert await asyncio.gather(*(ask() for _ in range(30))) == [200] * 30
            seconds = time.monotonic() - since
    assert 2 <= len(built) <= 1 + seconds


def count_builds(server: Running) -> list[float]:
    """The times at which the server looked at its rooms, from now on."""
    built: list[float] = []
    insight = server.app._instruments.insight
    picture, handshakes = insight.picture, insight.handshakes

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(insight, name)

        def picture(self, now: float) -> Any:
            built.append(now)
            return picture(now)

        @property
        def handshakes(self) -> Any:
            built.append(time.monotonic())
            return handshakes

    server.app._instruments.insight = Watched()  # type: ignore[assignment]
    return built


def test_wrong_tokens_are_logged_counted_and_slowed(tmp_path: Path) -> None:
    token, line = new_token("watcher")
    file = write_tokens(tmp_path, [line.replace("}", ", can: [status]}")])
    with ServerProcess(tmp_path, {"auth": {"tokens_file": file}}) as server:

        def seconds(path: str, given: str, expected: int) -> float:
            since = time.monotonic()
            assert get(server.url + path, given).status == expected
            return time.monotonic() - since

        for _ in range(3):
            seconds("/metrics", "", 401)  # guesses nothing
        for path, expected in (("/healthz", 200), ("/api/status", 401), ("/metrics", 401)):
            seconds(path, f"{token}x", expected)
            server.wait_for_line(f"refused a client from 127.0.0.1: unauthorized: .*{path}")
        assert seconds("/metrics", f"{token}x", 401) > 0.3
        assert seconds("/healthz", token, 200) < 0.3
        counted = samples(get(f"{server.url}/metrics", token))
        assert counted['hawkeye_rejected_total{code="unauthorized"}'] == 4
        assert token not in "\n".join(server.lines)


async def test_guesses_over_http_and_socketio_share_their_penalty(tmp_path: Path) -> None:
    token, line = new_token("node")
    file = write_tokens(tmp_path, [line])
    with ServerProcess(tmp_path, {"auth": {"tokens_file": file}}) as server:
        for _ in range(3):
            await asyncio.get_running_loop().run_in_executor(
                None, get, f"{server.url}/metrics", f"{token}x"
            )
        async with RawClient(server.url, token=f"{token}x") as client:
            since = time.monotonic()
            await client.send("40")
            assert (await client.receive()).startswith("44")
            assert time.monotonic() - since > 0.3
