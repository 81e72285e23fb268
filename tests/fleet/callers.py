"""Pairs of programs at the hosts of a simulated fleet: they connect, call, and come back.

Each has a session, asks for the ack of each signal, and tries again after a break as socket.io's
client does. What it writes and hears takes no time: there is no network.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import random
from collections import Counter
from typing import Any, Callable, Coroutine, Sequence
from typing import Counter as CounterOf

from fleet.simulation import Client, Host

SIZES = {"offer": 4200, "answer": 2600, "ice-candidate": 215}
"""Bytes of a signal, as in tests/benchmarks/payloads.py."""
CANDIDATES = 10
SIGNALS = 2 + 2 * CANDIDATES
"""Of one call."""
THINKS, TRICKLES = (0.05, 0.3), 0.5
"""Seconds until an offer is answered, and in which the candidates follow."""
CALL_SECONDS = THINKS[1] + TRICKLES
BACK = 0.5, 1.5
"""Seconds until a client tries again: socket.io's client begins anew after each connection."""
NAMES = "streaming-node", "gcom"
KINDS = {"call": "offer", "reply": "answer"}
Balancer = Callable[[Sequence[Host], str, random.Random], Host]


def any_host(hosts: Sequence[Host], room: str, chance: random.Random) -> Host:
    """A balancer that knows nothing of rooms."""
    return chance.choice(hosts)


def host_of_room(hosts: Sequence[Host], room: str, chance: random.Random) -> Host:
    """A balancer with a consistent hash on the room: of those that live, always the same."""
    return max(hosts, key=lambda host: _weight(f"{host.engine.name} {room}"))


