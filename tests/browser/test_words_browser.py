"""What a browser cannot do is named, with its side; and it is no longer said when it can."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from typing import Any, Iterator

import pytest
from playwright.sync_api import Page, expect

from browser.test_pages import Visit, tile_frames
from faults.words import BROWSER, FAULTY, Room
from integration.server import ServerProcess

WITHOUT_H264 = """
const answer = RTCPeerConnection.prototype.createAnswer;
RTCPeerConnection.prototype.createAnswer = function (...options) {
  const codecs = RTCRtpReceiver.getCapabilities("video").codecs;
  for (const each of this.getTransceivers()) {
    each.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType !== "video/H264"));
  }
  return answer.apply(this, options);
};
"""
"""Makes Chromium's own stack answer as a Chromium does that was built without H264."""
NODES = {"no-codec": "h264-node", "profile": "high-node"}


@contextlib.contextmanager
def running(program: str, server: ServerProcess, room: str) -> Iterator[None]:
    """A program of tests/faults/faulty.py."""
    url = f"{server.url}/?room={room}&name=streaming-node&role=streaming-node"
    process = subprocess.Popen([sys.executable, FAULTY, program, url], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def gcom(visit: Visit, server: ServerProcess, room: str, script: str = "") -> Page:
    page = visit.open("about:blank")
    page.add_init_script(script)
    page.goto(f"{server.url}/gcom?room={room}&name=gcom")
    page.get_by_role("button", name="Watch").click()
    return page


@pytest.mark.parametrize("name", NODES)
def test_codec_that_the_browser_does_not_decode_is_named(
    visit: Visit, server: ServerProcess, name: str
) -> None:
    failure, known = BROWSER[name], Room(server.url, f"words-{name}")
    page = gcom(visit, server, known.name, WITHOUT_H264 if name == "no-codec" else "")
    known.await_peers("gcom")
    with running(NODES[name], server, known.name):
        began = known.await_peers("streaming-node")
        said = known.until(failure.code, failure.text, side=failure.side)
        print(f"SAID {name} {said.at - began:.1f} {said.finding['text']}")
        assert said.finding["severity"] == "alarm"
        assert said.at - began <= failure.within
    with running("node", server, known.name):  # it offers VP8 too
        tile_frames(page, "streaming-node")
        known.await_state("connected")
        known.until_gone(failure.code)
        print(f"GONE {name}")


def test_video_that_the_browser_cannot_decode_is_named(visit: Visit, server: ServerProcess) -> None:
    failure, known = BROWSER["undecoded"], Room(server.url, "words-undecoded")
    page = gcom(visit, server, known.name)
    known.await_peers("gcom")
    with running("garbled-node", server, known.name):
        began = known.await_state("connected")
        said = known.until(failure.code, failure.text, side=failure.side)
        print(f"SAID undecoded {said.at - began:.1f} {said.finding['text']}")
        assert said.finding["severity"] == "alarm"
        assert said.at - began <= failure.within
    with running("node", server, known.name):
        tile_frames(page, "streaming-node")
        known.until_gone(failure.code)
        print("GONE undecoded")


def test_clock_of_the_device_is_compared_by_a_real_clock(
    visit: Visit, server: ServerProcess
) -> None:
    failure, three_hours = BROWSER["browser-clock"], 3 * 3600
    page: Any = visit.open("about:blank")
    page.clock.set_system_time(time.time() + three_hours)
    began = time.monotonic()
    page.goto(f"{server.url}/status")
    warning = page.locator(f"[data-code={failure.code}]")
    expect(warning).to_contain_text(failure.text)
    print(f"SAID browser-clock {time.monotonic() - began:.1f} {warning.inner_text()}")
    page.clock.set_system_time(time.time())
    expect(warning).to_have_count(0)
    print("GONE browser-clock")
