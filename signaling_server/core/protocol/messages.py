"""Untrusted JSON text -> a Signal, or the Rejection that its sender deserves.

A signal travels as the text in which it came: it is checked, never rebuilt, so that all of it (big
integers, floats, key order, fields that this server does not know) arrives as it was sent.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, NamedTuple, Tuple

from signaling_server.core.protocol.json_text import shape, without_from
from signaling_server.errors import Rejection

MAX_TYPE = 64
"""Characters of an invalid type that are repeated to its sender, and in the log."""
VALID_TYPES = ("offer", "answer", "ice-candidate")
MOST_CONTAINERS = 10_000
"""Objects and arrays in a signal: a description with all its candidates has a few hundred, and each
of them costs more time and memory than its two bytes suggest.
"""
MOST_VALUES = 20_000
"""Values of all kinds in a signal: a number costs more than its two bytes suggest, too."""

FEW = 2
"""Levels of the usual signal: the object itself, and its data."""


class Signal(NamedTuple):
    """A checked signal: the envelope, and the body as it came."""

    type: str
    to: str | None
    """The receiver's peer_id; None: all others in the room."""
    size: int
    """Bytes (UTF-8) of the JSON text as it came."""
    body: str
    """The JSON object as it came, less its closing brace, so that `from` can be put in last."""


Scanner = Callable[[str, int], Tuple[Any, int]]
"""The value at an offset of a JSON text, and where it ends; StopIteration if there is none."""


class _Constant(ValueError):
    """NaN or an infinity, which json.dumps of Python writes, though they are not JSON."""


def _refuse_constant(name: str) -> Any:
    raise _Constant(f"{name} is not JSON: send null, or leave it out")


# Numbers are passed on as text, and nobody looks at their value here. float() reads any number of
# digits in linear time; int() does not.
_scan: Scanner = json.JSONDecoder(  # type: ignore[attr-defined]
    parse_constant=_refuse_constant, parse_int=float
).scan_once
_WHITESPACE = re.compile(r"[ \t\n\r]*")


def _standard_loads(text: str) -> Any:
    start = _WHITESPACE.match(text).end()  # type: ignore[union-attr]
    value, end = _scan(text, start)
    if end != len(text) and _WHITESPACE.match(text, end).end() != len(text):  # type: ignore[union-attr]
        raise ValueError("more than one value")
    return value


def _loader() -> Callable[[str], Any]:
    try:
        from orjson import loads
    except ImportError:
        return _standard_loads
    return loads


_quick_loads = _loader()
"""May refuse what other parsers take, such as a lone "\\ud800": `_standard_loads` decides then."""


def _loads(text: str) -> Any:
    try:
        return _quick_loads(text)
    except ValueError:
        return _standard_loads(text)


def parse_signal(text: str, max_bytes: int, max_depth: int) -> Signal:
    """Check the one argument of a `signal` event.

    `text` is the argument's JSON text, `max_bytes` and `max_depth` are `limits.message_bytes` and
    `limits.json_depth` (the object itself is level 1). Raises Rejection: `too-large`,
    `invalid-format`, `invalid-type`, `invalid-data`.
    """
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise Rejection(
            "too-large",
            f"a signal may be at most {max_bytes} bytes; this one is {size}",
            limit=max_bytes,
        )
    if _may_be_odd(text, max_depth):
        _refuse_shape(text, max_depth)
    try:
        message = _quick_loads(text)  # without a call: this is the hot path
    except (ValueError, StopIteration):
        message = _loads_or_reject(text)
    if type(message) is not dict:
        raise Rejection("invalid-format", "a signal must be a JSON object: {type, data, to?}")

    kind = message.get("type")
    if kind not in VALID_TYPES:
        raise _invalid_type(kind)
    data = message.get("data")
    if type(data) is not dict and not (data is None and kind == "ice-candidate"):
        raise Rejection("invalid-data", f"data of type {kind} must be an object")
    to = message.get("to")
    if to is not None and type(to) is not str:
        raise Rejection("invalid-format", "to must be a peer_id (text)")

    body = _without_from(text) if "from" in message else text.rstrip()[:-1]
    return tuple.__new__(Signal, (kind, to or None, size, body))  # see events.make


def _loads_or_reject(text: str) -> Any:
    try:
        return _standard_loads(text)
    except _Constant as error:
        raise Rejection("invalid-format", str(error)) from None
    except (ValueError, StopIteration):
        raise Rejection("invalid-format", "a signal must be a single JSON object") from None


def parse_argument(text: str, max_bytes: int) -> Any:
    """The one argument of another event; raises Rejection `too-large`, `invalid-format`."""
    if len(text) > max_bytes:
        raise Rejection(
            "too-large", f"this event may be at most {max_bytes} bytes", limit=max_bytes
        )
    try:
        return _loads(text)
    except _Constant as error:
        raise Rejection("invalid-format", str(error)) from None
    except (ValueError, StopIteration, RecursionError):
        raise Rejection("invalid-format", "this event takes exactly one JSON argument") from None


def _invalid_type(kind: Any) -> Rejection:
    came = json.dumps(kind[:MAX_TYPE]) if isinstance(kind, str) else _KINDS[type(kind)]
    message = f"type must be one of {', '.join(VALID_TYPES)}"
    told = f"{message}; this one is {came}"
    # Not everything in the log: a client that mixes up its fields would put an SDP line there.
    plain = not isinstance(kind, str) or kind.lower().replace("_", "-") in _MISTAKEN
    logged = "" if plain else message
    return Rejection("invalid-type", told, logged=logged, valid_types=VALID_TYPES)


_MISTAKEN = {*VALID_TYPES, "candidate", "icecandidate", "ice", "sdp", "description"}
"""Types that many clients send, in any case: of texts these alone may be in the log."""


_KINDS = {
    type(None): "missing",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
}
"""What JSON calls the values that are no text."""


def _may_be_odd(text: str, max_depth: int) -> bool:
    """Whether the exact counts of `_refuse_shape` are needed: these include what is in strings.

    Almost every signal has two objects and no array. To see that takes three searches, which are
    ten times as fast as counting; and no text has more commas than characters.
    """
    second = text.find("{", 1)
    few = "[" not in text and (second < 0 or text.find("{", second + 1) < 0)
    if not (few and max_depth >= FEW) and text.count("{") + text.count("[") > max_depth:
        return True
    return len(text) > MOST_VALUES and text.count(",") > MOST_VALUES


def _refuse_shape(text: str, max_depth: int) -> None:
    """Before it is parsed: to parse 100,000 lists takes longer than to count them."""
    found = shape(text)
    if found.containers > MOST_CONTAINERS:
        most = f"hold at most {MOST_CONTAINERS} objects and arrays"
    elif found.values > MOST_VALUES:
        most = f"hold at most {MOST_VALUES} values"
    elif found.depth > max_depth:  # last: it takes longest to find
        most = f"be nested at most {max_depth} levels deep"
    else:
        return
    raise Rejection("invalid-format", f"a signal may {most}")


def _without_from(text: str) -> str:
    """The body without the sender's own `from`, which a parser might take for the server's."""
    try:
        return without_from(text)
    except ValueError as error:
        raise Rejection("invalid-format", f"a signal needs no from; {error}") from None
