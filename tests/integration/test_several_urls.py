"""The JavaScript client with several URLs goes through them until one takes it."""

from __future__ import annotations

import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator

import needs
from integration.server import ServerProcess

PATIENCE = 30.0
JS = Path(__file__).parents[1] / "js"


def closed_port() -> int:
    """One at which nobody listens. (Node refuses to try some, such as 1.)"""
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        port: int = each.getsockname()[1]
        return port


@contextmanager
def client(*urls: str) -> Iterator[IO[str]]:
    """What tests/js/several.mjs prints, until it is killed."""
    needs.require_javascript()
    command = ["node", "--import", "./webrtc.mjs", "several.mjs", *urls]
    with subprocess.Popen(command, cwd=JS, stdout=subprocess.PIPE, text=True) as process:
        patience = threading.Timer(PATIENCE, process.kill)
        patience.start()
        try:
            assert process.stdout
            yield process.stdout
        finally:
            patience.cancel()
            process.kill()


def wait_for(line: str, lines: IO[str]) -> list[str]:
    """All lines until this one."""
    before = []
    for each in lines:
        before.append(each.strip())
        if before[-1] == line:
            return before
    raise AssertionError(before)


def test_next_server_is_tried_when_one_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with ServerProcess(tmp_path / "b", {"socketio": {"path": "/drone/socket.io"}}) as b:
        nobody = f"http://127.0.0.1:{closed_port()}/?room=elsewhere"
        with client(nobody, f"{b.url}/drone?room=drone-1") as lines:
            seen = wait_for(f"welcome {b.url}/drone?room=drone-1 gcom", lines)
            assert [each.split()[0] for each in seen] == ["retry", "welcome"]
        assert b.wait_for_line(r"drone-1")


def test_client_goes_to_the_other_server_when_its_own_dies(
    tmp_path: Path,
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    servers = ServerProcess(tmp_path / "a"), ServerProcess(tmp_path / "b")
    with servers[0] as a, servers[1] as b, client(a.url, b.url) as lines:
        wait_for(f"welcome {a.url} gcom", lines)
        a._end()
        seen = wait_for(f"welcome {b.url} gcom", lines)
        assert seen[0].split()[0] == "disconnect"
        assert f"retry {b.url}" in seen  # the first try was at its own, which may be restarting
