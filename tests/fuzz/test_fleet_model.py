"""The fleet against the single relay.

The same clients do the same at one host, and spread over three hosts of a fleet whose Redis is in
memory. Without a fault each client must hear the same from both, byte for byte.

With faults it cannot be the same, but the numbers that a client's program hears of another's must
increase: no signal comes twice or out of order. After the last fault each client knows the peers in
its room, and receives every signal that is sent from then on.
"""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any, Awaitable, Callable, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.memory_engine import MemoryRedis
from fleet.simulation import Client, Host
from fleet.virtual_time import play
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
SETTLED = 0.023
"""Seconds of virtual time, in which nothing happens but what is under way.

Few steps take as long as a timer (0.5 s, 1 s): a client that speaks in the instant in which a
host ends its connection is heard by the one and not by the other.
"""
GONE = 3.0
"""Seconds after which every connection has ended whose client was told to go."""
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
A_QUARTER = settings(max_examples=settings.default.max_examples // 4)
"""An example takes as long as ten of other models: four hosts, and up to a minute of their time."""


class Pair:
    """The same client at the one host and in the fleet."""

    def __init__(self, one: Client, many: Client, session: str) -> None:
        self.one, self.many, self.session = one, many, session

    @property
    def both(self) -> tuple[Client, Client]:
        return self.one, self.many

    @property
    def dismissed(self) -> bool:
        """The client was told to go, and stays.

        A host ends such a connection after a second, or sooner if more of the same client wait for
        that: each host of a fleet counts its own.
        """
        return any('"code":"replaced"' in packet for packet in self.one.written)

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
            assert pair.many.ended == pair.one.ended or pair.dismissed
            for packet in pair.one.written:
                if pair.session and packet.startswith("2["):
                    event, payload = json.loads(packet[1:])
                    if event == "welcome" and not payload["resumed"]:
                        self.seen[pair.session] = 0
                    elif event == "signal":
                        self.seen[pair.session] = payload["seq"]


@A_QUARTER
@given(steps=STEPS)
def test_each_client_hears_the_same_of_a_fleet_as_of_one_host(steps: list[Step]) -> None:
    async def scene() -> None:
        compared = Compared()
        await compared.start()
        try:
            for step in steps:
                await compared.step(step)
            await asyncio.sleep(GONE)
            compared.compare()
            assert all(pair.one.ended == pair.many.ended for pair in compared.pairs)
        finally:
            await compared.stop()

    play(scene)


# --- with faults ----------------------------------------------------------------------------------

AGAIN = 0.1
"""Seconds between the end of a connection and the next try."""
QUIET = 15.0
"""Seconds after the last fault, in which all have to find each other: lease and patience twice."""
FAULTS = st.sampled_from(["cut", "cut", "heal", "forget", "away", "back", "kill", "break"])
DONE = st.tuples(
    st.sampled_from(["say", "say", "fault", "wait"]),
    FAULTS,
    st.integers(0, len(NAMES) - 1),
    st.sampled_from([0.01, 0.1, 0.3, 1.0, 2.0, 5.0]),
)


class Robot:
    """A client's program with a session: it comes back after each break, at any host."""

    def __init__(self, fleet: Faulty, name: str) -> None:
        self.fleet, self.name = fleet, name
        self.client: Client | None = None
        self.seen = 0
        self.peers: set[str] = set()
        self.heard: dict[str, list[int]] = {}
        """By sender."""

    async def connect(self) -> None:
        host = self.fleet.random.choice(self.fleet.hosts)
        client = Client(host, f"{self.name}{next(self.fleet.numbers)}")
        client.when_written, client.when_ended = self.hear, self.again
        self.client = client
        auth = {"session": f"key of {self.name}", "seen": self.seen}
        await host.admit(client, auth, room="north", name=self.name)

    def again(self) -> None:
        self.client = None
        self.peers.clear()
        if not self.fleet.over:
            self.fleet.later(AGAIN, self.connect)

    def hear(self, packet: str) -> None:
        if not packet.startswith("2["):
            return
        event, payload = json.loads(packet[1:])
        if event == "welcome":
            self.seen = self.seen if payload["resumed"] else 0
            self.peers = {peer["peer_id"] for peer in payload["peers"]}
        elif event == "peer_joined":
            self.peers.add(payload["peer_id"])
        elif event == "peer_left":
            self.peers.discard(payload["peer_id"])
        elif event == "signal":
            self.seen = payload["seq"]
            heard = self.heard.setdefault(payload["from"], [])
            number = payload["data"]["number"]
            assert not heard or number > heard[-1], "heard twice, or in another order"
            heard.append(number)

    def say(self) -> int:
        number = next(self.fleet.numbers)
        if self.client is not None:
            text = json.dumps({"type": "ice-candidate", "data": {"number": number}})
            self.client.host.handlers.relay_signal(self.client.sid, text, "")
        return number


class Faulty:
    """A fleet in which things break, and programs that go on."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.redis = MemoryRedis()
        self.numbers = iter(range(10**9))
        self.hosts: list[Host] = []
        self.dead: list[Host] = []
        self.robots = [Robot(self, name) for name in ("gcom", "node", "viewer")]
        self.tasks: list[asyncio.Task[None]] = []
        self.over = False

    async def host(self, name: str) -> Host:
        def jump() -> int:
            return self.random.randrange(2**20, 2**28)

        return await Host(CONFIG, name, self.redis, jump).start()

    def later(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await asyncio.sleep(seconds)
            await act()

        self.tasks.append(asyncio.get_running_loop().create_task(run()))

    async def start(self) -> None:
        self.hosts = [await self.host(name) for name in NAMES]
        for robot in self.robots:
            await robot.connect()

    async def stop(self) -> None:
        self.over = True
        for host in (*self.hosts, *self.dead):
            await host.stop()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def let(self, what: str, fault: str, which: int, seconds: float) -> None:
        if what == "say":
            self.robots[which].say()
        elif what == "wait":
            await asyncio.sleep(seconds)
        else:
            await self.bring(fault, which)
        await asyncio.sleep(0.001)

    async def bring(self, fault: str, which: int) -> None:
        engine, client = self.hosts[which].engine, self.robots[which].client
        if fault in ("cut", "heal"):
            engine.cut = fault == "cut"
            engine.look()
        elif fault == "forget":
            self.redis.forget()
        elif fault == "away":
            self.redis.leave()
        elif fault == "back":
            self.redis.come_back()
        elif fault == "kill":
            self.hosts[which].kill()
            self.dead.append(self.hosts[which])
            self.hosts[which] = await self.host(NAMES[which])
        elif client is not None:
            client.end_with("transport close")

    async def everyone_is_told(self) -> None:
        """All is well again: they know each other, and hear each other."""
        for host in self.hosts:
            host.engine.cut = False
        self.redis.come_back()
        await asyncio.sleep(QUIET)
        for task in self.tasks:
            assert not task.done() or task.exception() is None
        names = {robot.name for robot in self.robots}
        for robot in self.robots:
            assert robot.peers == names - {robot.name}, f"{robot.name} knows {robot.peers}"
        for robot in self.robots:
            number = robot.say()
            await asyncio.sleep(SETTLED)
            for other in self.robots:
                assert other is robot or other.heard[robot.name][-1] == number


@A_QUARTER
@given(seed=st.integers(0, 2**16), steps=st.lists(DONE, min_size=10, max_size=40))
def test_with_faults_nothing_comes_twice_or_late_and_everyone_is_told(
    seed: int, steps: list[Any]
) -> None:
    async def scene() -> None:
        faulty = Faulty(seed)
        await faulty.start()
        try:
            for step in steps:
                await faulty.let(*step)
            await faulty.everyone_is_told()
        finally:
            await faulty.stop()

    play(scene)
