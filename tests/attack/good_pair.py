"""A well-behaved pair in a process of its own: python -m attack.good_pair PORT [PORT].

Each end sends a numbered signal every 10 ms, whether the last one has arrived or not. It stops when
its standard input ends, and prints what came of it as JSON, one object for each port: the second
server is one that nobody attacks, which tells what the machine itself does to a pair.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from attack.crowd import Member, join

EVERY = 0.01
PATIENCE = 30.0
"""Seconds after which a signal counts as lost."""


class Direction:
    """One end's signals to the other: each must arrive, in order."""

    def __init__(self, sender: Member, receiver: Member) -> None:
        self._sender = sender
        self.sent = self.arrived = 0
        self.seconds: list[float] = []
        receiver.on_signal = self._arrived

    def say(self) -> None:
        self._sender.signal({"n": self.sent, "at": time.monotonic()})
        self.sent += 1

    def _arrived(self, signal: Any) -> None:
        data = signal["data"]
        assert data["n"] == self.arrived, "a signal is lost"
        self.arrived += 1
        self.seconds.append(time.monotonic() - data["at"])


async def meet(port: int) -> list[Direction]:
    one, other = await join(port, "good", "node"), await join(port, "good", "gcom")
    return [Direction(one, other), Direction(other, one)]


async def exchange(ports: list[int]) -> list[dict[str, float]]:
    loop = asyncio.get_running_loop()
    over = loop.run_in_executor(None, sys.stdin.read)
    pairs = [await meet(port) for port in ports]
    print("ready", flush=True)
    since, turns = time.monotonic(), 0
    while not over.done():
        for pair in pairs:
            for direction in pair:
                direction.say()
        turns += 1
        await asyncio.sleep(max(0.0, since + turns * EVERY - time.monotonic()))
    deadline = time.monotonic() + PATIENCE
    both = [direction for pair in pairs for direction in pair]
    while any(one.arrived < one.sent for one in both) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return [figures(pair) for pair in pairs]


def figures(pair: list[Direction]) -> dict[str, float]:
    times = sorted(1000 * seconds for one in pair for seconds in one.seconds)
    sent, arrived = sum(one.sent for one in pair), sum(one.arrived for one in pair)
    p50, p99 = times[len(times) // 2], times[int(0.99 * len(times))]
    return {"sent": sent, "lost": sent - arrived, "p50": p50, "p99": p99, "max": times[-1]}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(exchange([int(port) for port in sys.argv[1:]]))))