def _weight(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


BALANCERS: dict[str, Balancer] = {"any": any_host, "room": host_of_room}


class _Socket(Client):
    """Keeps nothing of what it hears."""

    def write(self, packet: str) -> bool:
        if not self.ended and self.when_written is not None:
            self.when_written(packet)
        return False


class Callers:
    """All pairs. `hosts` are those that live: the balancer sends nobody to any other."""

    def __init__(self, hosts: list[Host], pairs: int, balance: Balancer, seed: int) -> None:
        self.hosts = hosts
        self.balance = balance
        self.chance = random.Random(seed)
        self.numbers = itertools.count(1)
        self.counts: CounterOf[str] = Counter()
        """signals, crossing (between two hosts), from_edges (to the host of their room), heard,
        disordered, confirmed, refused, unsaid, welcomes, resumed, breaks."""
        self.pairs = [Pair(self, f"drone-{number}") for number in range(pairs)]
        self.broken: list[BaseException] = []
        """What went wrong in the simulation itself."""
        self.over = False
        self.loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._silent: set[Pair] = set()
        """Pairs that have not yet heard each other since they were asked to."""
        self.back: list[float] = []
        """When each pair that was asked has heard each other."""

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.broken.append(error)

    def arrive(self, seconds: float) -> None:
        """Let all connect within so many seconds."""
        for pair in self.pairs:
            for program in pair.programs:
                self.loop.call_later(self.chance.uniform(0, seconds), program.connect)

    def call(self, calls: int, seconds: float) -> None:
        """Let so many pairs call, evenly within so many seconds."""
        for number, pair in enumerate(self.chance.sample(self.pairs, calls)):
            wait = (number + self.chance.random()) * seconds / calls
            self.loop.call_later(wait, pair.programs[0].say, "call")

    def listen(self, pairs: Sequence[Pair]) -> None:
        """From now on note when these pairs hear each other."""
        self.back = []
        self._silent = set(pairs)
        for pair in pairs:
            pair.heard.clear()

    @property
    def silent(self) -> int:
        """Pairs of those that do not hear each other yet."""
        return len(self._silent)

    def hear(self, program: Program) -> None:
        """A program hears a greeting."""
        pair = program.pair
        pair.heard.add(program.name)
        if len(pair.heard) == len(NAMES) and pair in self._silent:
            self._silent.remove(pair)
            self.back.append(self.loop.time())


class Pair:
    """A Streaming Node and a GCOM."""

    __slots__ = ("heard", "programs", "room")

    def __init__(self, callers: Callers, room: str) -> None:
        self.room = room
        self.programs = [Program(callers, self, *names) for names in (NAMES, NAMES[::-1])]
        self.heard: set[str] = set()
        """Names of the programs that have heard the greeting of the other one."""

    @property
    def hosts(self) -> list[Host]:
        """Those of the programs that are connected, or try to be."""
        return [program.client.host for program in self.programs if program.client is not None]

    @property
    def crosses(self) -> bool:
        """Whether the two are connected to different hosts."""
        return len(set(map(id, self.hosts))) > 1

    @property
    def together(self) -> bool:
        """Whether each knows that the other is there."""
        return all(program.knows for program in self.programs)


class Program:
    """One of the two."""

    __slots__ = ("callers", "client", "knows", "last", "name", "other", "pair", "seen")

    def __init__(self, callers: Callers, pair: Pair, name: str, other: str) -> None:
        self.callers, self.pair, self.name, self.other = callers, pair, name, other
        self.client: Client | None = None
        self.knows = False
        self.seen = self.last = 0

    # --- connections ------------------------------------------------------------------------------

    def connect(self) -> None:
        callers = self.callers
        if callers.over:
            return
        host = callers.balance(callers.hosts, self.pair.room, callers.chance)
        client = self.client = _Socket(host, f"{next(callers.numbers):020}")
        client.when_written, client.when_ended = self.hear, self.again
        auth = {"session": f"key of {self.name} in {self.pair.room}", "seen": self.seen}
        callers.start(host.admit(client, auth, room=self.pair.room, name=self.name))

    def again(self) -> None:
        callers = self.callers
        self.client, self.knows = None, False
        callers.counts["breaks"] += 1
        callers.loop.call_later(callers.chance.uniform(*BACK), self.connect)

    # --- out --------------------------------------------------------------------------------------

    def say(self, what: str) -> None:
        """Send a signal: a call or a reply with candidates, or one that is a greeting."""
        callers, client = self.callers, self.client
        kind = KINDS.get(what, "ice-candidate")
        number = next(callers.numbers)
        text = json.dumps({"type": kind, "to": self.other, "data": {"number": number, "is": what}})
        text = f'{text[:-2]},"sdp":"{"x" * (SIZES[kind] - len(text) - 9)}"}}}}'
        if client is None or not client.host.handlers.relay_signal(client.sid, text, str(number)):
            callers.counts["unsaid"] += 1
            return
        callers.counts["signals"] += 1
        if self.pair.crosses:
            callers.counts["crossing"] += 1
            callers.counts["from_edges"] += self.pair.room not in client.host.relay.rooms
        for _ in range(CANDIDATES if what in KINDS else 0):
            callers.loop.call_later(callers.chance.uniform(0, TRICKLES), self.say, "candidate")

    # --- in ---------------------------------------------------------------------------------------

    def hear(self, packet: str) -> None:
        if packet.startswith("3"):
            answer = "confirmed" if '"ok":true' in packet else "refused"
            self.callers.counts[answer] += 1
        elif packet.startswith("2["):
            event, payload = json.loads(packet[1:])
            if event == "welcome":
                self._enter(payload)
            elif event in ("peer_joined", "peer_left"):
                self.knows = event == "peer_joined"
            elif event == "signal":
                self._take(payload)

    def _enter(self, welcome: Any) -> None:
        callers = self.callers
        callers.counts["welcomes"] += 1
        callers.counts["resumed"] += welcome["resumed"]
        if not welcome["resumed"]:
            self.seen = 0
        self.knows = any(peer["peer_id"] == self.other for peer in welcome["peers"])
        if self.knows and self.pair in callers._silent:
            callers.loop.call_soon(self.say, "greeting")  # its outbox is being uncorked

    def _take(self, signal: Any) -> None:
        callers, data = self.callers, signal["data"]
        self.seen = signal["seq"]
        callers.counts["heard"] += 1
        callers.counts["disordered"] += data["number"] <= self.last
        self.last = data["number"]
        if data["is"] == "call":
            callers.loop.call_later(callers.chance.uniform(*THINKS), self.say, "reply")
        elif data["is"] in ("greeting", "return"):
            callers.hear(self)
            if data["is"] == "greeting":
                callers.loop.call_soon(self.say, "return")
