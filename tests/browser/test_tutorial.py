"""docs/tutorial.md: its commands, as they stand but for the port, show a video and what it says."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from playwright.sync_api import expect

from browser.cameras import Program
from browser.test_pages import Visit, tile, tile_frames, watch
from integration.server import PATIENCE, ROOT

TUTORIAL = (ROOT / "docs/tutorial.md").read_text()


@contextmanager
def typed(command: str) -> Iterator[Program]:
    """Type a command in a terminal; Ctrl-C at the end."""
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        yield Program(process)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_tutorial_leads_to_a_video_and_says_what_is_seen(visit: Visit, tmp_path: Path) -> None:
    port = free_port()
    text = TUTORIAL.replace("8080", str(port)).replace("camera/bin/", f"{tmp_path}/camera/bin/")
    text = text.replace("-m venv camera", f"-m venv {tmp_path}/camera")
    run, install, node, wrong, status = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert run == "make run\n"
    page_url = re.search(r"http://ADDRESS(\S+gcom\S+)`", text)
    assert page_url

    with typed(f"make run PORT={port}") as server:
        server.line("listens on http://0.0.0.0:")
        subprocess.run(["bash", "-ec", install], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        page = watch(visit, f"http://127.0.0.1{page_url[1]}")
        with typed(node) as camera:
            camera.line("streaming-node is in room drone-1")
            tile_frames(page, "streaming-node")
            expect(page.locator("#verdict")).to_have_text("Video of 1 of 1")
            camera.line("gcom: connected")
        expect(tile(page, "streaming-node")).to_contain_text(
            re.compile(r"Not live: the picture is \d+ s old")
        )
        with typed(node):
            expect(page.locator("#verdict")).to_have_text("Video of 1 of 1", timeout=30_000)
        with typed(wrong) as camera:
            camera.line("streaming-node is in room drone-7")
            said = subprocess.run(
                ["bash", "-c", status], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
            ).stdout
            assert re.search(r"room drone-7\n +streaming-node ", said), said
            assert re.search(r"room drone-1\n +gcom ", said), said
        visit.close()
    visit.said.clear()
