"""Who talks to whom: each Streaming Node to each GCOM, the table of docs/examples/README.md.

Prints the seconds from the start of GCOM to its first frame, with the node waiting. CI tries the
pairs that no other test tries; `make soak` tries all.
"""

from __future__ import annotations

import http.server
import shutil
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import pytest

from browser.cameras import (
    DEBIANS_PYTHON,
    EXAMPLES,
    FIREFOX,
    PATIENCE,
    Program,
    firefox,
    joined,
    python_gcom,
    python_node,
    running,
)
from browser.test_cameras import rooms, watched
from browser.test_pages import Visit, tile_frames, watch
from integration.server import ROOT, ServerProcess

HERE = Path(__file__).parent
FRAMES = 20
FAKE_CAMERA = {
    **FIREFOX,
    "media.navigator.permission.disabled": "true",
    "media.navigator.streams.fake": "true",
}
TELL_FRAME = b"""<script>
addEventListener("loadeddata", () => fetch("/seen", { method: "POST" }), true);
</script>"""


class Site(http.server.ThreadingHTTPServer):
    """docs/examples on a web server; gcom.html tells it of its first frame."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pages)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.seen = threading.Event()


class Pages(http.server.SimpleHTTPRequestHandler):
    """One request to a Site."""

    server: Site

    def __init__(self, *given: Any) -> None:
        super().__init__(*given, directory=str(EXAMPLES))

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":
            return self.do_POST()
        if not self.path.startswith("/gcom.html"):
            return super().do_GET()
        body = (EXAMPLES / "gcom.html").read_bytes() + TELL_FRAME
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        if self.path == "/seen":
            self.server.seen.set()
        self.send_response(204)
        self.end_headers()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Scene(NamedTuple):
    """Where a node and a GCOM meet."""

    server: ServerProcess
    room: str
    site: Site
    visit: Visit
    folder: Path
    gstreamer: Sequence[str]
    """gstreamer_node.py, as a command."""

    def page(self, file: str) -> str:
        """An example page that joins the room."""
        name = file.partition(".")[0]
        query = f"server={self.server.url}&room={self.room}&name={name}"
        return f"{self.site.url}/{file}?{query}"

    def url(self, name: str) -> str:
        """The server's URL for that peer."""
        return f"{self.server.url}/?room={self.room}&name={name}&role={name}"


# --- those that offer -----------------------------------------------------------------------------


@contextmanager
def chromium_node(scene: Scene) -> Iterator[None]:
    scene.visit.open(scene.page("streaming-node.html"), permissions=["camera"])
    yield


@contextmanager
def libdatachannel_node(scene: Scene) -> Iterator[None]:
    program = str(ROOT / "tests/js/node-libdatachannel.mjs")
    with running([_node(), program, scene.url("streaming-node")]) as node:
        node.line("port ")
        rtp = node.lines[0].split()[1:]
        with running([DEBIANS_PYTHON, str(HERE / "rtp_source.py"), *rtp]):
            yield


NODES: dict[str, Callable[[Scene], Any]] = {
    "aiortc": lambda scene: running(python_node(scene.server, scene.room)),
    "Chromium": chromium_node,
    "Firefox": lambda scene: running(
        firefox(scene.folder / "node", scene.page("streaming-node.html"), FAKE_CAMERA)
    ),
    "GStreamer": lambda scene: running(scene.gstreamer),
    "libdatachannel": libdatachannel_node,
}


# --- those that answer ----------------------------------------------------------------------------


def program_sees(command: Callable[[Scene], Sequence[str]]) -> Callable[[Scene, ExitStack], float]:
    """A GCOM that prints a line for each frame; returns when the first one came."""

    def see(scene: Scene, exits: ExitStack) -> float:
        gcom: Program = exits.enter_context(running(command(scene)))
        gcom.line(": frame ")
        first = time.monotonic()
        gcom.frames(FRAMES)
        return first

    return see


def chromium_sees(scene: Scene, exits: ExitStack) -> float:
    page = watch(scene.visit, f"{scene.server.url}/gcom?room={scene.room}&name=gcom")
    tile_frames(page, "streaming-node", more_than=0)
    first = time.monotonic()
    tile_frames(page, "streaming-node")
    return first


def firefox_sees(scene: Scene, exits: ExitStack) -> float:
    exits.enter_context(running(firefox(scene.folder / "gcom", scene.page("gcom.html"))))
    assert scene.site.seen.wait(PATIENCE)
    first = time.monotonic()
    while not watched(scene.server, scene.room):
        assert time.monotonic() - first < PATIENCE
        time.sleep(0.5)
    return first


def _node() -> str:
    return shutil.which("node") or "node"


LIBDATACHANNEL = str(ROOT / "tests/js/gcom-libdatachannel.mjs")
GCOMS: dict[str, Callable[[Scene, ExitStack], float]] = {
    "aiortc": program_sees(lambda scene: python_gcom(scene.server, scene.room)),
    "Chromium": chromium_sees,
    "Firefox": firefox_sees,
    "GStreamer": program_sees(
        lambda scene: [
            scene.gstreamer[0],
            str(HERE / "gstreamer_gcom.py"),
            *joined(scene.server, scene.room, "gcom"),
        ]
    ),
    "libdatachannel": program_sees(lambda scene: [_node(), LIBDATACHANNEL, scene.url("gcom")]),
}

EVERY_DAY = [("Firefox", "aiortc"), ("aiortc", "GStreamer")]
SOAK = [(node, gcom) for node in NODES for gcom in GCOMS if (node, gcom) not in EVERY_DAY]


@pytest.fixture
def scene(
    server: ServerProcess,
    room: str,
    site: Site,
    visit: Visit,
    tmp_path: Path,
    gstreamer: Sequence[str],
) -> Scene:
    return Scene(server, room, site, visit, tmp_path, gstreamer)


def await_node(scene: Scene) -> None:
    """Wait until the node has joined, for which a browser has to start."""
    deadline = time.monotonic() + PATIENCE
    while scene.room not in {each["room"] for each in rooms(scene.server)}:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("node", "gcom"),
    [*EVERY_DAY, *(pytest.param(*pair, marks=pytest.mark.soak) for pair in SOAK)],
)
def test_node_talks_to_gcom(scene: Scene, node: str, gcom: str) -> None:
    with ExitStack() as exits:
        exits.enter_context(NODES[node](scene))
        await_node(scene)
        began = time.monotonic()
        first = GCOMS[gcom](scene, exits)
        print(f"TALKS {node} to {gcom}: {first - began:.1f} s")
