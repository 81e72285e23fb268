"""The schemas of what clients send take what the server's parsers take, and nothing else.

At the bounds: each of them comes from the code.
"""

from __future__ import annotations

import itertools
import json
from typing import Any, Iterator, Sequence

import pytest

from contract.schemas import SENT, complaints
from signaling_server.core.protocol.hello import MAX_ROLE, MAX_SEEN, MAX_SESSION, parse_hello
from signaling_server.core.protocol.messages import VALID_TYPES, parse_signal
from signaling_server.core.protocol.rtc_report import (
    _FIELDS,
    MAX_TEXT,
    MOST,
    STATES,
    STATS,
    parse_report,
)
from signaling_server.errors import Rejection

ABSENT = object()
PLAIN = "AZaz09._-"
NAMES = ["", None, "a", PLAIN, "a" * 64, "a" * 65, "a b", "ä", 7, {}]
AUTH = {
    "room": NAMES,
    "name": NAMES,
    "role": ["", None, "r" * MAX_ROLE, "r" * (MAX_ROLE + 1), "ä b", "a\nb", "\x7f", 7],
    "session": ["", None, "s" * MAX_SESSION, "s" * (MAX_SESSION + 1), 7],
    "seen": [None, 0, 1, MAX_SEEN, MAX_SEEN + 1, -1, 1.5, "1", True],
    "unknown": [7],
}
TYPES = [*VALID_TYPES, "Offer", "bye", None, ABSENT]
DATA = [{}, {"sdp": "x", "new": 1}, None, [], "x", ABSENT]
TO = ["", "gcom", None, 7, [], ABSENT]
NUMBERS = [0, 0.5, MOST, MOST + 1, -1, "1", None, True]
TEXTS = ["a", "a" * MAX_TEXT, "a" * (MAX_TEXT + 1), "", 7, None]


def accepts(parse: Any, *arguments: Any) -> bool:
    try:
        parse(*arguments)
    except Rejection:
        return False
    return True


def objects(**fields: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Every combination of these values."""
    for values in itertools.product(*fields.values()):
        yield {key: value for key, value in zip(fields, values) if value is not ABSENT}


@pytest.mark.parametrize("field", AUTH)
def test_auth_is_what_the_server_takes(field: str) -> None:
    for value in AUTH[field]:
        auth = {field: value}
        taken = accepts(parse_hello, auth, {}, "default")
        assert (complaints("connect", SENT, auth) == []) == taken, auth


def test_signal_is_what_the_server_takes() -> None:
    for signal in [*objects(type=TYPES, data=DATA, to=TO), [], "offer", None]:
        taken = accepts(parse_signal, json.dumps(signal), 1000, 64)
        assert (complaints("signal", SENT, signal) == []) == taken, signal


def test_report_is_what_the_server_takes() -> None:
    to = ["", "a" * MAX_TEXT, "a" * (MAX_TEXT + 1), None, 7, ABSENT]
    for report in [*objects(state=[*STATES, "Connected", "", None, ABSENT], to=to), [], None]:
        taken = accepts(parse_report, report)
        assert (complaints("report", SENT, report) == []) == taken, report


@pytest.mark.parametrize("name", STATS)
def test_number_that_the_schema_takes_is_kept(name: str) -> None:
    for number in NUMBERS:
        report = {"state": "connected", "stats": {name: number}}
        kept = name in parse_report(report).stats
        assert (complaints("report", SENT, report) == []) == kept, report


@pytest.mark.parametrize("end", ["local", "remote"])
@pytest.mark.parametrize("field", _FIELDS)
def test_text_that_the_schema_takes_is_kept(end: str, field: str) -> None:
    for text in TEXTS:
        report = {"state": "connected", "candidate_pair": {end: {field: text}}}
        kept = field in parse_report(report).candidate_pair.get(end, {})
        assert (complaints("report", SENT, report) == []) == kept, report
