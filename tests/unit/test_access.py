"""Who may see the status."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.test_utils import make_mocked_request

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.auth import Grant, Tokens, digest, new_token
from signaling_server.core.protocol.events import Fact, Rejected
from signaling_server.core.protocol.scope import ALL, Scope
from signaling_server.web.access import Access

TOKEN, TOKEN_ID = new_token(bytes(37))
NOW = 1_800_000_000.0
ADDRESS = "192.0.2.7"
PENALTY = 0.4


def tokens(*can: str, expires: float | None = None, rooms: tuple[str, ...] = ()) -> Tokens:
    grant = Grant(TOKEN_ID, digest(TOKEN), "operator", None, rooms, can, expires)
    return Tokens([grant], released=0.0)


class Asked:
    """What comes of one request."""

    def __init__(self, given: Tokens | None, authorization: str | None, path: str = "/healthz"):
        self.facts: list[Fact] = []
        self.waited: list[float] = []
        self.guesses: list[str] = []
        headers = {} if authorization is None else {"Authorization": authorization}
        request = make_mocked_request("GET", path, headers=headers)
        access = Access(
            Settings(Loaded(Config(), {}, given)),
            self._penalty,
            self.facts.append,
            lambda request: ADDRESS,
            wall_clock=lambda: NOW,
            sleep=self._sleep,
        )
        self.sees = asyncio.run(access.may_see_status(request))
        self.scope = access.scope(request) if self.sees else None

    def _penalty(self, address: str) -> float:
        self.guesses.append(address)
        return PENALTY

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    @property
    def unnoticed(self) -> bool:
        return not (self.facts or self.waited or self.guesses)


@pytest.mark.parametrize("authorization", [None, "", "Bearer x"])
def test_without_tokens_everyone_may_see_the_status(authorization: str | None) -> None:
    asked = Asked(None, authorization)
    assert asked.sees
    assert asked.unnoticed


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_token_for_status_may_see_it_at_once(scheme: str) -> None:
    asked = Asked(tokens("signal", "status"), scheme + TOKEN)
    assert asked.sees
    assert asked.unnoticed


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN])
def test_request_without_a_token_may_not_see_it_but_is_no_guess(authorization: str | None) -> None:
    asked = Asked(tokens("status"), authorization)
    assert not asked.sees
    assert asked.unnoticed


def test_token_in_the_url_does_not_count() -> None:
    asked = Asked(tokens("status"), None, f"/healthz?token={TOKEN}")
    assert not asked.sees
    assert asked.unnoticed


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_wrong_token_is_reported_and_its_answer_waits(path: str) -> None:
    asked = Asked(tokens("status"), f"Bearer {TOKEN}x", path)
    assert not asked.sees
    assert asked.guesses == [ADDRESS]
    assert asked.waited == [PENALTY]
    message = f"unknown token, for {path}"
    assert asked.facts == [Rejected("", "", "", ADDRESS, "unauthorized", message)]


def test_expired_token_is_a_wrong_one() -> None:
    asked = Asked(tokens("status", expires=NOW), f"Bearer {TOKEN}")
    assert not asked.sees
    assert asked.waited == [PENALTY]


def test_token_for_signaling_may_not_see_it_but_is_no_guess() -> None:
    asked = Asked(tokens("signal"), f"Bearer {TOKEN}")
    assert not asked.sees
    assert asked.guesses == asked.waited == []
    message = "the token is not for the status, for /healthz"
    assert asked.facts == [Rejected("", "", "", ADDRESS, "unauthorized", message)]


def test_everyone_sees_all_rooms_without_tokens_and_a_token_shows_its_own() -> None:
    assert Asked(None, None).scope == ALL
    assert Asked(tokens("status"), f"Bearer {TOKEN}").scope == ALL
    bound = tokens("status", rooms=("drone-1",))
    assert Asked(bound, f"Bearer {TOKEN}").scope == Scope(("drone-1",))
