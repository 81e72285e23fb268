"""The settings in use: one object that all parts read, with one writer.

A part reads `settings.current` whenever it needs a value and never keeps a copy, so that a reload
reaches it without its doing. A part that must act on a change (the relay's budget, the certificate,
engine.io's limits) subscribes.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Callable

from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Grant, Tokens


class Settings:
    """The configuration, and the content of the files that it names."""

    def __init__(self, loaded: Loaded) -> None:
        self._subscribers: list[Callable[[], None]] = []
        self.current: Config
        """The configuration in use. No property: it is read for every signal."""
        self._use(loaded)

    @property
    def tokens(self) -> Tokens | None:
        """Those of auth.tokens_file and of paired devices; None: anyone may connect."""
        return self._tokens

    @property
    def turn_secret(self) -> str:
        """The content of turn.secret_file."""
        return self._loaded.turn_secret

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is odd about the files of the configuration."""
        return self._loaded.remarks

    def subscribe(self, act: Callable[[], None]) -> None:
        """Call `act` after each change, in the order of subscriptions."""
        self._subscribers.append(act)

    def replace(self, loaded: Loaded) -> None:
        """Use other settings from now on. The reload is the only caller.

        All subscribers act on the new settings, or the old ones stay in use: if one raises, those
        that have been called are called again, with the old settings, and its error is raised.
        """
        before = self._loaded
        self._use(loaded)
        called: list[Callable[[], None]] = []
        try:
            for act in self._subscribers:
                called.append(act)
                act()
        except Exception:
            self._use(before)
            for act in called:
                with contextlib.suppress(Exception):  # the first error is the one to report
                    act()
            raise

    def add_paired(self, grant: Grant) -> None:
        """Know the token of one more paired device."""
        self._use(self._loaded._replace(paired=(*self._loaded.paired, grant)))

    def _use(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.current = loaded.config
        tokens = loaded.tokens
        self._tokens = tokens if tokens is None else tokens.beside(loaded.paired)
