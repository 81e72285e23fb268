from __future__ import annotations

import re

import pytest

from signaling_server.core.protocol import auth
from signaling_server.core.protocol.auth import Grant, Tokens, bind, digest, new_token
from signaling_server.core.protocol.hello import Hello
from signaling_server.errors import Rejection

RELEASED = 1_793_491_200.0
NOW = RELEASED + 86400
TOKEN, TOKEN_ID = new_token(bytes(range(auth.ID_BYTES + auth.SECRET_BYTES)))
OTHER, OTHER_ID = new_token(bytes(range(100, 100 + auth.ID_BYTES + auth.SECRET_BYTES)))
GRANT = Grant(TOKEN_ID, digest(TOKEN), "gcom")


def tokens(*grants: Grant) -> Tokens:
    return Tokens(grants or [GRANT], RELEASED)


def refusal(given: Tokens, token: str | None, now: float = NOW) -> str:
    with pytest.raises(Rejection) as raised:
        given.check(token, now)
    assert raised.value.code == "unauthorized"
    assert not token or token not in raised.value.message
    return raised.value.message


def test_token_has_its_id_and_32_random_bytes_in_it() -> None:
    assert re.fullmatch(r"hs_[a-z2-7]{8}_[A-Za-z0-9_-]{43}", TOKEN)
    assert TOKEN.split("_")[1] == TOKEN_ID
    assert len({new_token(bytes([n] * 37))[0] for n in range(256)}) == 256


def test_known_token_gives_its_grant() -> None:
    assert tokens().check(TOKEN, NOW) is GRANT
    assert len(tokens()) == 1


@pytest.mark.parametrize("token", [None, ""])
def test_missing_token_is_required(token: str | None) -> None:
    assert refusal(tokens(), token) == "this server requires a token"


@pytest.mark.parametrize(
    "token",
    [
        OTHER,
        "hs_",
        "x",
        TOKEN[:-1],
        TOKEN + "A",
        TOKEN + "\n",
        " " + TOKEN,
        TOKEN.upper(),
        f"hs_{TOKEN_ID}_{OTHER.split('_', 2)[2]}",
        f"hs_{OTHER_ID}_{TOKEN.split('_', 2)[2]}",
        GRANT.sha256,
        f"hs_{TOKEN_ID}_{GRANT.sha256[:43]}",
        "\ud800" * 50,
        "x" * 1_000_000,
    ],
    ids=lambda token: repr(token)[:30],
)
def test_any_other_token_is_unknown(token: str) -> None:
    assert refusal(tokens(), token) == "unknown token"


@pytest.mark.parametrize(("now", "good"), [(-1.0, True), (0.0, False), (1.0, False)])
def test_token_expires_at_its_time(now: float, good: bool) -> None:
    given = tokens(GRANT._replace(expires=NOW))
    if good:
        assert given.check(TOKEN, NOW + now)
    else:
        assert refusal(given, TOKEN, NOW + now) == "the token has expired"


@pytest.mark.parametrize("clock", [0.0, RELEASED - 1])
def test_expiry_is_not_checked_before_the_clock_is_set(clock: float) -> None:
    long_ago = tokens(GRANT._replace(expires=RELEASED - 86400))
    assert long_ago.check(TOKEN, clock)
    assert refusal(long_ago, TOKEN, RELEASED) == "the token has expired"


def test_grant_is_valid_only_while_it_is_unchanged() -> None:
    assert tokens().still_grants(GRANT)
    assert not tokens(GRANT._replace(rooms=("a",))).still_grants(GRANT)
    assert not tokens(GRANT._replace(id="other")).still_grants(GRANT)


DRONE_1 = GRANT._replace(rooms=("drone-1", "drone-2"))


@pytest.mark.parametrize(
    ("grant", "hello", "room"),
    [
        (GRANT, Hello(""), "default"),
        (GRANT, Hello("", "gcom"), "default"),
        (GRANT, Hello("any"), "any"),
        (DRONE_1, Hello(""), "drone-1"),
        (DRONE_1, Hello("drone-2"), "drone-2"),
        (GRANT._replace(rooms=("a", "default")), Hello(""), "default"),
    ],
)
def test_token_binds_name_and_room(grant: Grant, hello: Hello, room: str) -> None:
    bound = bind(hello, grant, "default")
    assert (bound.name, bound.room) == ("gcom", room)


def test_role_of_the_token_wins() -> None:
    hello = Hello("", role="mine", session="s", seen=3)
    assert bind(hello, GRANT, "default") == Hello("default", "gcom", "mine", "s", 3)
    assert bind(hello, GRANT._replace(role="pilot"), "default").role == "pilot"


@pytest.mark.parametrize(
    ("grant", "hello", "message"),
    [
        (GRANT, Hello("", "node"), "the token is for another name"),
        (GRANT, Hello("", "GCOM"), "the token is for another name"),
        (DRONE_1, Hello("drone-3"), "the token is not for this room"),
        (DRONE_1, Hello("Drone-1"), "the token is not for this room"),
        (GRANT._replace(can=("status",)), Hello(""), "the token is not for signaling"),
    ],
)
def test_token_allows_nothing_else(grant: Grant, hello: Hello, message: str) -> None:
    with pytest.raises(Rejection, match=f"^{message}$") as raised:
        bind(hello, grant, "default")
    assert raised.value.code == "unauthorized"


@pytest.mark.parametrize("room", ["probe-" + "0f" * 16, "probe-" + "a" * 32])
def test_every_token_for_signaling_allows_a_test_in_an_unguessable_room(
    room: str,
) -> None:
    hello = Hello(room, "tester")
    assert tokens(DRONE_1).admit(hello, TOKEN, "default", NOW) == (hello, DRONE_1)
    status_only = tokens(GRANT._replace(can=("status",)))
    with pytest.raises(Rejection, match="not for signaling"):
        status_only.admit(hello, TOKEN, "default", NOW)


@pytest.mark.parametrize("room", ["probe-", "probe-1", "probe-" + "A" * 32, "probe-" + "a" * 33])
def test_room_that_resembles_one_for_tests_is_like_any_other(room: str) -> None:
    with pytest.raises(Rejection, match="not for this room"):
        tokens(DRONE_1).admit(Hello(room), TOKEN, "default", NOW)


def test_client_is_admitted_by_its_token() -> None:
    hello, grant = tokens().admit(Hello("drone-1"), TOKEN, "default", NOW)
    assert (hello, grant) == (Hello("drone-1", "gcom"), GRANT)
    with pytest.raises(Rejection, match="unknown token"):
        tokens().admit(Hello("drone-1"), OTHER, "default", NOW)


def test_token_says_how_long_it_is_valid_once_the_clock_is_set() -> None:
    grants = Grant("1", "", "node", expires=1000.0), Grant("2", "", "gcom")
    tokens = Tokens(grants, released=500.0)
    assert tokens.seconds_left(grants[0], 600.0) == 400.0
    assert tokens.seconds_left(grants[0], 499.0) is None
    assert tokens.seconds_left(grants[1], 600.0) is None


def test_tokens_beside_others_win_where_two_have_one_id() -> None:
    first, second, other = (
        Grant(id, "0" * 64, name) for id, name in (("a", "x"), ("a", "y"), ("b", "z"))
    )
    tokens = Tokens([first], 0.0)
    assert tokens.beside([]) is tokens
    assert set(tokens.beside([second, other]).grants) == {first, other}
