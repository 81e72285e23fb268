"""python-socketio without the message brokers that it can use.

It loads the client libraries of all that are installed: redis-py alone costs 6 to 8 MB and 0.1 s of
a start, and a fleet does not go through it. So they are hidden while it is loaded.
"""

from __future__ import annotations

import importlib
import sys

BROKERS = "redis", "aioredis", "valkey", "kombu", "kafka", "zmq", "aio_pika"


def load(module: str) -> None:
    """Import `module`, for which no broker is installed that is not loaded yet."""
    hidden = [name for name in BROKERS if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # `import` raises ImportError
    try:
        importlib.import_module(module)
    finally:
        for name in hidden:
            del sys.modules[name]
