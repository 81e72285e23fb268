"""`report`: what a client says about its RTCPeerConnection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import Visitors
from integration.pages import get
from integration.raw import RawClient
from integration.server import ServerProcess
from signaling_server.core.protocol.rtc_report import STATES

OFFER = {"type": "offer", "data": {"type": "offer", "sdp": "v=0\r\n"}}
ANSWER = {"type": "answer", "data": {"type": "answer", "sdp": "v=0\r\n"}}


def pair(url: str) -> dict[str, Any]:
    """What /api/status says about the only pair."""
    (room,) = get(f"{url}/api/status").json()["rooms"]
    (found,) = room["pairs"]
    return dict(found)


async def test_pair_is_connected_once_both_peers_report_it(
    visitors: Visitors, tmp_path: Path, kind: str
) -> None:
    ends = {"local": {"type": "host", "protocol": "udp"}, "remote": {"candidateType": "relay"}}
    with ServerProcess(tmp_path) as server:
        node = await visitors.join("node", url=server.url)
        gcom = await visitors.join("gcom", url=server.url)
        await node.call("signal", OFFER)
        await gcom.call("signal", {**ANSWER, "to": "node"})
        assert pair(server.url)["state"] != "connected"
        for state in STATES:
            assert await node.call("report", {"state": state}) == {"ok": True}
        for client in (node, gcom):
            await client.call("report", {"state": "connected", "candidate_pair": ends})
        found = pair(server.url)
        assert "report" not in gcom.heard + node.heard
        await visitors.leave()
    assert found["state"] == "connected"
    connected = found["stages"][-1]
    assert connected["stage"] == "connected"
    assert connected["reports"] == {"node": "connected", "gcom": "connected"}
    assert connected["candidate_pairs"]["gcom"] == {
        "local": {"type": "host", "protocol": "udp"},
        "remote": {"type": "relay"},
    }


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({}, "invalid-data"),
        ({"state": "flying"}, "invalid-data"),
        ({"state": None}, "invalid-data"),
        ({"state": ["connected"]}, "invalid-data"),
        (["connected"], "invalid-data"),
        ("connected", "invalid-data"),
        (None, "invalid-data"),
        ({"state": "connected", "more": "x" * 4096}, "too-large"),
    ],
)
async def test_bad_report_gets_an_error_and_the_next_report_is_accepted(
    visitors: Visitors, report: Any, code: str
) -> None:
    client = await visitors.join("node")
    answer = await client.call("report", report)
    assert (answer["ok"], answer["error"]["code"]) == (False, code)
    assert (await client.next("error"))["code"] == code
    assert await client.call("report", {"state": "connected"}) == {"ok": True}


async def test_report_must_have_exactly_one_payload(shared_server: ServerProcess) -> None:
    async with RawClient(shared_server.url, room="odd-reports") as client:
        await client.hello()
        for packet in ('421["report"]', '422["report",{"state":"connected"},1]', '423["report",]'):
            await client.send(packet)
            assert (await client.receive()).startswith('42["error",{"code":"invalid-format"')
            assert (await client.receive()).startswith(f"43{packet[2]}[")
        await client.send('424["report",{"state":"closed"}]')
        assert json.loads((await client.next_ack())[3:]) == [{"ok": True}]


async def test_reports_count_against_the_rate_limit(visitors: Visitors, tmp_path: Path) -> None:
    limits = {"limits": {"messages_per_second": 1, "burst": 3}}
    with ServerProcess(tmp_path, limits) as server:
        client = await visitors.join("node", url=server.url)
        answers = [await client.call("report", {"state": "failed"}) for _ in range(10)]
        await visitors.leave()
    refused = [answer["error"]["code"] for answer in answers if not answer["ok"]]
    assert answers[:3] == [{"ok": True}] * 3
    assert "rate-limited" in refused
    assert set(refused) == {"rate-limited"}
