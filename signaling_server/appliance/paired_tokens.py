"""The tokens of paired devices: a file of tokens in the service's state folder ($STATE_DIRECTORY).

The service adds to it; an operator revokes a device as everywhere, by removing its line and
reloading.
"""

from __future__ import annotations

import os

from signaling_server.appliance import file_text, whole_file
from signaling_server.core.config.added_token import with_token
from signaling_server.core.config.token_file import parse_tokens
from signaling_server.core.protocol.auth import Grant

NAME = "paired.yaml"


def file() -> str:
    """Its path; "" if the service has no state folder."""
    folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return os.path.join(folder, NAME) if folder else ""


def read() -> tuple[Grant, ...]:
    """What the tokens allow. Raises ConfigError if somebody has broken the file."""
    path = file()
    if not path or not os.path.exists(path):
        return ()
    return parse_tokens(path, file_text.text(path), 0.0).grants


def add(line: str) -> None:
    """Add a line of `token_file.file_line`. Raises ConfigError and OSError."""
    path = file()
    text = file_text.text(path) if os.path.exists(path) else ""
    whole_file.replace(path, with_token(path, text, line))
