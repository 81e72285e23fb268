"""The addresses to give to clients, over HTTP and in the log; and the help page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from integration.pages import get
from integration.server import ROOT, ServerProcess
from signaling_server.appliance.own_addresses import own_addresses
from signaling_server.web.help_page import help_html


def test_log_and_api_give_the_same_addresses(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"listen": {"host": "0.0.0.0"}}) as server:
        line = server.wait_for_line("clients reach this server over|has no address").string
        found = get(f"http://127.0.0.1:{server.port}/api/addresses").json()
    if not [each for each in own_addresses() if ":" not in each.address]:
        pytest.skip("this machine has no address in a network")
    for place in found["places"]:
        assert re.fullmatch(rf"http://[0-9.]+:{server.port}/", place["url"])
    url = found["places"][0]["url"]
    assert f"Streaming Node {url}?room=default&name=streaming-node" in line
    assert f"GCOM {url}?room=default&name=gcom" in line


def test_server_on_loopback_gives_no_address(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        server.wait_for_line("the server listens on 127.0.0.1 alone")
        found = get(f"{server.url}/api/addresses").json()
    assert found["places"] == []
    assert found["note"].startswith("the server listens on 127.0.0.1 alone")


def test_code_is_made_of_urls_of_this_server_alone(tmp_path: Path) -> None:
    pytest.importorskip("segno")
    with ServerProcess(tmp_path) as server:
        own = get(f"{server.url}/api/qr?url={server.url}/?room=a")
        other = get(f"{server.url}/api/qr?url=http://example.org/")
        many = [get(f"{server.url}/api/qr?url={server.url}/{n}").status for n in range(60)]
    assert (own.status, own.headers["Content-Type"]) == (200, "image/svg+xml")
    assert own.body.startswith("<svg")
    assert other.status == 400
    assert "url must be one of this server" in other.body
    assert 503 in many


def test_help_is_the_document_as_it_is_now(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        page = get(f"{server.url}/help")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert help_html((ROOT / "docs/troubleshooting.md").read_text()) in page.body


PACKAGED = ("signaling_server/", "docs/troubleshooting.md", "setup.py", "pyproject.toml")


def test_built_package_contains_the_help(tmp_path: Path) -> None:
    """As a wheel is built, less the packing: in a copy, so that nothing is left here."""
    pytest.importorskip("setuptools")
    files = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, encoding="utf-8")
    for name in files.split("\0"):
        if name.startswith(PACKAGED):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", "built"]
    subprocess.run(command, cwd=tmp_path, check=True)
    made = tmp_path / "built/signaling_server/web/static/vendor/help.html"
    assert made.read_text() == help_html((ROOT / "docs/troubleshooting.md").read_text())
