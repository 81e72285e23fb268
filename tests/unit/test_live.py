"""The settings in use: every reader sees new ones at once, and a change is made whole or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, RoomsSettings
from signaling_server.core.protocol.auth import Grant, Tokens

CHANGED = Loaded(replace(Config(), rooms=RoomsSettings(default="drone-1")), {})


def test_readers_and_subscribers_see_what_replaces_the_settings() -> None:
    settings = Settings(Loaded(Config(), {}))
    assert (settings.current, settings.tokens, settings.turn_secret) == (Config(), None, "")
    seen: list[str] = []
    settings.subscribe(lambda: seen.append(f"first {settings.current.rooms.default}"))
    settings.subscribe(lambda: seen.append(f"second {settings.turn_secret}"))
    tokens = Tokens([], 0.0)
    assert settings.remarks == ()
    settings.replace(CHANGED._replace(tokens=tokens, turn_secret="secret", remarks=("odd",)))
    assert settings.remarks == ("odd",)
    assert settings.current is CHANGED.config
    assert settings.tokens is tokens
    assert seen == ["first drone-1", "second secret"]


def test_settings_on_which_a_subscriber_fails_are_not_used() -> None:
    settings = Settings(Loaded(Config(), {}))
    seen: list[str] = []

    def fail() -> None:
        seen.append("fail")
        raise LookupError(settings.current.rooms.default)

    settings.subscribe(lambda: seen.append(settings.current.rooms.default))
    settings.subscribe(fail)
    settings.subscribe(lambda: seen.append("never called"))
    with pytest.raises(LookupError, match="drone-1"):
        settings.replace(CHANGED)
    assert settings.current == Config()
    assert seen == ["drone-1", "fail", "default", "fail"]


def test_tokens_of_paired_devices_count_only_where_tokens_are_required() -> None:
    listed, paired, later = (Grant(name, "0" * 64, name) for name in ("a", "b", "c"))
    settings = Settings(CHANGED._replace(paired=(paired,)))
    assert settings.tokens is None
    for tokens in (Tokens([listed], 0.0), Tokens([], 0.0)):
        settings.replace(CHANGED._replace(tokens=tokens, paired=(paired,)))
        settings.add_paired(later)
        assert settings.tokens
        assert set(settings.tokens.grants) == {*tokens.grants, paired, later}
