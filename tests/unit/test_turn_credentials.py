from __future__ import annotations

import pytest

from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.schema import Config, TurnSettings
from signaling_server.core.protocol.turn_credentials import FAR_AHEAD, credentials, ice_servers
from signaling_server.version import RELEASED

NOW = RELEASED + 1000.5
STUN = IceServer(("stun:10.0.0.1",))
URLS = ("turn:10.0.0.2:3478", "turns:10.0.0.2")


def test_password_is_what_coturn_computes() -> None:
    """By `printf 1700000000:gcom | openssl dgst -sha1 -hmac north -binary | base64`."""
    username, password = credentials("north", "gcom", 1_700_000_000)
    assert (username, password) == ("1700000000:gcom", "2w42roxcYO15gM3lcjCEGEgjPkA=")


def test_secret_and_name_may_be_any_text() -> None:
    assert credentials("nörd", "über", 1)[0] == "1:über"


def test_configured_servers_do_not_expire() -> None:
    settings = Config(ice_servers=(STUN,))
    assert ice_servers(settings, "", "gcom", NOW) == ([{"urls": ["stun:10.0.0.1"]}], None)


def test_turn_comes_last_and_is_valid_for_its_ttl() -> None:
    settings = Config(ice_servers=(STUN,), turn=TurnSettings(urls=URLS, ttl=60))
    (stun, turn), seconds = ice_servers(settings, "north", "gcom", NOW)
    assert stun == {"urls": ["stun:10.0.0.1"]}
    username, password = credentials("north", "gcom", int(NOW + 60))
    assert turn == {"urls": list(URLS), "username": username, "credential": password}
    assert seconds == 60


def test_withheld_urls_are_left_out() -> None:
    both = IceServer(("stun:10.0.0.1", "stun:10.0.0.9"))
    settings = Config(ice_servers=(STUN, both), turn=TurnSettings(urls=URLS, ttl=60))
    servers, seconds = ice_servers(settings, "s", "gcom", NOW, {"stun:10.0.0.1", URLS[0]})
    assert [each["urls"] for each in servers] == [["stun:10.0.0.9"], [URLS[1]]]
    assert seconds == 60


@pytest.mark.parametrize("clock", [0.0, RELEASED - 1.0])
def test_credentials_made_before_the_clock_is_set_outlast_its_setting(clock: float) -> None:
    settings = Config(turn=TurnSettings(urls=URLS, ttl=60))
    (turn,), seconds = ice_servers(settings, "north", "gcom", clock)
    assert turn["username"] == f"{FAR_AHEAD:.0f}:gcom"
    assert seconds == 60
