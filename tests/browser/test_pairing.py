"""The link of `hawkeye-signaling pair`, opened in Chromium."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Iterator

import pytest
from playwright.sync_api import expect

from browser.test_pages import LOADED, Visit, all_violations, guarded
from integration.server import ServerProcess
from signaling_server.appliance import address_file
from signaling_server.cli import pair
from signaling_server.core.config.load import load


@pytest.fixture
def server(
    tmp_path: Path, tokens: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ServerProcess]:
    """With tokens, and with the folders of a service."""
    for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(address_file, "FOLDER", str(tmp_path / "RUNTIME_DIRECTORY"))
    with guarded(tmp_path) as server:
        yield server


def link(server: ServerProcess, tmp_path: Path) -> str:
    config = load([], {"auth.tokens_file": (str(tmp_path / "tokens.yaml"), "test")}).config
    said = io.StringIO()
    with redirect_stdout(said):
        assert pair.run(config, "", "gcom", "drone-1", server.url) == 0
    return next(line for line in said.getvalue().splitlines() if line.startswith("http"))


def test_press_on_watch_pairs_the_device_and_another_one_takes_over(
    visit: Visit, server: ServerProcess, tmp_path: Path
) -> None:
    page = visit.open(link(server, tmp_path) + "&ca=" + "ab" * 32)
    expect(page.locator("#pairing")).to_contain_text("ab" * 32)
    assert "#" not in page.url
    assert all_violations(page) == []
    page.get_by_role("button", name="Watch").click()
    expect(page.locator("#verdict")).to_have_text("Waiting for a Streaming Node")
    again = page.context.new_page()
    again.goto(page.url)  # without the code: the device remembers its token
    expect(again.locator("#token")).to_have_value(page.locator("#token").input_value())

    second = visit.open(link(server, tmp_path))
    second.get_by_role("button", name="Watch").click()
    expect(second.locator("#company")).to_contain_text("gcom is there already")
    expect(page.locator("#verdict")).to_have_text("Waiting for a Streaming Node")
    second.get_by_role("button", name="Watch").click()
    expect(second.locator("#verdict")).to_have_text("Waiting for a Streaming Node")
    expect(page.locator("#verdict")).to_have_text("Another GCOM has taken over this name")
    visit.close()
    assert all(text.startswith(LOADED) for text in visit.said)  # a GCOM may not see the status
    visit.said.clear()


def test_used_code_is_refused_with_what_to_do(
    visit: Visit, server: ServerProcess, tmp_path: Path
) -> None:
    address = link(server, tmp_path)
    first = visit.open(address)
    first.get_by_role("button", name="Watch").click()
    expect(first.locator("#verdict")).to_have_text("Waiting for a Streaming Node")
    second = visit.open(address)
    second.get_by_role("button", name="Watch").click()
    expect(second.locator("#verdict")).to_contain_text("make another: hawkeye-signaling pair")
    visit.close()
    assert all(text.startswith(LOADED) for text in visit.said)
    visit.said.clear()
