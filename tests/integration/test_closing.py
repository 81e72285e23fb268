"""The five steps of "Require tokens and TLS" in docs/operations.md, typed as printed there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from integration.conftest import Visitors
from integration.server import ROOT, ServerProcess

ETC = "/etc/hawkeye-signaling"
STUBS = f"""
set -euo pipefail
hawkeye-signaling() {{
    local where
    case $1 in
        new-token) where=() ;;
        new-certificate) where=(--directory FOLDER --authority FOLDER/authority) ;;
        *) where=(--config FOLDER/config.yaml) ;;
    esac
    {sys.executable} -m signaling_server "$@" "${{where[@]}}"
}}
systemctl() {{ :; }}
chgrp() {{ :; }}
curl() {{ :; }}
"""


def run(script: str) -> str:
    typed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert typed.returncode == 0, typed.stderr
    return typed.stdout


@pytest.mark.parametrize("language", ["python-websocket", "js-websocket"])
async def test_five_steps_of_the_guide_let_only_tokens_in(
    visitors: Visitors, tmp_path: Path, language: str
) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    steps = re.findall(r"```sh closing-the-door\n(.*?)```", page, re.S)
    assert len(steps) == 5
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "config.yaml").write_text("version: 1\n")
    script = STUBS.replace("FOLDER", str(tmp_path)) + "\n".join(steps).replace(ETC, str(tmp_path))
    assert "the configuration is fine" in run(script)

    ca = str(tmp_path / "ca.crt")
    with ServerProcess(
        tmp_path
    ) as server:  # it overwrites config.yaml, not the files in conf.d that the steps wrote
        assert not [line for line in server.lines if "open to anyone" in line]
        clients = {}
        for name in ("node", "gcom"):
            text = (tmp_path / f"{name}.token").read_text()
            token = next(line for line in text.splitlines() if line.startswith("hs_"))
            url = f"https://localhost:{server.port}"
            clients[name] = client = visitors.make(language)
            await client.connect(url, auth={"token": token}, ca=ca)
            client.welcome = await client.next("welcome")
            assert client.welcome["room"] == "drone-1"
        await clients["node"].call("signal", {"type": "offer", "data": {}})
        assert (await clients["gcom"].next("signal"))["from"] == "streaming-node"
        stranger = visitors.make(language)
        await stranger.connect(f"https://localhost:{server.port}", ca=ca)
        assert "this server requires a token" in str(await stranger.next("connect_error"))
        await visitors.leave()
