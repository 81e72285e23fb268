"""The door: who gets in, who is turned away, and what happens at a stop."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from signaling_server.appliance import door as door_module
from signaling_server.appliance.door import Door
from signaling_server.appliance.listener import open_listener
from signaling_server.appliance.systemd import Notifier
from signaling_server.background import Background
from unit.conftest import Hoard

LOOPBACK = "127.0.0.1"


@pytest.fixture
def notifier(monkeypatch: pytest.MonkeyPatch) -> Notifier:
    """Without a service manager."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    return Notifier()


class Greeting(asyncio.Protocol):
    """Says hello and hangs up when the caller does."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")


async def call(listener: socket.socket) -> socket.socket:
    caller = socket.socket()
    caller.setblocking(False)
    await asyncio.get_running_loop().sock_connect(caller, listener.getsockname())
    return caller


async def heard(caller: socket.socket) -> bytes:
    with caller:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(caller, 100), 5)


def test_callers_get_in(notifier: Notifier) -> None:
    async def scene() -> list[bytes]:
        listener = open_listener(LOOPBACK, 0, 200, notifier)
        door = Door(Greeting, Background().start)
        callers = [await call(listener) for _ in range(door_module.ACCEPTS_PER_TURN + 1)]
        door.open(listener)
        greetings = [await heard(caller) for caller in callers]
        await door.close()
        return greetings

    assert asyncio.run(scene()) == [b"hello"] * (door_module.ACCEPTS_PER_TURN + 1)


def test_caller_accepted_while_the_door_closes_is_not_lost(notifier: Notifier) -> None:
    async def scene() -> bytes:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(Greeting, Background().start)
        caller = await call(listener)
        door.open(listener)
        door._accept_some(listener)  # this very instant
        assert door.entering == 1
        await door.close()
        return await heard(caller)

    assert asyncio.run(scene()) == b"hello"


def test_caller_in_the_backlog_of_a_closed_door_gets_in_to_the_next_process(
    notifier: Notifier,
) -> None:
    async def scene() -> bytes:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        stored = listener.dup()
        first = Door(Greeting, Background().start)
        first.open(listener)
        caller = await call(listener)
        await first.close()
        second = Door(Greeting, Background().start)
        second.open(stored)
        greeting = await heard(caller)
        await second.close()
        return greeting

    assert asyncio.run(scene()) == b"hello"


def test_pause_that_ends_does_not_reopen_a_closed_door(notifier: Notifier) -> None:
    async def scene() -> None:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(Greeting, Background().start)
        door.open(listener)
        await door.close()
        door._resume(listener)

    asyncio.run(scene())


def test_caller_that_is_gone_before_it_gets_in_does_no_harm(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> bytes:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(Greeting, Background().start)
        gone = socket.socket()
        gone.close()
        await door._let_in(gone)
        door.open(listener)
        greeting = await heard(await call(listener))
        await door.close()
        return greeting

    assert asyncio.run(scene()) == b"hello"


def test_server_out_of_descriptors_turns_callers_away_and_logs_it_once(
    notifier: Notifier,
    hoard: Hoard,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> tuple[list[bytes], int]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(Greeting, Background().start)
        callers = [await call(listener) for _ in range(3)]
        hoard.take_all()
        door.open(listener)
        answers = [await heard(caller) for caller in callers]
        await door.close()
        return answers, door.turned_away

    with caplog.at_level(logging.ERROR, "signaling_server.appliance.door"):
        assert asyncio.run(scene()) == ([b""] * 3, 3)
    assert [record.getMessage() for record in caplog.records] == [
        "connection limit reached; 1 connections refused so far"
    ]


def test_expected_caller_gets_in_when_descriptors_are_used_up(
    notifier: Notifier, hoard: Hoard
) -> None:
    async def scene() -> list[bytes]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        stranger, watchdog, late = [await call(listener) for _ in range(3)]
        own_address = watchdog.getsockname()
        door = Door(Greeting, Background().start)
        hoard.take_all()
        door.open(listener, expects=lambda address: address == own_address)
        answers = [await heard(stranger), await heard(watchdog)]
        hoard.give_back()
        answers.append(await heard(late))
        await door.close()
        return answers

    assert asyncio.run(scene()) == [b"", b"hello", b"hello"]


class Patient(asyncio.Protocol):
    """Sends nothing, and notes its end."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set()


def test_caller_without_a_request_is_aborted_and_a_recognised_one_is_not(
    notifier: Notifier,
) -> None:
    async def scene() -> None:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        made: list[Patient] = []

        def factory() -> Patient:
            made.append(Patient())
            return made[-1]

        door = Door(factory, Background().start, deadline=lambda: 0.2)
        door.open(listener)
        known, stranger = await call(listener), await call(listener)
        while len(door._strangers) < 2 or not all(door._strangers.values()):  # noqa: ASYNC110
            await asyncio.sleep(0)
        door.recognise(made[0])
        door.recognise(made[0])
        await asyncio.wait_for(made[1].ended.wait(), 5)
        assert await heard(stranger) == b""
        assert not made[0].ended.is_set()
        assert not door._strangers
        known.close()
        await door.close()

    asyncio.run(scene())


def test_request_that_comes_before_its_transport_makes_no_stranger(
    notifier: Notifier,
) -> None:
    async def scene() -> None:
        listener = open_listener(LOOPBACK, 0, 10, notifier)

        class Quick(Greeting):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                door.recognise(self)
                super().connection_made(transport)

        door = Door(Quick, Background().start)
        door.open(listener)
        assert await heard(await call(listener)) == b"hello"
        assert not door._strangers
        await door.close()

    asyncio.run(scene())


def test_full_server_lets_only_the_expected_caller_in(
    notifier: Notifier,
) -> None:
    async def scene() -> tuple[list[bytes], int]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        stranger, watchdog = await call(listener), await call(listener)
        own_address = watchdog.getsockname()
        door = Door(Greeting, Background().start, room=lambda: 0)
        door.open(listener, expects=lambda address: address == own_address)
        answers = [await heard(stranger), await heard(watchdog)]
        await door.close()
        return answers, door.turned_away

    assert asyncio.run(scene()) == ([b"", b"hello"], 1)


def test_room_is_asked_for_once_a_turn_and_holds_for_all_of_them(notifier: Notifier) -> None:
    asked: list[int] = []

    def room() -> int:
        asked.append(2)
        return 2

    async def scene() -> list[bytes]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(Greeting, Background().start, room=room)
        callers = [await call(listener) for _ in range(3)]
        door.open(listener)
        door._accept_some(listener)
        answers = [await heard(caller) for caller in callers]
        await door.close()
        return answers

    assert asyncio.run(scene()) == [b"hello", b"hello", b""]
    assert len(asked) == 1


def test_callers_that_are_entering_are_counted(notifier: Notifier) -> None:
    async def scene() -> list[int]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(Greeting, Background().start)
        callers = [await call(listener) for _ in range(3)]
        door.open(listener)
        door._accept_some(listener)
        counted = [door.entering]
        for caller in callers:
            await heard(caller)
        await door.close()
        return [*counted, door.entering]

    assert asyncio.run(scene()) == [3, 0]


def test_door_that_was_never_opened_closes() -> None:
    async def scene() -> None:
        await Door(Greeting, Background().start).close()

    asyncio.run(scene())
