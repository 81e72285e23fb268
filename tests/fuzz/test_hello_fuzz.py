"""Arbitrary `auth` and queries: a Hello within its bounds, or a Rejection."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from hypothesis import given
from hypothesis import strategies as st

from signaling_server.core.protocol.hello import Hello, parse_hello, parse_token, session_hash
from signaling_server.errors import Rejection

KEYS = ["token", "room", "name", "role", "session", "seen"]
names = st.from_regex(r"[A-Za-z0-9._-]{1,66}", fullmatch=True)
odd = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70)
values = names | odd | st.lists(odd, max_size=2) | st.dictionaries(st.text(max_size=3), odd)
auths = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), values, max_size=6) | values
queries = st.text(alphabet="&=%+;?# \n\x00äroomnae01F", max_size=40) | st.lists(
    st.tuples(st.sampled_from(KEYS), names | st.text(max_size=5)), max_size=6
).map(lambda pairs: "&".join(f"{key}={value}" for key, value in pairs))


def outcome(auth: object, query: dict[str, list[str]]) -> Hello | str:
    """The hello, or the code that it is refused with."""
    try:
        return parse_hello(auth, query, "default")
    except Rejection as rejection:
        return rejection.code


@given(auths, queries)
def test_hello_is_within_its_bounds_or_refused_in_words(auth: object, query: str) -> None:
    parsed = parse_qs(query)
    token = parse_token(auth, parsed)
    assert token is None or token
    hello = outcome(auth, parsed)
    if isinstance(hello, str):
        assert hello in ("invalid-name", "invalid-format")
        return
    for name in (hello.room, hello.name or "x"):
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name)
    assert hello.role is None or (hello.role.isprintable() and 0 < len(hello.role) <= 64)
    assert 0 <= hello.seen <= 2**52
    if hello.session is not None:
        assert isinstance(auth, dict)
        assert hello.session == session_hash(auth["session"])
        assert re.fullmatch("[0-9a-f]{32}", hello.session)
