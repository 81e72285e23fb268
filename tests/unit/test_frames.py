from __future__ import annotations

from typing import Any

import pytest

from framing import frame
from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine.frame_counter import BadFrame, FrameCounter
from signaling_server.transport.engine.frames import WIDEST, FrameReader, text_frames
from signaling_server.transport.engine.write_batch import WriteBatch

MASK = b"\x11\x22\x33\x44"
BEGIN = '42["signal",'
ARGUMENT = '{"type":"offer","data":{"sdp":"ü"}}'
SIGNAL = f"{BEGIN}{ARGUMENT}]"


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

    def __init__(self, total: int = 10**6, fast: bool = True, tail: bytes = b"") -> None:
        self.budget = Budget(total)
        self.batch = WriteBatch()
        self.relayed: list[str] = []
        self.ack_ids: list[str] = []
        self.takes = True
        self.aborted = False
        self.allows = True
        self.refused: list[BadFrame] = []
        protocol = Protocol()
        self.parser: Parser = protocol._payload_parser
        self.renewed: Any = None
        self.reader = FrameReader(
            self.budget,
            self.batch,
            self._abort,
            self._relay if fast else None,
            lambda parser: self.renewed or parser,
            FrameCounter(lambda: self.allows),
            self.refused.append,
        )
        self.reader.watch(protocol, tail)
        assert protocol._payload_parser is self.reader
        self.reader.idle = True

    def _abort(self) -> None:
        self.aborted = True

    def _relay(self, argument: str, ack_id: str) -> bool:
        if self.takes:
            self.relayed.append(argument)
            self.ack_ids.append(ack_id)
        return self.takes


@pytest.mark.parametrize("size", [0, 50, 125, 126, 127, 300, 65535])
def test_whole_signals_are_relayed_where_they_are_read(size: int) -> None:
    scene = Scene()
    text = '42["signal",' + "x" * max(0, size - 13) + "]"
    assert scene.reader.feed_data(text_frame(SIGNAL) + text_frame(text)) == (False, b"")
    assert scene.relayed == [ARGUMENT, text[len(BEGIN) : -1]]
    assert scene.parser.fed == []
    assert scene.budget.used == 0


@pytest.mark.parametrize(
    "other",
    [
        text_frame("3"),
        text_frame('42/,1["signal",{}]'),
        text_frame('42["signal",{}'),
        text_frame('42["report",{}]'),
        frame(b'42["signal",\xff]'),
        frame(SIGNAL.encode(), final=False),
        frame(SIGNAL.encode(), opcode=2),
        b"\xc1" + text_frame(SIGNAL)[1:],
        text_frame('42["signal",' + "x" * 70000 + "]"),
        frame(b"ping", opcode=9),
        frame(b"ping of a length that it could be", opcode=9),
    ],
)
def test_any_other_frame_and_those_behind_it_are_for_aiohttp(other: bytes) -> None:
    scene = Scene()
    scene.reader.feed_data(text_frame(SIGNAL) + other + text_frame(SIGNAL))
    assert scene.relayed == [ARGUMENT]
    assert scene.parser.fed == [other + text_frame(SIGNAL)]
    assert scene.budget.used == WIDEST * len(other + text_frame(SIGNAL))
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.relayed == [ARGUMENT], "nothing overtakes what aiohttp has"


@pytest.mark.parametrize(
    "part",
    [
        text_frame(SIGNAL)[:10],
        text_frame(SIGNAL)[:-1],
        text_frame('42["signal",' + "x" * 200 + "]")[:-1],
    ],
)
def test_frame_that_is_not_complete_is_for_aiohttp(part: bytes) -> None:
    scene = Scene()
    scene.reader.feed_data(text_frame(SIGNAL) + part)
    assert scene.relayed == [ARGUMENT]
    assert scene.parser.fed == [part]
    assert scene.budget.used == WIDEST * len(part)


def test_signal_that_is_not_relayed_is_for_aiohttp() -> None:
    scene = Scene()
    scene.takes = False
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.parser.fed == [text_frame(SIGNAL)]


def test_nothing_overtakes_a_message_that_is_being_handled() -> None:
    scene = Scene()
    scene.reader.feed_data(text_frame("421[]"))
    scene.reader.idle = False
    scene.reader.taken()
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.relayed == []
    scene.reader.taken()
    scene.reader.idle = True
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.relayed == [ARGUMENT]


