"""The README's two snippets, unchanged, exchange an offer and an answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from integration.server import ServerProcess
from needs import require_javascript

ROOT = Path(__file__).parents[2]
SNIPPETS = dict(
    re.findall(r"```(js|python)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
)


@pytest.mark.parametrize("order", ["gcom first", "node first"])
def test_snippets_exchange_an_offer_and_an_answer(tmp_path: Path, order: str) -> None:
    require_javascript()
    (tmp_path / "node_modules").symlink_to(ROOT / "tests/js/node_modules")
    with ServerProcess(tmp_path) as server:
        commands = {
            "gcom": ["node", _write(tmp_path / "gcom.mjs", SNIPPETS["js"], server.url)],
            "node": [sys.executable, _write(tmp_path / "node.py", SNIPPETS["python"], server.url)],
        }
        first = order.split()[0]
        second = "node" if first == "gcom" else "gcom"
        clients = {first: _start(commands[first])}
        try:
            server.wait_for_line(" joined from ")
            clients[second] = _start(commands[second])
            assert _line(clients["gcom"]) == "got offer from streaming-node"
            assert _line(clients["node"]) == "here is gcom"
            assert _line(clients["node"]) == "got answer from gcom"
        finally:
            for client in clients.values():
                client.kill()
                client.communicate()


def _write(path: Path, text: str, url: str) -> str:
    assert "http://127.0.0.1:8080" in text
    path.write_text(text.replace("http://127.0.0.1:8080", url))
    return str(path)


def _start(command: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _line(client: subprocess.Popen[str]) -> str:
    assert client.stdout is not None
    return client.stdout.readline().strip()
