"""The settings in use: one object that all parts read, with one writer.

A part reads `settings.current` whenever it needs a value, and never keeps a copy. A part that must
act on a change (the relay's budget, the certificate, engine.io's limits) subscribes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Tokens


class Settings:
    """The configuration and the content of the files that it names."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._subscribers: list[Callable[[], None]] = []
        self.current: Config = loaded.config

    @property
    def tokens(self) -> Tokens | None:
        """The content of auth.tokens_file; None: everybody may connect."""
        return self._loaded.tokens

    @property
    def turn_secret(self) -> str:
        """The content of turn.secret_file."""
        return self._loaded.turn_secret

    def subscribe(self, act: Callable[[], None]) -> None:
        """Call `act` after each change, in the order of subscriptions."""
        self._subscribers.append(act)

    def replace(self, loaded: Loaded) -> None:
        """Use other settings from now on. The reload is the only caller."""
        self._loaded = loaded
        self.current = loaded.config
        for act in self._subscribers:
            act()