def test_without_the_fast_path_every_frame_is_for_aiohttp() -> None:
    scene = Scene(fast=False)
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.parser.fed == [text_frame(SIGNAL)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_bytes_count_until_they_are_taken(size: int) -> None:
    scene = Scene()
    came = text_frame("x" * size)
    half = len(came) // 2
    scene.reader.feed_data(came[:half])
    scene.reader.feed_data(came[half:] + b"\x81")
    assert scene.budget.used == WIDEST * (len(came) + 1)
    scene.reader.taken()
    assert scene.budget.used == WIDEST, "the beginning of the next"
    scene.reader.taken()
    assert scene.budget.used == WIDEST, "what is not complete cannot be taken"


def test_unfinished_message_counts_whatever_comes_between_its_fragments() -> None:
    scene = Scene()
    first, ping = frame(b"4" * 1000, final=False, mask=MASK), frame(b"", opcode=9, mask=MASK)
    more, last = (frame(b"x", opcode=0, final=final, mask=MASK) for final in (False, True))
    scene.reader.feed_data(first + ping + more)
    scene.reader.taken()
    assert scene.budget.used == WIDEST * len(first + more)
    scene.reader.feed_data(last)
    scene.reader.taken()
    assert scene.budget.used == 0
    scene.reader.feed_data(text_frame(SIGNAL))
    assert scene.relayed == [ARGUMENT], "and then the fast path is open again"


@pytest.mark.parametrize("refused", [frame(b"", opcode=9), b"\x81\x03421"])
def test_refused_frame_reaches_neither_relay_nor_aiohttp(refused: bytes) -> None:
    scene = Scene()
    scene.allows = False
    assert scene.reader.feed_data(text_frame(SIGNAL) + refused) == (True, b"")
    assert (scene.relayed, scene.parser.fed, len(scene.refused)) == ([ARGUMENT], [], 1)


def test_after_a_ping_signals_are_relayed_again() -> None:
    scene = Scene()
    scene.reader.feed_data(frame(b"ping", opcode=9))
    scene.reader.taken()
    scene.reader.feed_data(text_frame(SIGNAL))
    assert (scene.relayed, scene.budget.used) == ([ARGUMENT], 0)


def test_ack_id_of_a_signal_is_handed_on() -> None:
    scene = Scene()
    scene.reader.feed_data(text_frame(SIGNAL) + text_frame('4217["signal",{}]'))
    assert (scene.relayed, scene.ack_ids) == ([ARGUMENT, "{}"], ["", "17"])


def test_what_came_with_the_handshake_reaches_aiohttp_and_counts() -> None:
    whole = text_frame("40")
    scene = Scene(tail=whole + whole[:3])
    assert scene.parser.fed == [whole + whole[:3]]
    assert scene.budget.used == WIDEST * (len(whole) + 3)
    scene.reader.taken()
    scene.reader.feed_data(whole[3:])
    scene.reader.taken()
    assert scene.budget.used == 0


def test_client_with_more_than_its_share_is_aborted_while_memory_is_short() -> None:
    scene = Scene(total=100)
    scene.budget.share = 50
    assert scene.reader.feed_data(text_frame("4" * 6)) == (False, b"")
    assert scene.reader.feed_data(text_frame("4" * 8)) == (True, b"")
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
    scene.reader.watch(protocol, b"")
    assert protocol._payload_parser is None


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (1, b"\x81\x01"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_header_tells_the_length(length: int, head: bytes) -> None:
    text = "x" * length
    assert text_frames([text]) == head + text.encode()


def test_parser_is_renewed_between_two_frames_and_never_within_one() -> None:
    scene = Scene()
    whole = text_frame("421[]")
    scene.reader.feed_data(whole[:3])
    renewed = scene.renewed = Parser()
    scene.reader.feed_data(whole[3:])
    scene.reader.idle = False
    scene.reader.taken()
    scene.reader.feed_data(whole)
    assert (scene.parser.fed, renewed.fed) == ([whole[:3], whole[3:], whole], [])
    scene.reader.taken()
    scene.reader.idle = True
    scene.reader.feed_data(text_frame(SIGNAL) + whole)
    assert (scene.relayed, renewed.fed) == ([ARGUMENT], [whole])


def test_lone_surrogate_is_encoded_like_a_character() -> None:
    assert text_frames(["4ü\ud800"]) == b"\x81\x064\xc3\xbc\xed\xa0\x80"


def test_frames_of_several_texts_follow_one_another() -> None:
    assert text_frames(["2", "4ü", "3probe"]) == b"\x81\x012\x81\x034\xc3\xbc\x81\x063probe"
    assert text_frames([]) == b""
