"""Who may see the status."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from signaling_server.core.protocol.auth import Grant, Tokens, digest, new_token
from signaling_server.web.access import may_see_status

TOKEN, TOKEN_ID = new_token(bytes(37))
NOW = 1_800_000_000.0


def tokens(*can: str, expires: float | None = None) -> Tokens:
    grant = Grant(TOKEN_ID, digest(TOKEN), "operator", can=can, expires=expires)
    return Tokens([grant], released=0.0)


def sees(given: Tokens | None, authorization: str | None, path: str = "/healthz") -> bool:
    headers = {} if authorization is None else {"Authorization": authorization}
    return may_see_status(make_mocked_request("GET", path, headers=headers), given, NOW)


@pytest.mark.parametrize("authorization", [None, "", "Bearer x"])
def test_without_tokens_everyone_may_see_the_status(authorization: str | None) -> None:
    assert sees(None, authorization)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_token_for_status_may_see_it(scheme: str) -> None:
    assert sees(tokens("signal", "status"), scheme + TOKEN)


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]
)
def test_anything_else_may_not_see_it(authorization: str | None) -> None:
    assert not sees(tokens("status"), authorization)


def test_token_in_the_url_does_not_count() -> None:
    assert not sees(tokens("status"), None, f"/healthz?token={TOKEN}")


def test_token_for_signaling_may_not_see_it() -> None:
    assert not sees(tokens("signal"), f"Bearer {TOKEN}")


def test_expired_token_may_not_see_it() -> None:
    assert not sees(tokens("status", expires=NOW), f"Bearer {TOKEN}")
