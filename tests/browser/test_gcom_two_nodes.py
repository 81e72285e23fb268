"""/gcom with two nodes: what it does for a dead call leaves the other call alone."""

from __future__ import annotations

import os
import signal

from playwright.sync_api import expect

from browser.cameras import python_node, running
from browser.test_pages import Visit, node, tile, tile_frames
from integration.server import ServerProcess

CONNECTIONS = """
globalThis.connections = [];
const Original = RTCPeerConnection;
globalThis.RTCPeerConnection = class extends Original {
  constructor(...given) { super(...given); connections.push(this); }
};
"""


def test_dead_call_does_not_interrupt_the_other_call(
    visit: Visit, server: ServerProcess, room: str
) -> None:
    page = visit.open("about:blank")
    page.add_init_script(CONNECTIONS)
    page.goto(f"{server.url}/gcom?room={room}&name=gcom")
    with running(python_node(server, room)) as dead:
        page.get_by_role("button", name="Watch").click()
        tile_frames(page, "streaming-node")
        with node(server, room, "rear"):
            tile_frames(page, "rear")
            os.kill(dead.process.pid, signal.SIGSTOP)  # the server does not know for 20 s
            page.evaluate("connections[0].close()")
            expect(tile(page, "streaming-node")).to_contain_text("Not live: the picture is")
            with_rear = tile_frames(page, "rear")
            tile_frames(page, "rear", more_than=with_rear + 30 * 6)  # it hangs up after 5 s
            assert page.evaluate("connections.length") == 2  # `rear` has not called again
            os.kill(dead.process.pid, signal.SIGCONT)
            page.wait_for_function("() => connections.length === 3")
            expect(page.locator("#verdict")).to_have_text("Video of 2 of 2")
            assert page.evaluate("connections[1].connectionState") == "connected"
