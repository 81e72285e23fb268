from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from signaling_server.core.config.schema import SocketIOSettings
from signaling_server.transport.cors import allowed_origin, foreign

GCOM = "http://gcom"


@pytest.mark.parametrize(
    ("origins", "origin", "allowed", "is_foreign"),
    [
        ("*", GCOM, GCOM, False),
        ("*", None, None, False),
        (("*",), GCOM, GCOM, False),
        ((GCOM,), GCOM, GCOM, False),
        ((GCOM,), "http://other", None, True),
        ((GCOM,), None, None, False),
        (GCOM, GCOM, GCOM, False),
    ],
)
def test_listed_origins_may_read_answers(
    origins: Any, origin: str | None, allowed: str | None, is_foreign: bool
) -> None:
    request = make_mocked_request("GET", "/", headers={"Origin": origin} if origin else {})
    options = SocketIOSettings(cors_allowed_origins=origins)
    assert allowed_origin(request, options) == allowed
    assert foreign(request, options) is is_foreign
