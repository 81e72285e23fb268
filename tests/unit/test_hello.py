from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from signaling_server.core.protocol.hello import Hello, parse_hello, parse_token, session_hash
from signaling_server.errors import Rejection


def hello(auth: Any = None, query: str = "") -> Hello:
    return parse_hello(auth, parse_qs(query, keep_blank_values=True), "default")


def refusal(auth: Any = None, query: str = "") -> str:
    with pytest.raises(Rejection) as refused:
        hello(auth, query)
    return refused.value.code


@pytest.mark.parametrize("auth", [None, {}, "token", 7, ["room"], True])
def test_client_that_says_nothing_is_in_the_default_room(auth: object) -> None:
    assert hello(auth) == Hello("default")


def test_every_field_of_auth_is_read() -> None:
    auth = {"room": "drone-1", "name": "node", "role": "sender", "session": "key", "seen": 3}
    assert hello(auth) == Hello("drone-1", "node", "sender", session_hash("key"), 3)


def test_url_alone_gives_room_name_and_role() -> None:
    assert hello(None, "room=drone-1&name=gcom&role=viewer") == Hello("drone-1", "gcom", "viewer")


def test_auth_beats_the_query_and_empty_counts_as_absent() -> None:
    assert hello({"room": "a", "name": "", "role": None}, "room=b&name=c&role=d") == Hello(
        "a", "c", "d"
    )


def test_first_duplicate_that_is_not_empty_counts() -> None:
    assert hello(None, "name=&name=first&name=second").name == "first"


def test_hash_distinguishes_sessions_without_revealing_them() -> None:
    assert session_hash("key") == session_hash("key") == "4b80490258cf782fcd7abf4c76c0f949"
    assert session_hash("key") != session_hash("kez")
    assert len(session_hash("\ud800")) == 32


def test_session_and_seen_are_never_read_from_the_url() -> None:
    assert hello(None, "session=key&seen=5") == Hello("default")


@pytest.mark.parametrize("name", ["a", "A-Z_0.9", "x" * 64])
def test_valid_names(name: str) -> None:
    assert hello({"name": name, "room": name}) == Hello(name, name)


@pytest.mark.parametrize("name", ["x" * 65, "a b", "a/b", "ä", "a\n", 7, 0, False, ["a"], {}])
def test_invalid_names(name: object) -> None:
    assert refusal({"name": name}) == refusal({"room": name}) == "invalid-name"


def test_name_in_the_url_is_checked_too() -> None:
    assert refusal(None, "name=a%20b") == refusal(None, "room=%0a") == "invalid-name"


def test_role_is_a_label_for_people() -> None:
    assert hello({"role": "Späher 1" + "x" * 56}).role == "Späher 1" + "x" * 56


@pytest.mark.parametrize("role", ["x" * 65, "a\nb", "\ud800", 7, []])
def test_invalid_roles(role: object) -> None:
    assert refusal({"role": role}) == "invalid-name"


def test_empty_session_is_none() -> None:
    assert hello({"session": "", "seen": None}) == Hello("default")
    assert hello({"session": "x" * 128}).session == session_hash("x" * 128)


@pytest.mark.parametrize("session", ["x" * 129, 7, True, ["key"]])
def test_invalid_sessions(session: object) -> None:
    assert refusal({"session": session}) == "invalid-format"


@pytest.mark.parametrize("seen", [-1, 1.5, "3", True, [1], 2**52 + 1])
def test_invalid_numbers_of_a_signal(seen: object) -> None:
    assert refusal({"session": "key", "seen": seen}) == "invalid-format"


def test_highest_number_is_accepted() -> None:
    assert hello({"session": "key", "seen": 2**52}).seen == 2**52


@pytest.mark.parametrize(
    ("auth", "query", "token"),
    [
        ({"token": "abc"}, "token=def", "abc"),
        ({"token": ""}, "token=&token=def&token=ghi", "def"),
        ({"token": 7}, "", None),
        ("abc", "token=def", "def"),
        (None, "", None),
    ],
)
def test_token_is_read_from_auth_or_else_from_the_url(
    auth: object, query: str, token: str | None
) -> None:
    assert parse_token(auth, parse_qs(query, keep_blank_values=True)) == token
