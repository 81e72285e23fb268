"""No secret leaves the machine."""

from __future__ import annotations

import pytest

from signaling_server.cli.scrub import Scrubber

KEY = """\
before
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIPlanted
-----END EC PRIVATE KEY-----
after -----BEGIN PRIVATE KEY-----planted-----END PRIVATE KEY-----
end"""


@pytest.mark.parametrize(
    "line",
    [
        "the secret is planted-long, and planted too",
        "a=ice-ufrag:planted",
        "a=ice-pwd:planted",
        "candidate:1 1 udp 1 10.0.0.1 9 typ host ufrag planted network-cost 10",
        "redis://user:planted@10.0.0.1/",
        "hs_abc_planted",
        "GET /socket.io/?token=planted&x=1",
        '{"credential": "planted"}',
        "Authorization: Bearer planted",
    ],
)
def test_secrets_are_masked(line: str) -> None:
    assert "planted" not in Scrubber(["planted", "planted-long", ""]).clean(line)
    if "secret is" not in line:
        assert "planted" not in Scrubber([]).clean(line)


@pytest.mark.parametrize(
    "line", ["http://127.0.0.1:8080/x@y", "room drone-1: node joined", "2026-11-28T18:55:16Z up"]
)
def test_everything_else_stays(line: str) -> None:
    assert Scrubber(["1", "abc"]).clean(line) == line


def test_longer_secret_is_masked_as_a_whole() -> None:
    assert Scrubber(["north", "north-south"]).clean("x north-south y") == "x *** y"


def test_private_key_is_masked_line_by_line() -> None:
    scrubber = Scrubber([])
    assert [scrubber.clean(line) for line in KEY.splitlines()] == [
        "before",
        *["***"] * 4,
        "end",
    ]
