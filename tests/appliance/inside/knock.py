"""Knocks at the server's port every SECONDS until stdin is closed, and counts the outcomes.

usage: knock.py PORT SECONDS

A knock is a new connection and a GET /healthz on it. Prints one JSON object in the end:
answered, refused (nobody listens), lost (closed without an answer), late (no answer in 30 s), and
slowest: the longest wait for an answer, in seconds.
"""

import asyncio
import json
import sys
import time

LATE_SECONDS = 30

counts = {"answered": 0, "refused": 0, "lost": 0, "late": 0}
slowest = 0.0


async def knock(port):
    global slowest
    began = time.monotonic()
    try:
        outcome = await asyncio.wait_for(ask(port), LATE_SECONDS)
    except ConnectionRefusedError:
        outcome = "refused"
    except OSError:
        outcome = "lost"
    except asyncio.TimeoutError:
        outcome = "late"
    counts[outcome] += 1
    if outcome == "answered":
        slowest = max(slowest, time.monotonic() - began)


async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: drone\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        return "answered" if answer.startswith(b"HTTP/1.1 200") else "lost"
    finally:
        writer.close()


async def main():
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    knocks = set()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print("knocking", flush=True)
    while not ended.done():
        task = asyncio.ensure_future(knock(port))  # noqa: TID251 - kept in the set
        knocks.add(task)
        task.add_done_callback(knocks.discard)
        await asyncio.sleep(seconds)
    await asyncio.gather(*knocks)
    print(json.dumps({**counts, "slowest": round(slowest, 3)}))


asyncio.run(main())
