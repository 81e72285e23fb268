"""Cameras: streaming_node.py with a file and an RTSP source, and gstreamer_node.py, to Chromium's
/gcom and to gcom.py.
"""

from __future__ import annotations

import http.server
import json
import re
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any, Iterator, Sequence

import pytest
from playwright.sync_api import expect

from browser.cameras import (
    DEBIANS_PYTHON,
    EXAMPLES,
    PATIENCE,
    film,
    firefox,
    joined,
    python_gcom,
    python_node,
    running,
)
from browser.test_pages import Quiet, Visit, tile_frames, watch
from faults.words import Room
from integration.server import ROOT, ServerProcess

RTSP = [DEBIANS_PYTHON, str(ROOT / "tests/browser/rtsp_source.py")]
ENCODERS = ["vp8", "x264"]


@pytest.fixture
def rtsp() -> Iterator[str]:
    """The URL of a camera."""
    with running([*RTSP, "0"]) as camera:
        camera.line("rtsp://")
        yield camera.lines[0]


# --- streaming_node.py ----------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_file_is_streamed_again_and_again(
    server: ServerProcess, room: str, tmp_path: Path, codec: str
) -> None:
    node = python_node(server, room, "--file", str(film(tmp_path)), "--codec", codec)
    with running(python_gcom(server, room)) as gcom, running(node):
        gcom.line("video 160x120")
        gcom.frames(75)  # the file has 30


def test_rtsp_camera_is_streamed_and_opened_again_after_it_was_off(
    server: ServerProcess, room: str, rtsp: str
) -> None:
    with running([*RTSP, "0"]) as camera:
        camera.line("rtsp://")
        url = camera.lines[0]
        node = python_node(server, room, "--rtsp", url, "--size", "240x180", "--fps", "10")
        with running(python_gcom(server, room)) as gcom, running(node) as sender:
            gcom.line("video 240x180")
            gcom.frames()
            camera.process.kill()
            sender.line("camera: ", after=len(sender.lines))
            port = re.search(r":(\d+)/", url)
            assert port
            with running([*RTSP, port[1]]):
                sender.line("open", after=len(sender.lines))
                gcom.frames()


def test_rtsp_camera_reaches_a_browser(
    visit: Visit, server: ServerProcess, room: str, rtsp: str
) -> None:
    with running(python_node(server, room, "--rtsp", rtsp)):
        page = watch(visit, f"{server.url}/gcom?room={room}&name=gcom")
        tile_frames(page, "streaming-node")


