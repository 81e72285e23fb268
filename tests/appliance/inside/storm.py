"""Fills the server with more connections than it can take.

usage: storm.py PORT CONNECTIONS SECONDS

Half of them request a WebSocket, half are silent; each stays, and reconnects when it is closed.
Prints the number of connections opened.
"""

import asyncio
import contextlib
import resource
import sys
import time

UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: drone\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
opened = 0


async def fill(port, request, until):
    global opened
    while time.monotonic() < until:
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened += 1
            try:
                writer.write(request)
                while await asyncio.wait_for(reader.read(1000), until - time.monotonic()):
                    pass
            finally:
                writer.close()
        await asyncio.sleep(0.2)


async def main():
    port, connections, seconds = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_NOFILE, (connections + 100, connections + 100))
    until = time.monotonic() + seconds
    requests = [UPGRADE, b""] * (connections // 2)
    await asyncio.gather(*(fill(port, request, until) for request in requests))
    print(opened)


asyncio.run(main())
