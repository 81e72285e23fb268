"""Real WebRTC over two hosts: the programs of docs/examples, each at a host of its own.

The room belongs to the host of the first that joins. Where the tests want it to belong to the
other one, a third peer has been there before, and leaves. What the video does when a host or Redis
fails: tests/faults/fleet_faults.py.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from pathlib import Path
from typing import Any, Awaitable, Callable, Iterator, NamedTuple

import pytest

from faults.programs import Program
from fleet.hosts import soon
from fleet.machine import Machine, Machines
from integration.client import PythonClient
from integration.pages import get

EXAMPLES = Path("docs/examples")
ROOM = "drone-1"
SIZE = "160x120"
FRAMES = 10
JOINED = f" is in room {ROOM} "


class Side(NamedTuple):
    """A program, and the host that it asks first."""

    program: Program
    host: Machine


class Pair:
    """The Streaming Node at the first of the hosts, GCOM at the second; neither is started."""

    def __init__(self, hosts: list[Machine]) -> None:
        a, b = hosts
        self.hosts = hosts
        picture = "--test", "--size", SIZE, "--fps", "10"
        self.node = Side(_program("streaming_node.py", "streaming-node", a, b, *picture), a)
        self.gcom = Side(_program("gcom.py", "gcom", b, a, "--frames"), b)

    def side(self, which: str) -> Side:
        """`node` or `gcom`."""
        return self.node if which == "node" else self.gcom

    async def start(self, *order: str) -> None:
        """Start one, and the other when the first has joined."""
        for which in order:
            self.side(which).program.start()
            await line(self.side(which).program, JOINED)

    async def play(self) -> None:
        """Wait until the video plays."""
        await self.more_frames()
        await line(self.node.program, "gcom: connected")

    async def more_frames(self) -> None:
        """Wait for FRAMES frames that come after now."""
        gcom = self.gcom.program
        await line(gcom, ": frame ", gcom.count(": frame ") + FRAMES)

    def assert_one_call(self) -> None:
        """The video that plays is that of the first call."""
        node, gcom = self.node.program, self.gcom.program
        assert (node.falls, gcom.falls) == (0, 0)
        assert node.count("gcom: connecting") == 1
        assert gcom.count("streaming-node: connecting") == 1
        assert gcom.count(f"streaming-node: video {SIZE}") == 1
        assert gcom.count("video ended") == 0


def _program(file: str, name: str, *more: Any) -> Program:
    urls = [one.url if isinstance(one, Machine) else one for one in more]
    command = [sys.executable, str(EXAMPLES / file), "--name", name, "--room", ROOM, *urls]
    return Program(command)


async def line(program: Program, text: str, count: int = 1) -> None:
    """Wait for so many lines with a text."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, functools.partial(program.wait_for, text, count))


@pytest.fixture
def start(
    loop: asyncio.AbstractEventLoop, machines: Machines
) -> Iterator[Callable[..., Awaitable[Pair]]]:
    """Starts two hosts with this configuration; returns the pair, whose programs it ends."""
    pairs: list[Pair] = []

    async def start(**config: Any) -> Pair:
        pairs.append(Pair(await machines.start("a", "b", **config)))
        return pairs[-1]

    yield start
    for pair in pairs:
        for which in ("node", "gcom"):
            program = pair.side(which).program
            program.__exit__()
            print(f"--- {which}", *(text for _, text in program.lines[-50:]), sep="\n")


async def status_of(host: Machine) -> Any:
    loop = asyncio.get_running_loop()
    return (await loop.run_in_executor(None, get, f"{host.url}/api/status")).json()


async def _both_are_here(*hosts: Machine) -> str:
    """The name of the host whose room both are in, connected; "": they are not yet."""
    for host in hosts:
        for room in (await status_of(host))["rooms"]:
            peers = {peer["peer_id"]: peer for peer in room["peers"]}
            states = [peer["state"] for peer in peers.values()]
            if {*peers} == {"streaming-node", "gcom"} and states == ["present", "present"]:
                return host.name
    return ""


@pytest.mark.parametrize(
    ("order", "owner"),
    [
        ("node gcom", "node"),
        ("node gcom", "gcom"),
        ("gcom node", "gcom"),
        ("gcom node", "node"),
        ("both", ""),
    ],
    ids=lambda value: value.replace(" ", "-") or "whoever",
)
async def test_video_plays(start: Any, order: str, owner: str) -> None:
    pair = await start()
    first = order.split()[0]
    keeper = await _keep(pair.side(owner).host) if owner and owner != first else None
    if first == "both":
        pair.node.program.start()
        pair.gcom.program.start()
    else:
        await pair.start(*order.split())
    if keeper is not None:
        await line(pair.node.program, JOINED)
        await line(pair.gcom.program, JOINED)
        await keeper.disconnect()
    await pair.play()
    found = await soon(lambda: _both_are_here(*pair.hosts))
    if owner:
        assert found == pair.side(owner).host.name
    pair.assert_one_call()


async def _keep(host: Machine) -> PythonClient:
    """A third peer in the room, which therefore belongs to this host."""
    keeper = PythonClient("websocket")
    await keeper.connect(f"{host.url}/?room={ROOM}&name=keeper")
    await keeper.next("welcome")
    return keeper
