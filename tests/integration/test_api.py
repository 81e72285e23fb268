"""`/api/status` and `/metrics` over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from integration.conftest import Visitors
from integration.credentials import new_token, write_tokens
from integration.pages import Page, get
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
    assert found.keys() == {"server", "counters", "rooms", "events", "refusals"}
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
            for token in ("", "hs_abc_x", tokens["node"]):
                page = get(url, token)
                assert page.status == 401
                assert page.headers["WWW-Authenticate"] == "Bearer"
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
