"""On a Debian 12 in which nothing is installed, what the documents say to type reaches video.

As it stands, but for the port, SERVER and CAMERA. Part of `make soak`: it installs a great deal.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Iterator

import pytest
from playwright.sync_api import expect

from browser.cameras import film
from browser.clean_tree import CleanTree
from browser.test_pages import Visit, drop_favicon, tile_frames, watch
from browser.test_tutorial import TUTORIAL, commands, free_port
from integration.server import ROOT

pytestmark = pytest.mark.soak

EXAMPLES = "docs/examples"
README = (ROOT / "README.md").read_text()
EXAMPLES_README = (ROOT / EXAMPLES / "README.md").read_text()
GSTREAMER = (ROOT / EXAMPLES / "gstreamer_node.py").read_text()
PATIENCE = 300.0


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanTree]:
    tree = CleanTree(tmp_path_factory.mktemp("clean") / "tree")
    yield tree
    for text, seconds in tree.seconds.items():
        print(f"TOOK {seconds:.0f} s: {' '.join(text.split())[:100]}")
    shutil.rmtree(tree.root)


@pytest.fixture(scope="module")
def port(tree: CleanTree) -> Iterator[int]:
    """The server, as the tutorial starts it."""
    needed = re.search(r"`(apt install git [^`]+)`", TUTORIAL)
    assert needed
    tree.install(needed[1])
    port = free_port()
    began = time.monotonic()
    with tree.running(f"make run PORT={port}") as server:
        server.line("listens on http://0.0.0.0:", seconds=PATIENCE)
        tree.seconds["make run"] = time.monotonic() - began
        yield port


def gcom(visit: Visit, port: int, room: str) -> None:
    page = watch(visit, f"http://127.0.0.1:{port}/gcom?room={room}&name=gcom")
    tile_frames(page, "streaming-node")


def line(text: str, *parts: str) -> str:
    """The one line of a document with all these parts."""
    (found,) = (each for each in text.splitlines() if all(part in each for part in parts))
    return found.strip().strip("`")


def test_tutorial(visit: Visit, tree: CleanTree, port: int) -> None:
    run, install, node, *_ = commands(TUTORIAL)
    assert run == "make run\n"
    tree.type(install)
    began = time.monotonic()
    with tree.running(node.replace("8080", str(port))):
        page = watch(visit, f"http://127.0.0.1:{port}/gcom?room=drone-1&name=gcom")
        tile_frames(page, "streaming-node")
        expect(page.locator("#verdict")).to_have_text("Video of 1 of 1")
    tree.seconds["from the node's start to the video"] = time.monotonic() - began
    print(f"MINUTES of the tutorial's commands: {sum(tree.seconds.values()) / 60:.1f}")


@pytest.fixture(scope="module")
def python(tree: CleanTree, port: int) -> str:
    """What activates the environment of docs/examples, made as its README says."""
    make = line(EXAMPLES_README, "python3 -m venv venv")
    tree.type(f"{make}\n{line(EXAMPLES_README, 'pip install -r')}", EXAMPLES)
    return f"{make.partition('&& ')[2]} && "


@pytest.mark.parametrize("extra", ["", "--file film.mp4"])
def test_python_examples(
    visit: Visit, tree: CleanTree, port: int, python: str, extra: str, tmp_path: Path
) -> None:
    shutil.copy(film(tmp_path), tree.clone / EXAMPLES)
    node = line(EXAMPLES_README, "streaming_node.py", extra or "role=streaming-node")
    if extra:
        node += " --name streaming-node"
    watching = line(EXAMPLES_README, "python gcom.py", "role=gcom", "SERVER")
    here = ("SERVER:8080", f"127.0.0.1:{port}")
    with tree.running(python + node.replace(*here), EXAMPLES) as sender:
        sender.line("streaming-node is in room default")
        with tree.running(python + watching.replace(*here), EXAMPLES) as viewer:
            viewer.line("streaming-node: video ")


def test_pages_of_the_examples(visit: Visit, tree: CleanTree, port: int, python: str) -> None:
    site = free_port()
    node = f"python streaming_node.py http://127.0.0.1:{port} --room page --name streaming-node"
    with tree.running(f"python3 -m http.server {site} --bind 127.0.0.1", EXAMPLES) as web:
        web.line("Serving HTTP")
        with tree.running(python + node, EXAMPLES):
            query = f"server=http://127.0.0.1:{port}&room=page&name=gcom"
            page = visit.open(f"http://127.0.0.1:{site}/gcom.html?{query}")
            expect(page.locator("#state")).to_have_text("streaming-node: connected")
            page.wait_for_function("() => document.querySelector('video').currentTime > 1")
        query = f"server=http://127.0.0.1:{port}&room=camera"
        visit.open(f"http://127.0.0.1:{site}/streaming-node.html?{query}", permissions=["camera"])
        gcom(visit, port, "camera")
        drop_favicon(visit)
        visit.close()


@pytest.mark.parametrize("encoder", ["vp8", "x264"])
def test_gstreamer(visit: Visit, tree: CleanTree, port: int, encoder: str) -> None:
    if not (tree.clone / EXAMPLES / "venv-gstreamer").exists():
        apt = re.search(r"apt install (?:.|\\\n)*?\n(?!\s+gstreamer)", GSTREAMER)
        assert apt
        tree.install(apt[0].replace("\\\\\n", " ").replace("\n", " "))
        venv = line(GSTREAMER, "-m venv --system-site-packages")
        own = re.sub(r"(?<!-m )venv\b", "venv-gstreamer", venv)
        tree.type(own, EXAMPLES)
    if encoder == "vp8":
        start = line(GSTREAMER, "--name streaming-node")
    else:
        start = line(EXAMPLES_README, "gstreamer_node.py", "--encoder x264")
        start = start.replace("python ", "venv/bin/python ", 1)
    start = start.replace("venv/", "venv-gstreamer/").replace("SERVER:8080", f"127.0.0.1:{port}")
    with tree.running(f"{start} --room {encoder}", EXAMPLES):
        gcom(visit, port, encoder)


def test_snippets_of_the_readme(tree: CleanTree, port: int) -> None:
    folder = tree.clone / "snippets"
    folder.mkdir()
    for name, kind in (("gcom.mjs", "js"), ("node.py", "python")):
        code = re.search(rf"```{kind}\n(.*?)```", README, re.DOTALL)
        assert code
        own = code[1].replace("127.0.0.1:8080/?", f"127.0.0.1:{port}/?room=snippets&")
        (folder / name).write_text(own)
    npm, node, venv, pip, python = (
        re.search(pattern, README)[1]  # type: ignore[index]
        for pattern in (
            r"`(npm install socket.io-client)`",
            r"`(node gcom.mjs)`",
            r"`(python3 -m venv venv && [^`]+)`",
            r"`(pip install python-socketio aiohttp)`",
            r"`(python3 node.py)`",
        )
    )
    tree.type(npm, "snippets")
    tree.type(f"{venv}\n{pip}", "snippets")
    activate = venv.partition("&& ")[2]
    typed = f"{activate} && {python}"
    with tree.running(node, "snippets") as gcom, tree.running(typed, "snippets") as sender:
        gcom.line("got offer from streaming-node")
        sender.line("got answer from gcom")
