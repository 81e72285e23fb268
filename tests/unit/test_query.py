from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling_server.core.protocol.query import fields_of

QUERIES = [
    "",
    "&",
    "=",
    "a",
    "a=",
    "=b",
    "a=b",
    "a==b=",
    "a=1&a=2&b=3&",
    "name=caf%C3%A9&room=a+b",
    "a=1;b=2",
]


@pytest.mark.parametrize("query", QUERIES)
def test_fields_are_those_of_the_library(query: str) -> None:
    assert fields_of(query) == parse_qs(query)


@given(st.text("ab=&%+; \x00é0"))
def test_fields_of_anything_are_those_of_the_library(query: str) -> None:
    assert fields_of(query) == parse_qs(query)
