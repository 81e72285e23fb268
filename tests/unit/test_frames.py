from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from framing import frame
from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine import frames
from signaling_server.transport.engine.frames import (
    WIDEST,
    FrameReader,
    header,
    is_signal,
    unmask,
)
from signaling_server.transport.engine.write_batch import WriteBatch

MASK = b"\x11\x22\x33\x44"
SIGNAL = '42["signal",{"type":"offer","data":{"sdp":"ü"}}]'


def text_frame(text: str) -> bytes:
    """A client's frame with this text."""
    return frame(text.encode(), mask=MASK)


class Parser:
    """What a FrameReader uses of aiohttp's."""

    def __init__(self) -> None:
        self.fed: list[bytes] = []
        self.ended = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.fed.append(data)
        return False, b""

    def feed_eof(self) -> None:
        self.ended = True


class Protocol:
    """What it uses of aiohttp's protocol."""

    def __init__(self) -> None:
        self._payload_parser: Any = Parser()


class Scene:
    """A reader that waits for what comes."""

    def __init__(self, total: int = 10**6, short: bool = True) -> None:
        self.budget = Budget(total)
        self.turn = WriteBatch()
        self.relayed: list[str] = []
        self.takes = True
        self.aborted = False
        protocol = Protocol()
        self.parser: Parser = protocol._payload_parser
        self.reader = FrameReader(
            self.budget, self.turn, self._abort, self._relay if short else None
        )
        self.reader.watch(protocol)
        assert protocol._payload_parser is self.reader
        self.reader.idle = True

    def _abort(self) -> None:
        self.aborted = True

    def _relay(self, text: str) -> bool:
        if self.takes:
            self.relayed.append(text)
        return self.takes


@pytest.mark.parametrize("size", [0, 50, 125, 126, 127, 300, 65535])
def test_whole_signals_are_relayed_where_they_are_read(size: int) -> None:
    scene = Scene()
    text = '42["signal",' + "x" * max(0, size - 13) + "]"
    assert scene.reader.feed_data(text_frame(SIGNAL) + text_frame(text)) == (False, b"")
    assert scene.relayed == [SIGNAL, text]
    assert scene.parser.fed == []
    assert scene.budget.used == 0


@pytest.mark.parametrize(
    "other",
    [
        text_frame("3"),
        text_frame('421["signal",{}]'),
        text_frame('42["signal",{}'),
        text_frame('42["report",{}]'),
        frame(b'42["signal",\xff]'),
        frame(SIGNAL.encode(), final=False),
        frame(SIGNAL.encode(), opcode=2),
        b"\xc1" + text_frame(SIGNAL)[1:],
        b"\x81\x40" + text_frame(SIGNAL)[2:],
        text_frame('42["signal",' + "x" * 70000 + "]"),
        frame(b"ping", opcode=9),
        frame(b"ping of a length that it could be", opcode=9),
        text_frame(SIGNAL)[:10],
        text_frame(SIGNAL)[:-1],
        text_frame('42["signal",' + "x" * 200 + "]")[:-1],
    ],
)
def test_all_else_and_what_follows_it_is_for_aiohttp(other: bytes) -> None:
    scene = Scene()
    scene.reader.feed_data(text_frame(SIGNAL) + other + text_frame(SIGNAL))
    assert scene.relayed == [SIGNAL]
    assert scene.parser.fed == [other + text_frame(SIGNAL)]
    assert scene.budget.used == WIDEST * len(other + text_frame(SIGNAL))
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.relayed == [SIGNAL], "nothing overtakes what aiohttp has"


def test_signal_that_is_not_wanted_is_for_aiohttp() -> None:
    scene = Scene()
    scene.takes = False
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.parser.fed == [text_frame(SIGNAL)]


def test_nothing_overtakes_a_message_that_is_being_handled() -> None:
    scene = Scene()
    scene.reader.feed_data(text_frame("421[]"))
    scene.reader.idle = False
    scene.reader.taken("421[]")
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.relayed == []
    scene.reader.taken(SIGNAL)
    scene.reader.idle = True
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.relayed == [SIGNAL]


def test_without_a_short_way_all_is_for_aiohttp() -> None:
    scene = Scene(short=False)
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.parser.fed == [text_frame(SIGNAL)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
@pytest.mark.parametrize("kind", [str, bytes])
def test_bytes_count_until_they_are_taken(size: int, kind: type) -> None:
    scene = Scene()
    payload = "x" * size
    came = text_frame(payload)
    half = len(came) // 2
    scene.reader.feed_data(came[:half])
    scene.reader.feed_data(came[half:] + b"\x81")
    assert scene.budget.used == WIDEST * (len(came) + 1)
    scene.reader.taken(payload if kind is str else payload.encode())
    assert scene.budget.used == WIDEST, "the beginning of the next"


def test_taken_text_counts_as_it_came() -> None:
    scene = Scene()
    scene.reader.feed_data(text_frame("ü" * 10))
    scene.reader.taken("ü" * 10)
    assert scene.budget.used == 0


def test_more_was_taken_than_is_known_to_have_come() -> None:
    scene = Scene()
    scene.reader.feed_data(b"12")
    scene.reader.taken("x" * 100)
    assert scene.budget.used == 0
    for _ in range(5):
        scene.reader.feed_data(text_frame("abc"))
    scene.reader.taken("abc")
    assert scene.budget.used == WIDEST * len(text_frame("abc")), (
        "no more than came last can be left"
    )


def test_who_has_more_than_his_share_while_memory_is_short_is_cut_off() -> None:
    scene = Scene(total=100)
    scene.budget.share = 50
    assert scene.reader.feed_data(b"\x01" * 12) == (False, b"")
    assert scene.reader.feed_data(b"\x01" * 14) == (True, b"")
    assert scene.aborted
    scene.reader.close()
    assert scene.budget.used == 0


def test_after_the_end_nothing_is_relayed() -> None:
    scene = Scene()
    scene.reader.close()
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.relayed == []
    scene.reader.feed_eof()
    assert scene.parser.ended


def test_client_that_is_gone_already_is_not_watched() -> None:
    scene = Scene()
    protocol = Protocol()
    protocol._payload_parser = None
    scene.reader.watch(protocol)
    assert protocol._payload_parser is None


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_header_tells_the_length(length: int, head: bytes) -> None:
    assert header(length) == head


def test_only_what_asks_for_no_ack_and_has_no_namespace_is_an_ordinary_signal() -> None:
    assert is_signal(f'42["signal",{json.dumps({"type": "offer"})}]')
    for text in ('421["signal",{}]', '42/,["signal",{}]', '42["signal",{}] ', '42["signals"]'):
        assert not is_signal(text)


def test_mask_function_that_is_not_found_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert frames._find_unmask() is unmask
    monkeypatch.setitem(sys.modules, "aiohttp._websocket.helpers", None)
    monkeypatch.setitem(sys.modules, "aiohttp.http_websocket", None)
    assert frames._find_unmask() is None
