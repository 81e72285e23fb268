from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from signaling_server.transport.engine.departure import leave_request


class Transport:
    def __init__(self) -> None:
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing


class Scene:
    """A handler's last moment: its protocol, its request, and the task that ends after it."""

    def __init__(self, **parts: Any) -> None:
        self.tcp = Transport()
        self.protocol = SimpleNamespace(transport=self.tcp, **parts)
        self.ends = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(self.ends.wait())
        self.left = False
        self.seen: list[Any] = []

    def leave(self) -> bool:
        request: Any = SimpleNamespace(protocol=self.protocol, task=self.task)
        response: Any = SimpleNamespace(leave=lambda: setattr(self, "left", True))
        return leave_request(request, response, self.serve)

    def serve(self) -> None:
        self.seen.append(self.protocol.transport)

    async def end(self) -> None:
        self.ends.set()
        await self.task
        await asyncio.sleep(0)


@pytest.mark.parametrize("parser", ["_parser", "_request_parser"])
def test_websocket_is_served_when_the_tasks_of_its_request_have_ended(parser: str) -> None:
    async def play() -> None:
        scene = Scene(_messages=["more"], **{parser: "parser"})
        assert scene.leave()
        assert scene.left
        assert scene.protocol.transport is None, "aiohttp must not close it"
        assert scene.seen == []
        await scene.end()
        assert scene.seen == [scene.tcp], "with its transport, or what it writes would fail"
        assert vars(scene.protocol) == {"transport": scene.tcp, parser: None, "_messages": ()}

    asyncio.run(play())


def test_protocol_without_these_names_keeps_what_it_has() -> None:
    async def play() -> None:
        scene = Scene(own="parser")
        assert scene.leave()
        await scene.end()
        assert vars(scene.protocol) == {"transport": scene.tcp, "own": "parser"}

    asyncio.run(play())


def test_websocket_of_a_client_that_has_gone_meanwhile_is_served_to_its_end() -> None:
    async def play() -> None:
        scene = Scene()
        assert scene.leave()
        scene.tcp.closing = True
        await scene.end()
        assert scene.seen == [None], "it is lost for aiohttp, and stays so"

    asyncio.run(play())


@pytest.mark.parametrize("lacks", ["transport", "task"])
def test_request_that_has_neither_transport_nor_task_is_not_left(lacks: str) -> None:
    async def play() -> None:
        scene = Scene()
        task, tcp = scene.task, scene.tcp
        if lacks == "task":
            scene.task = None  # type: ignore[assignment]
        else:
            del scene.protocol.transport
        assert not scene.leave()
        assert not scene.left
        assert getattr(scene.protocol, "transport", tcp) is tcp
        scene.ends.set()
        await task
        assert scene.seen == []

    asyncio.run(play())
