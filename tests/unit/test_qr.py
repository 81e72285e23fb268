"""QR codes of this server's own URLs."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import Any

import pytest

from signaling_server.web.qr import (
    BURST,
    MOST_CHARACTERS,
    QrCodes,
    TooMany,
    available,
    is_own,
    terminal,
)

URL = "http://192.168.1.10:8080/?room=drone-1&name=streaming-node"
HOSTS = {"192.168.1.10:8080", "drone.local"}


@pytest.mark.parametrize(
    ("url", "own"),
    [
        (URL, True),
        ("https://drone.local/prefix/call?x=1", True),
        ("http://192.168.1.10:8081/", False),
        ("http://user@drone.local/", False),
        ("http://drone.local.evil.example/", False),
        ("javascript://drone.local/", False),
        ("drone.local", False),
        ("http://[drone.local/", False),
        ("", False),
        ("http://drone.local/".ljust(MOST_CHARACTERS, "x"), True),
        ("http://drone.local/".ljust(MOST_CHARACTERS + 1, "x"), False),
    ],
)
def test_code_is_made_of_own_urls_alone(url: str, own: bool) -> None:
    assert is_own(url, HOSTS) is own


def test_without_segno_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> Any:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", find)
    assert not available()


def test_code_is_black_on_white_and_needs_no_style() -> None:
    pytest.importorskip("segno")
    assert available()

    async def scene() -> None:
        image = (await QrCodes().svg(URL)).decode()
        assert image.startswith("<svg")
        assert 'fill="#fff"' in image
        assert 'stroke="#000"' in image
        assert "style" not in image
        assert "class" not in image

    asyncio.run(scene())


def test_codes_are_kept_and_never_too_many() -> None:
    async def scene() -> None:
        now = 0.0
        codes = QrCodes(lambda: now)
        made: list[str] = []
        codes._svg = lambda text: made.append(text) or b"svg"  # type: ignore
        for _ in range(int(BURST)):
            assert await codes.svg(URL) == b"svg"
        with pytest.raises(TooMany):
            await codes.svg(URL)
        now = 1.0
        assert await codes.svg(URL) == b"svg"

    asyncio.run(scene())


def test_same_code_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("segno")

    async def scene() -> None:
        codes = QrCodes()
        assert await codes.svg(URL) is await codes.svg(URL)

    asyncio.run(scene())


@pytest.mark.skipif(not available(), reason="segno is not installed")
def test_terminal_shows_the_code_in_blocks() -> None:
    assert "█" in terminal(URL)
