"""What all tests of the pages share: one Chromium, a server, and the pages that a test opens."""

from __future__ import annotations

import itertools
import re
import secrets
from pathlib import Path
from typing import Iterator, Sequence

import pytest
from playwright.sync_api import Browser, sync_playwright

from browser.cameras import EXAMPLES, joined
from browser.test_pages import CHROMIUM, FAR, FLAGS, Visit
from faults.gstreamer import make_python
from integration.server import ServerProcess
from signaling_server.core.protocol.auth import digest

_rooms = (f"room-{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    config = {"listen": {"names": [FAR], "trusted_proxies": ["127.0.0.1"]}}
    with ServerProcess(tmp_path_factory.mktemp("server"), config) as server:
        yield server


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser)
    yield visit
    visit.close()
    assert visit.said == []
    hosts = {re.sub(r"^\w+://([^/:]+).*", r"\1", url) for url in visit.requested}
    assert hosts <= {"127.0.0.1", FAR}


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    """A token for each of `status` and `signal`, and the file of them."""
    made = {can: f"hs_{can}_{secrets.token_urlsafe(32)}" for can in ("status", "signal")}
    lines = [
        f'  - {{id: {can}, sha256: "{digest(token)}", name: {can}-1, can: [{can}]}}\n'
        for can, token in made.items()
    ]
    (tmp_path / "tokens.yaml").write_text("tokens:\n" + "".join(lines))
    (tmp_path / "tokens.yaml").chmod(0o600)
    return made


@pytest.fixture
def room() -> str:
    """A room that no other test is in."""
    return next(_rooms)


@pytest.fixture(scope="session")
def gstreamer_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that runs gstreamer_node.py: made once."""
    return make_python(tmp_path_factory.mktemp("gstreamer") / "venv")


@pytest.fixture
def gstreamer(gstreamer_python: str, server: ServerProcess, room: str) -> Sequence[str]:
    """gstreamer_node.py, as a command without its options."""
    file = str(EXAMPLES / "gstreamer_node.py")
    return [gstreamer_python, file, *joined(server, room, "streaming-node")]
