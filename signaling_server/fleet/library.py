"""Whether redis-py, which only a fleet needs, is here and new enough."""

from __future__ import annotations

import importlib
import re

from signaling_server.core.config.load import Loaded
from signaling_server.errors import Complaint, ConfigError

LEAST = (4, 3, 4)
"""Debian 12's. Older ones have no asyncio client, or give the answer to a cancelled command to the
next one and hang."""
GET_IT = "`apt install python3-redis`, or `pip install 'redis>=4.3.4'`"


def refuse_without(loaded: Loaded) -> None:
    """Raise ConfigError if the configuration asks for a fleet, and redis-py is not here for it."""
    if loaded.config.fleet.url is None:
        return
    place = loaded.origins["fleet.url"]
    sentence = fault()
    if sentence:
        raise ConfigError([Complaint(place, 0, 0, f"fleet.url is set, but {sentence}")])


def fault() -> str:
    """What is wrong with the installed redis-py: a sentence, or ""."""
    try:
        version = str(importlib.import_module("redis").__version__)
    except ImportError:
        return f"redis-py is not installed: {GET_IT}"
    numbers = tuple(int(digits) for digits in re.findall(r"[0-9]+", version)[:3])
    if numbers < LEAST:
        least = ".".join(map(str, LEAST))
        return f"redis-py {version} is too old, at least {least} is required: {GET_IT}"
    return ""
