"""Arbitrary tokens files, tokens and queries: refused or accepted, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Sequence

from hypothesis import given
from hypothesis import strategies as st

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.core.config.token_file import parse_tokens
from signaling_server.core.protocol.auth import Grant, Tokens, digest, new_token
from signaling_server.core.protocol.relay import Relay
from signaling_server.errors import Complaint, ConfigError, Rejection
from signaling_server.transport.admission import Admission

TOKEN, TOKEN_ID = new_token(bytes(range(37)))
TOKENS = Tokens([Grant(TOKEN_ID, digest(TOKEN), "node", rooms=("drone-1",))], released=0.0)
PIECES = [
    *("tokens:", "\n", "  - ", "{", "}", ", ", "id: ", "a1", "sha256: ", f'"{digest(TOKEN)}"'),
    *("name: ", "gcom", "rooms: [", "]", "can: ", "signal", "expires: ", "2027-01-01", "'"),
    *("&a", "*a", "!!python/object:os.system", "9999-12-31T23:59:59+14:00", "0001-01-01"),
]

texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)
keys = st.sampled_from(["token", "room", "name", "role", "session", "seen", ""])
auths = st.one_of(json_values, st.dictionaries(keys, json_values))
queries = st.lists(
    st.tuples(keys, st.sampled_from(["=", "", "%3D", "=="]), st.text(), st.sampled_from("&;?\0#"))
).map(lambda parts: "".join("".join(part) for part in parts))


@given(texts)
def test_tokens_file_is_read_or_refused_with_its_place(content: str) -> None:
    complaints: Sequence[Complaint] = ()
    try:
        found = len(parse_tokens("tokens.yaml", content, 0.0))
    except ConfigError as error:
        found, complaints = 0, error.complaints
    assert found <= content.count("id")
    assert all(complaint.file == "tokens.yaml" for complaint in complaints)
    assert all(digest(TOKEN) not in complaint.text for complaint in complaints)


@given(st.one_of(st.none(), st.text(), st.text().map(lambda text: TOKEN[:20] + text)))
def test_nothing_but_the_token_is_accepted(token: str | None) -> None:
    try:
        outcome = TOKENS.check(token, 0.0).name
    except Rejection as rejection:
        outcome = rejection.code
    assert outcome == ("node" if token == TOKEN else "unauthorized")


@given(auths, queries, st.booleans())
def test_client_is_refused_or_is_where_its_token_allows(
    auth: Any, query: str, has_token: bool
) -> None:
    settings = Settings(Loaded(Config(), {}, TOKENS))
    admission = Admission(settings, Relay(Config()), lambda: 0)
    asked = f"token={TOKEN}&{query}" if has_token else query
    request: Any = SimpleNamespace(rel_url=SimpleNamespace(raw_query_string=asked))
    message = ""
    try:
        hello, _ = admission.identify(auth, request)
        outcome = f"{hello.name} in {hello.room}"
    except Rejection as rejection:
        outcome, message = rejection.code, rejection.message
    refusals = {"unauthorized", "invalid-name", "invalid-format"}
    assert outcome in refusals | ({"node in drone-1"} if has_token else set())
    assert TOKEN not in message
