from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Awaitable, Callable

import pytest
import socketio

from signaling_server.transport.engine.clients import Clients

MANAGERS = (socketio.AsyncManager, Clients)


def act(manager: type, scene: Callable[[Any], Awaitable[None]]) -> None:
    async def play() -> None:
        made = manager()
        socketio.AsyncServer(client_manager=made, async_mode="aiohttp")
        await scene(made)

    asyncio.run(play())


def everything(manager: Any) -> dict[str, Any]:
    """All that is known of clients."""
    names = ("rooms", "callbacks", "pending_connect", "pending_disconnect")
    return {name: getattr(manager, name) for name in names}


@pytest.mark.parametrize("manager", MANAGERS)
@pytest.mark.parametrize("state", ["connecting", "connected", "disconnecting", "called back"])
def test_client_that_leaves_leaves_no_trace(manager: type, state: str) -> None:
    async def scene(manager: Any) -> None:
        sid = await manager.pre_connect("engine-1", "/")
        if state != "connecting":
            await manager.connect(sid, "/")
        if state == "disconnecting":
            manager.pre_disconnect(sid, "/")
        if state == "called back":
            manager._generate_ack_id(sid, print)
        await manager.disconnect(sid, "/", ignore_queue=True)
        assert everything(manager) == {name: {} for name in everything(manager)}
        manager.basic_disconnect(sid, "/")

    act(manager, scene)


@pytest.mark.parametrize("manager", MANAGERS)
def test_other_clients_stay(manager: type) -> None:
    async def scene(manager: Any) -> None:
        first, second, third = [
            await manager.pre_connect(f"engine-{number}", "/") for number in range(3)
        ]
        await manager.connect(first, "/")
        manager.pre_disconnect(first, "/")
        manager.pre_disconnect(second, "/")
        await manager.disconnect(second, "/", ignore_queue=True)
        assert manager.sid_from_eio_sid("engine-1", "/") is None
        assert manager.eio_sid_from_sid(first, "/") == "engine-0"
        assert manager.pending_connect == {"/": [third]}
        assert manager.pending_disconnect == {"/": [first]}

    act(manager, scene)


def test_client_that_leaves_looks_at_no_room_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    left: Counter[Any] = Counter()
    leave = Clients.basic_leave_room

    def counted(self: Any, sid: str, namespace: str, room: Any) -> None:
        left[room] += 1
        leave(self, sid, namespace, room)

    monkeypatch.setattr(Clients, "basic_leave_room", counted)

    async def scene(manager: Any) -> None:
        sids = [await manager.pre_connect(f"engine-{number}", "/") for number in range(10)]
        rooms = manager.rooms["/"]
        manager.rooms["/"] = Guarded(rooms)
        manager.basic_disconnect(sids[3], "/")
        assert left == Counter([sids[3], None])

    act(Clients, scene)


class Guarded(dict):  # type: ignore[type-arg]
    """Rooms that nobody may look through."""

    def copy(self) -> Any:
        raise AssertionError("all rooms are looked through")

    __iter__ = items = keys = values = copy  # type: ignore[assignment]
