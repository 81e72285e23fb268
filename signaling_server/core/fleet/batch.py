"""What two hosts say to each other: records, and the text of a batch of them.

A batch is a head and records, separated by U+001E; their fields are separated by U+001F. Neither
can be in a JSON text, which must escape control characters. The head is

    version, from (instance), own generation, generation of the receiver, number, acked, MAC

where the MAC is over all the rest. Number 0: the batch is not numbered. Kinds of records are one
letter: an unknown one in lower case is skipped, an unknown one in upper case is a violation.
Parsing is strict: a host that is not ours, or is broken, ends its link and nothing else.
"""

from __future__ import annotations

import hmac
import json
import re
from typing import Any, Callable, NamedTuple

from signaling_server.core.fleet.records import (
    Admitted,
    Again,
    Answered,
    Beat,
    Bye,
    Control,
    Denied,
    Gone,
    HelloHost,
    Join,
    Liveness,
    Passed,
    Record,
    Report,
    Say,
    Shut,
    Told,
    Withdrawn,
)
from signaling_server.core.protocol.messages import VALID_TYPES

VERSION = 1
FIELD, RECORD = "\x1f", "\x1e"
MOST_DIGITS = 16
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WORD = re.compile(r"[a-z0-9_-]{1,64}")
_PEER = re.compile(r"[^\x00-\x20\"\\]{1,128}")
_NUMBER = re.compile(rf"[0-9]{{1,{MOST_DIGITS}}}")

Sign = Callable[[str], str]
"""The MAC of a text; "" where the fleet has no secret."""


class BadBatch(ValueError):
    """A text is no batch of this version, or its MAC is wrong."""


class BadRecord(ValueError):
    """A record of an authentic batch breaks the format: its link ends."""


class Batch(NamedTuple):
    """What one message carries."""

    sender: str
    generation: str
    """Of the sender's end of the link."""
    yours: str
    """The receiver's generation, as the sender knows it; "": not yet."""
    number: int
    """0: not numbered."""
    acked: int
    """The highest number that the sender has handled."""
    body: str
    """The records, not parsed yet."""


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise BadRecord(f"not a number: {text[:20]!r}")
    return int(text)


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise BadRecord(f"not an id or a word: {text[:20]!r}")
    return text


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise BadRecord(f"not a flag: {text[:20]!r}")
    return text == "1"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadRecord("not JSON") from None


def _object(text: str) -> dict[str, Any]:
    value = _json(text)
    if type(value) is not dict:
        raise BadRecord("not a JSON object")
    return value


def _texts(text: str) -> tuple[str, ...]:
    value = _json(text)
    if type(value) is not list or not all(type(each) is str for each in value):
        raise BadRecord("not a list of texts")
    return tuple(value)


def _json_text(text: str) -> str:
    """A JSON object that is passed on as it is: only its ends are looked at."""
    if text[:1] != "{" or text[-1:] != "}":
        raise BadRecord("not a JSON object")
    return text


def _body(text: str) -> str:
    if text[:1] != "{":
        raise BadRecord("not the body of a signal")
    return text


def _type(text: str) -> str:
    if text not in VALID_TYPES:
        raise BadRecord("not the type of a signal")
    return text


def _receiver(text: str) -> str | None:
    if not text:
        return None
    value = _json(text)
    if type(value) is not str:
        raise BadRecord("not a receiver")
    return value


def _ack(text: str) -> str:
    return text and _matching(_NUMBER, text)


def _id(text: str) -> str:
    return _matching(_ID, text)


def _word(text: str) -> str:
    return _matching(_WORD, text)


def _peer(text: str) -> str:
    return _matching(_PEER, text)


def _echo(text: str) -> int:
    return -1 if text == "-1" else _number(text)


Parse = Callable[[str], Any]
_KINDS: dict[str, tuple[Any, tuple[Parse, ...]]] = {
    "J": (Join, (_id, _object)),
    "S": (Say, (_id, _ack, _type, _receiver, _number, _body)),
    "L": (Gone, (_id, _word, _flag)),
    "P": (Report, (_id, _json_text)),
    "V": (Liveness, (_id, _number)),
    "X": (Withdrawn, (_texts,)),
    "A": (Admitted, (_id,)),
    "N": (Denied, (_id, _object)),
    "F": (Passed, (_id, _peer, _number, _body)),
    "E": (Told, (_id, _word, _json_text)),
    "K": (Answered, (_id, _ack, _json_text)),
    "C": (Shut, (_id, _word, _flag)),
    "H": (HelloHost, (_id, _number, _number)),
    "B": (Beat, (_number, _number, _echo)),
    "Q": (Bye, ()),
    "Z": (Again, ()),
}
"""By letter: the class, and what makes each field of its text."""
_LETTERS = {made: letter for letter, (made, _) in _KINDS.items()}


def _text(value: Any, parse: Parse) -> str:
    """The text that `parse` makes this value of."""
    if parse in (_object, _texts) or (parse is _receiver and value is not None):
        return json.dumps(value)
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)


def encode_record(record: Record | Control) -> str:
    """The text of a record."""
    letter = _LETTERS[type(record)]
    texts = map(_text, record, _KINDS[letter][1])
    return FIELD.join((letter, *texts))


def parse_records(body: str) -> list[Any]:
    """The records of a batch (Record and Control), in order. Raises BadRecord."""
    found: list[Any] = []
    for text in body.split(RECORD) if body else ():
        letter, *fields = text.split(FIELD)
        kind = _KINDS.get(letter)
        if kind is None:
            if letter.islower():  # of a later version, which says that it may be skipped
                continue
            raise BadRecord(f"unknown kind {letter[:20]!r}")
        made, parsers = kind
        if len(fields) != len(parsers):
            raise BadRecord(f"kind {letter} with {len(fields)} fields")
        found.append(made(*(parse(field) for parse, field in zip(parsers, fields))))
    return found


def encode_batch(batch: Batch, sign: Sign) -> str:
    """The text of a batch."""
    numbers = batch.number, batch.acked
    head = FIELD.join(map(str, (VERSION, batch.sender, batch.generation, batch.yours, *numbers)))
    return f"{head}{FIELD}{sign(head + RECORD + batch.body)}{RECORD}{batch.body}"


def parse_batch(text: str, sign: Sign) -> Batch:
    """Read and check the head of a batch; its records are parsed later. Raises BadBatch."""
    head, separator, body = text.partition(RECORD)
    signed, _, mac = head.rpartition(FIELD)
    fields = signed.split(FIELD)
    if not separator or len(fields) != 6 or fields[0] != str(VERSION):
        raise BadBatch("no batch of this version")
    if not hmac.compare_digest(mac.encode(), sign(signed + RECORD + body).encode()):
        raise BadBatch("wrong MAC")
    _, sender, generation, yours, number, acked = fields
    try:
        known = yours and _id(yours)
        return Batch(_id(sender), _id(generation), known, _number(number), _number(acked), body)
    except BadRecord as error:
        raise BadBatch(str(error)) from None