def ended(command: Sequence[str]) -> tuple[int, str]:
    """The exit code, and the last line, of a program that is to end by itself."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, (done.stdout.splitlines() or [""])[-1]


@pytest.mark.parametrize("kind", ["aiortc", "GStreamer"])
def test_camera_that_is_missing_ends_the_node_before_it_joins(
    server: ServerProcess, room: str, gstreamer: Sequence[str], kind: str
) -> None:
    camera = ["--device", "/dev/no-camera"]
    node = python_node(server, room, *camera)
    code, line = ended(node if kind == "aiortc" else [*gstreamer, "--source", "v4l2", *camera])
    assert code == 1
    assert line.startswith("camera: /dev/no-camera: there is no such device; this machine has ")
    assert room not in {each["room"] for each in rooms(server)}


# --- gstreamer_node.py ----------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gstreamer_that_is_first_reaches_a_browser(
    visit: Visit, server: ServerProcess, room: str, gstreamer: Sequence[str], encoder: str
) -> None:
    with running([*gstreamer, "--encoder", encoder]):
        server.wait_for_line(f"room {room}: streaming-node joined")
        page = watch(visit, f"{server.url}/gcom?room={room}&name=gcom")
        tile_frames(page, "streaming-node")


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gstreamer_that_restarts_reaches_a_browser_each_time(
    visit: Visit, server: ServerProcess, room: str, gstreamer: Sequence[str], encoder: str
) -> None:
    page = watch(visit, f"{server.url}/gcom?room={room}&name=gcom")
    expect(page.locator("#verdict")).to_have_text("Waiting for a Streaming Node")
    for _ in range(2):
        with running([*gstreamer, "--encoder", encoder]):
            expect(page.locator("#verdict")).to_have_text("Video of 1 of 1", timeout=30_000)
            counted = tile_frames(page, "streaming-node")
            tile_frames(page, "streaming-node", more_than=counted + 30)
        expect(page.locator("#verdict")).not_to_contain_text("Video of", timeout=30_000)


def test_gstreamer_keeps_its_video_over_a_server_restart(
    visit: Visit, tmp_path: Path, gstreamer_python: str
) -> None:
    with ServerProcess(tmp_path) as first:
        file = str(EXAMPLES / "gstreamer_node.py")
        command = [gstreamer_python, file, *joined(first, "r", "streaming-node")]
        page = watch(visit, f"{first.url}/gcom?room=r&name=gcom")
        with running(command) as node:
            counted = tile_frames(page, "streaming-node")
            first.send(signal.SIGKILL)
            node.line("signaling: ", after=len(node.lines))
            with ServerProcess(tmp_path, {"listen": {"port": first.port}}):
                node.line("is in room", after=len(node.lines))
                expect(page.locator("#verdict")).to_have_text("Video of 1 of 1")
                tile_frames(page, "streaming-node", more_than=counted + 60)
                visit.close()
            assert sum(line == "gcom: connected" for line in node.lines) == 1
    visit.said.clear()


def test_gstreamer_reports_its_path_and_its_figures(
    server: ServerProcess, room: str, gstreamer: Sequence[str]
) -> None:
    known = Room(server.url, room)

    def told() -> Any:
        """The call, as soon as the node has told what it measures."""
        pairs = (known.here() or {"pairs": []})["pairs"]
        figures = pairs[0]["stats"].get("streaming-node") if pairs else None
        return pairs[0] if figures and "round_trip_ms" in figures else None

    with running(gstreamer), running(python_gcom(server, room, "gcom")) as gcom:
        gcom.line("video 640x480")
        call, _ = known.wait(told)
    assert call["path"].startswith("direct: host udp ")
    assert call["stats"]["streaming-node"]["bitrate_kbps"] > 10
    (ends,) = [
        stage["candidate_pairs"]["streaming-node"]
        for stage in call["stages"]
        if stage["stage"] == "connected"
    ]
    assert {end["type"] for end in ends.values()} == {"host"}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gstreamer_reaches_aiortc_and_one_viewer_that_goes_disturbs_no_other(
    server: ServerProcess, room: str, gstreamer: Sequence[str], encoder: str
) -> None:
    command = [*gstreamer, "--encoder", encoder, "--size", "320x240"]
    with running(command) as node, running(python_gcom(server, room, "first")) as first:
        first.line("video 320x240")
        for _ in range(2):
            with running(python_gcom(server, room, "second")) as second:
                second.line("video 320x240")
                second.frames()
            first.frames(100)
        assert sum("first: connected" in line for line in node.lines) == 1


def test_gstreamer_passes_rtsp_through(
    visit: Visit, server: ServerProcess, room: str, gstreamer: Sequence[str], rtsp: str
) -> None:
    with running([*gstreamer, "--source", "rtsp", "--rtsp", rtsp]):
        page = watch(visit, f"{server.url}/gcom?room={room}&name=gcom")
        tile_frames(page, "streaming-node")
        with running(python_gcom(server, room, "second")) as gcom:
            gcom.line("video 320x240")
            gcom.frames()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_key_frame_comes_within_a_few_pictures_when_a_viewer_comes(
    gstreamer_python: str, encoder: str
) -> None:
    program = str(ROOT / "tests/browser/key_frames.py")
    made = subprocess.run(
        [gstreamer_python, program, encoder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stdout
    assert int(made.stdout.split()[-1]) <= 30  # otherwise one comes after 30,000 pictures


# --- Firefox --------------------------------------------------------------------------------------


@pytest.fixture
def site() -> Iterator[str]:
    """The URL of a web server for docs/examples."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def rooms(server: ServerProcess) -> list[Any]:
    """The rooms that have peers."""
    with urllib.request.urlopen(f"{server.url}/api/status") as answer:
        return list(json.load(answer)["rooms"])


def watched(server: ServerProcess, room: str) -> bool:
    """Whether GCOM has reported frames a second of this room's call."""
    here = [each for each in rooms(server) if each["room"] == room]
    return bool(re.search(r'"frames_per_second": *[1-9]', json.dumps(here)))


@pytest.mark.parametrize("kind", ["aiortc", "GStreamer"])
def test_firefox_sees_the_video(
    server: ServerProcess,
    room: str,
    gstreamer: Sequence[str],
    site: str,
    tmp_path: Path,
    kind: str,
) -> None:
    node = python_node(server, room) if kind == "aiortc" else gstreamer
    page = f"{site}/gcom.html?server={server.url}&room={room}&name=gcom"
    with running(node) as sender, running(firefox(tmp_path, page)):
        sender.line("gcom: connected")
        deadline = time.monotonic() + PATIENCE
        while not watched(server, room):
            assert time.monotonic() < deadline
            time.sleep(0.5)
