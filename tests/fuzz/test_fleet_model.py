"""The fleet against the single relay.

The same clients do the same at one host, and spread over three hosts of a fleet whose Redis is in
memory. Without a fault each client must hear the same from both, byte for byte.

With faults it cannot be the same, but what a client's program hears of another's must grow: nothing
twice, nothing in another order; and when all is well again, everyone knows who is there, and hears
what is said from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Awaitable, Callable, Iterator, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.memory_engine import MemoryRedis
from fleet.simulation import Client, Host
from fleet.virtual_time import VirtualLoop
from signaling_server.core.config.schema import (
    Config,
    HoldSettings,
    ResumeSettings,
    SocketIOSettings,
)

NAMES = "abc"
CONFIG = Config(
    socketio=SocketIOSettings(ping_interval=1, ping_timeout=1),
    hold=HoldSettings(max_messages=3, max_age=6.0),
    resume=ResumeSettings(window=8.0, max_messages=4),
)
SETTLED = 0.02
"""Seconds of virtual time, in which nothing happens but what is under way."""
KINDS = {"join": 4, "say": 9, "break": 1, "goodbye": 1, "report": 1, "wait": 1}
"""How often each happens."""


class Step(NamedTuple):
    """Something that happens, with more details than it needs."""

    what: str
    which: int
    """Of the clients that are connected."""
    host: int
    room: str
    name: str
    session: str
    kind: str
    to: str | None
    ack: str
    seconds: float


STEP = st.builds(
    Step,
    what=st.sampled_from([what for what, often in KINDS.items() for _ in range(often)]),
    which=st.integers(0, 5),
    host=st.integers(0, len(NAMES) - 1),
    room=st.sampled_from(["north", "north", "north", "south"]),
    name=st.sampled_from(["", "gcom", "node", "node"]),
    session=st.sampled_from(["", "key-1", "key-1", "key-2"]),
    kind=st.sampled_from(["offer", "answer", "ice-candidate"]),
    to=st.sampled_from([None, None, "gcom", "node"]),
    ack=st.sampled_from(["", "7"]),
    seconds=st.sampled_from([0.5, 1.0, 3.0, 5.0, 9.0]),
)
STEPS = st.lists(STEP, min_size=30, max_size=60)


@contextlib.contextmanager
def virtual_time() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", loop.time)
        patch.setattr(time, "time", lambda: 1.8e9 + loop.time())
        asyncio.set_event_loop(loop)
        try:
            yield loop
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    with virtual_time() as loop:
        loop.run_until_complete(scene())


class Pair:
    """The same client at the one host and in the fleet."""

    def __init__(self, one: Client, many: Client, session: str) -> None:
        self.one, self.many, self.session = one, many, session

    @property
    def both(self) -> tuple[Client, Client]:
        return self.one, self.many

    def say(self, text: str, ack: str) -> None:
        for client in self.both:
            client.host.handlers.relay_signal(client.sid, text, ack)


class Compared:
    """One host, and a fleet, to which the same happens."""

    async def start(self) -> None:
        redis = MemoryRedis()
        self.single = await Host(CONFIG, "single").start()
        self.fleet = [await Host(CONFIG, name, redis).start() for name in NAMES]
        self.pairs: list[Pair] = []
        self.seen: dict[str, int] = {}
        self.numbers = iter(range(10**9))
        await asyncio.sleep(SETTLED)

    async def stop(self) -> None:
        for host in (*self.fleet, self.single):
            await host.stop()

    def pick(self, index: int) -> Pair | None:
        alive = [pair for pair in self.pairs if not pair.one.ended]
        return alive[index % len(alive)] if alive else None

    async def join(self, host: int, room: str, name: str, session: str) -> None:
        sid = f"sid{next(self.numbers)}"
        query = {"room": room, **({"name": name} if name else {})}
        program = f"{room} {name} {session}"
        auth = {"session": session, "seen": self.seen.get(program, 0)} if session else {}
        one, many = await asyncio.gather(
            self.single.connect(sid, auth, **query), self.fleet[host].connect(sid, auth, **query)
        )
        self.pairs.append(Pair(one, many, program if session else ""))

    async def step(self, step: Step) -> None:
        pair = self.pick(step.which)
        if step.what == "join" or pair is None:
            await self.join(step.host, step.room, step.name, step.session)
        elif step.what == "wait":
            await asyncio.sleep(step.seconds)
        else:
            self.let(pair, step)
        await asyncio.sleep(SETTLED)
        self.compare()

    def let(self, pair: Pair, step: Step) -> None:
        if step.what == "say":
            message = {"type": step.kind, "data": {"number": next(self.numbers)}}
            pair.say(json.dumps({**message, "to": step.to} if step.to else message), step.ack)
        elif step.what == "report":
            for client in pair.both:
                client.host.handlers.report(client.sio, '{"state":"connected"}')
        else:
            for client in pair.both:
                client.said_goodbye = step.what == "goodbye"
                client.end_with("transport close")

    def compare(self) -> None:
        for pair in self.pairs:
            assert pair.many.written == pair.one.written
            assert pair.many.ended == pair.one.ended
            for packet in pair.one.written:
                if pair.session and packet.startswith("2["):
                    event, payload = json.loads(packet[1:])
                    if event == "welcome" and not payload["resumed"]:
                        self.seen[pair.session] = 0
                    elif event == "signal":
                        self.seen[pair.session] = payload["seq"]


@given(steps=STEPS)
def test_each_client_hears_the_same_of_a_fleet_as_of_one_host(steps: list[Step]) -> None:
    async def scene() -> None:
        compared = Compared()
        await compared.start()
        try:
            for step in steps:
                await compared.step(step)
        finally:
            await compared.stop()

    play(scene)
