"""What one run of the server remembers for the next: which doors were closed.

One line of JSON in the folder that systemd makes for the service (StateDirectory=, systemd.exec(5))
and names in $STATE_DIRECTORY. Without that, nothing is remembered.
"""

from __future__ import annotations

import json
import os

from signaling_server.appliance import whole_file
from signaling_server.core.config.doors import Closed

NAME = "doors.json"
MOST_BYTES = 65536
"""Two paths take at most 8192 bytes, and JSON may write each of them with 6 characters."""


def file() -> str:
    """Its path; "" if nothing is remembered."""
    folder = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return os.path.join(folder, NAME) if folder else ""


def read() -> Closed:
    """The doors that were closed.

    There is a file only where a door was closed once. So if it cannot be read, tokens were on: the
    operator has to say otherwise.
    """
    path = file()
    try:
        with open(path, encoding="utf-8") as stream:
            doors = json.loads(stream.read(MOST_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        return _unreadable(path)
    return doors if _is_valid(doors) else _unreadable(path)


def write(doors: Closed) -> str:
    """Remember these; returns a warning if that fails, else ""."""
    path = file()
    if not path or read() == doors:
        return ""
    try:
        whole_file.replace(path, json.dumps(doors) + "\n")
    except OSError as error:
        reason = error.strerror or error
        return f"{path} cannot be written ({reason}): the next start may open what is closed now"
    return ""


def _unreadable(path: str) -> Closed:
    return {"auth.tokens_file": path}


def _is_valid(doors: object) -> bool:
    return isinstance(doors, dict) and all(isinstance(file, str) for file in doors.values())
