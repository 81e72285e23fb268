"""docs/tutorial.md: its commands, as they stand but for the port, show a video and what it says."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest
from playwright.sync_api import Browser, expect

from browser.cameras import Program
from browser.test_pages import CHROMIUM, FLAGS, SIZES, Visit, picture, tile, tile_frames, watch
from faults.network import Network
from integration.server import PATIENCE, ROOT

TUTORIAL = (ROOT / "docs/tutorial.md").read_text()
ADDRESS = "10.77.0.1"
"""Of the computer, as the phone reaches it (faults/network.py)."""


@contextmanager
def typed(command: str, *machine: str) -> Iterator[Program]:
    """Type a command in a terminal; Ctrl-C at the end. `machine`: what runs it there."""
    process = subprocess.Popen(
        [*machine, "bash", "-c", command],
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


def commands(text: str) -> list[str]:
    """What the tutorial says to type."""
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def network() -> Iterator[Network]:
    """The computer of the server and the node is `drone`; `ground` is the phone."""
    with Network() as network:
        # Without one, Chromium announces no address.
        route = ("ip", "route", "add", "default", "via", ADDRESS)
        subprocess.run(network.command("ground", *route), check=True)
        yield network


@pytest.fixture
def phone(browser: Browser, network: Network, tmp_path: Path) -> Iterator[Visit]:
    """The pages of the phone."""
    program = tmp_path / "chromium"
    there = " ".join(network.command("ground", CHROMIUM))
    program.write_text(f'#!/bin/sh\nexec {there} "$@"\n')
    program.chmod(0o755)
    on_it = browser.browser_type.launch(executable_path=program, args=FLAGS)
    visit = Visit(on_it)
    yield visit
    visit.close()
    on_it.close()


def test_tutorial_blocks_udp_and_reads_why(phone: Visit, network: Network) -> None:
    text = TUTORIAL.replace("camera/bin/python", sys.executable)
    run, _, node, _, status, block, unblock = commands(text)
    computer = network.command("drone")
    light: Any = {"viewport": SIZES["phone"], "color_scheme": "light"}

    def at_once(command: str) -> str:
        terminal = [*computer, "bash", "-ec", command]
        typed = subprocess.run(terminal, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        return typed.stdout

    with typed(run, *computer) as server:
        server.line("listens on http://0.0.0.0:8080")
        page = watch(phone, f"http://{ADDRESS}:8080/gcom?room=drone-1&name=gcom")
        at_once(block)
        with typed(node, *computer) as camera:
            camera.line("gcom: connecting")
            expect(page.locator("#verdict")).to_have_text("Connecting …")
            told = phone.open(f"http://{ADDRESS}:8080/", **light)
            why = "are in one subnet (10.77.0.0/24), but packets do not get through"
            expect(told.get_by_text(why).first).to_be_visible(timeout=30_000)
            assert why in " ".join(at_once(status).split())
            picture(told, "tutorial-blocked-phone-light")
            at_once(unblock)
            expect(page.locator("#verdict")).to_have_text("Video of 1 of 1", timeout=30_000)
            tile_frames(page, "streaming-node")
        phone.close()


def test_tutorial_leads_to_a_video_and_says_what_is_seen(visit: Visit, tmp_path: Path) -> None:
    port = free_port()
    text = TUTORIAL.replace("8080", str(port)).replace("camera/bin/", f"{tmp_path}/camera/bin/")
    text = text.replace("-m venv camera", f"-m venv {tmp_path}/camera")
    run, install, node, wrong, status, *_ = commands(text)
    assert run == "make run\n"
    page_url = re.search(r"http://ADDRESS(\S+gcom\S+)`", text)
    assert page_url

    with typed(f"make run PORT={port}") as server:
        server.line("listens on http://0.0.0.0:")
        subprocess.run(["bash", "-ec", install], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        dark: Any = {"viewport": SIZES["phone"], "color_scheme": "dark"}
        page = watch(visit, f"http://127.0.0.1{page_url[1]}", **dark)
        with typed(node) as camera:
            camera.line("streaming-node is in room drone-1")
            tile_frames(page, "streaming-node")
            expect(page.locator("#verdict")).to_have_text("Video of 1 of 1")
            camera.line("gcom: connected")
            tile_frames(page, "streaming-node", more_than=60)  # the figures are there
            picture(page, "tutorial-video-phone-dark")
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
