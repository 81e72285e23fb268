"""promtool, from Debian's package prometheus, accepts /metrics."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from integration.pages import get
from integration.raw import RawClient
from integration.server import PATIENCE, ServerProcess

HELLO = '40{"name":"node","session":"key","seen":0}'
OFFER = '42["signal",{"type":"offer","data":{"sdp":"v=0"},"to":"gcom"}]'
ANSWER = '42["signal",{"type":"answer","data":{"sdp":"v=0"},"to":"node"}]'


def check(page: str) -> tuple[int, str]:
    """promtool's exit code and output; it checks names and help texts as well."""
    command = ["promtool", "check", "metrics"]
    checked = subprocess.run(
        command, input=page, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return checked.returncode, checked.stdout + checked.stderr


async def use(url: str) -> None:
    """Make each counter count once."""
    async with RawClient(url, name="gcom") as gcom:
        await gcom.hello()
        async with RawClient(url) as node:
            await node.send(HELLO)
            await node.next("welcome")
            await node.send(OFFER)
            await gcom.next("signal")
            await gcom.send(ANSWER)
            await node.next("signal")
            await node.send('42["signal",{"type":"odd \\"type\\"","data":{}}]')
            await node.next("error")
        async with RawClient(url) as node:  # the first connection ended without a goodbye
            await node.send(HELLO)
            assert '"resumed":true' in (await node.next("welcome")).replace(" ", "")


def test_promtool_accepts_the_metrics(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        assert check(get(f"{server.url}/metrics").body) == (0, "")
        asyncio.run(use(server.url))
        page = get(f"{server.url}/metrics").body
    assert check(page) == (0, "")
    for line in (
        'hawkeye_signals_total{type="answer"} 1',
        'hawkeye_rejected_total{code="invalid-type"} 1',
        "hawkeye_resumes_total 1",
    ):
        assert line in page.splitlines()


def test_promtool_rejects_bad_metrics() -> None:
    assert check("# TYPE hawkeye_signals counter\nhawkeye_signals 1\n")[0] != 0
    assert check("hawkeye_peers\n")[0] != 0
