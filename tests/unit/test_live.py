"""The settings in use: every reader sees the new ones at once."""

from __future__ import annotations

from dataclasses import replace

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, RoomsSettings
from signaling_server.core.protocol.auth import Tokens


def test_readers_and_subscribers_see_what_replaces_the_settings() -> None:
    settings = Settings(Loaded(Config(), {}))
    assert (settings.current, settings.tokens, settings.turn_secret) == (Config(), None, "")
    seen: list[str] = []
    settings.subscribe(lambda: seen.append(f"first {settings.current.rooms.default}"))
    settings.subscribe(lambda: seen.append(f"second {settings.turn_secret}"))
    tokens = Tokens([], 0.0)
    changed = replace(Config(), rooms=RoomsSettings(default="drone-1"))
    settings.replace(Loaded(changed, {}, tokens, "secret"))
    assert settings.current is changed
    assert settings.tokens is tokens
    assert seen == ["first drone-1", "second secret"]
