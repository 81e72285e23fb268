"""Strangers at a steady rate from one address: strangers_flood.py PORT RATE SECONDS KIND.

KIND `tcp` sends nothing, `handshake` opens a WebSocket and never says CONNECT, `request` asks for
/healthz and waits for the answer, as honest programs do. A process of its own
with blocking sockets, so that the flood does not wait for the test. SIGTERM ends it early. Prints
how many it made, and in how many seconds.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import struct
import sys
import time
from collections import deque

HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SAYS = {"handshake": HANDSHAKE, "request": REQUEST}
OPEN = 6000
"""Connections that are held open; the oldest is closed for the next one."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset, so that no port stays in TIME_WAIT."""


def flood(port: int, rate: float, seconds: float, kind: str) -> tuple[int, float]:
    callers: deque[socket.socket] = deque()
    made, started = 0, time.monotonic()
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    while time.monotonic() - started < seconds and not told:
        due = int((time.monotonic() - started) * rate)
        for _ in range(due - made):
            caller = socket.socket()
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(("127.0.0.1", port))
            with contextlib.suppress(OSError):
                caller.send(SAYS.get(kind, b""))
            callers.append(caller)
            if len(callers) > OPEN:
                callers.popleft().close()
        made = max(made, due)
        time.sleep(0.002)
    return made, time.monotonic() - started


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    print(*flood(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
