from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from contextlib import suppress
from typing import Callable, Iterator

import pytest

from signaling_server.appliance import listener as listener_module
from signaling_server.appliance.listener import Door, Reserve, open_listener, refuse_callers
from signaling_server.appliance.systemd import Inherited, Notifier
from signaling_server.background import Background
from signaling_server.errors import StartError

LOOPBACK = "127.0.0.1"


class RecordingNotifier(Notifier):
    """Writes down what would happen to systemd's store."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[object] = []

    def store_listener(self, listener: socket.socket) -> None:
        self.said.append(("store", listener.getsockname()))

    def drop_listener(self) -> None:
        self.said.append("drop")


@pytest.fixture
def notifier(monkeypatch: pytest.MonkeyPatch) -> RecordingNotifier:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    return RecordingNotifier()


@pytest.fixture
def inherit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., socket.socket]]:
    """Makes the next start find such a socket: inherit(name) gives the socket."""
    inherited: list[Inherited] = []
    monkeypatch.setattr(listener_module, "inherited_listeners", lambda: list(inherited))

    def add(name: str = "listen") -> socket.socket:
        found = socket.create_server((LOOPBACK, 0))
        inherited.append(Inherited(name, found))
        return found

    yield add
    for one in inherited:
        one.socket.close()


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def test_new_socket_listens_and_is_stored(notifier: RecordingNotifier) -> None:
    with open_listener(LOOPBACK, 0, 10, notifier) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert not listener.getblocking()
        assert notifier.said == [("store", listener.getsockname())]


def test_stored_socket_comes_back_and_is_not_stored_twice(
    notifier: RecordingNotifier, inherit: Callable[..., socket.socket]
) -> None:
    stored = inherit()
    assert open_listener(LOOPBACK, port_of(stored), 10, notifier) is stored
    assert notifier.said == []


def test_socket_of_a_socket_unit_is_used_and_never_stored(
    notifier: RecordingNotifier, inherit: Callable[..., socket.socket]
) -> None:
    from_unit = inherit("hawkeye-signaling.socket")
    assert open_listener(LOOPBACK, port_of(from_unit), 10, notifier) is from_unit
    assert notifier.said == []


def test_changed_port_lets_the_stored_socket_go_before_it_opens_another(
    notifier: RecordingNotifier, inherit: Callable[..., socket.socket]
) -> None:
    stored = inherit()
    with open_listener(LOOPBACK, 0, 10, notifier) as listener:
        assert stored.fileno() == -1
        assert notifier.said == ["drop", ("store", listener.getsockname())]


def test_one_of_several_stored_sockets_is_kept_and_stored_alone(
    notifier: RecordingNotifier, inherit: Callable[..., socket.socket]
) -> None:
    other, stored = inherit(), inherit()
    assert open_listener(LOOPBACK, port_of(stored), 10, notifier) is stored
    assert other.fileno() == -1
    assert notifier.said == ["drop", ("store", stored.getsockname())]


def test_port_in_use_is_one_clear_sentence(notifier: RecordingNotifier) -> None:
    with open_listener(LOOPBACK, 0, 10, notifier) as listener:
        port = port_of(listener)
        with pytest.raises(StartError) as raised:
            open_listener(LOOPBACK, port, 10, notifier)
        sentence = f"cannot listen on 127.0.0.1, port {port}: Address already in use"
        assert str(raised.value) == sentence


def test_address_of_another_machine_is_refused(notifier: RecordingNotifier) -> None:
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1, port 0: Cannot assign"):
        open_listener("192.0.2.1", 0, 10, notifier)


def test_all_ipv6_addresses_take_ipv4_callers_too(notifier: RecordingNotifier) -> None:
    with open_listener("::", 0, 10, notifier) as listener:
        for host in (LOOPBACK, "::1"):
            socket.create_connection((host, port_of(listener)), timeout=5).close()


def test_refused_callers_need_not_wait(
    notifier: RecordingNotifier, inherit: Callable[..., socket.socket]
) -> None:
    stored = inherit()
    port = port_of(stored)
    refuse_callers(notifier)
    assert notifier.said == ["drop"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port), timeout=5)


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


def test_callers_are_let_in_and_greeted(notifier: RecordingNotifier) -> None:
    async def scene() -> list[bytes]:
        listener = open_listener(LOOPBACK, 0, 200, notifier)
        door = Door(listener, Greeting, Background().start)
        callers = [await call(listener) for _ in range(listener_module.ACCEPTS_PER_TURN + 1)]
        door.open()
        greetings = [await heard(caller) for caller in callers]
        await door.close()
        return greetings

    assert asyncio.run(scene()) == [b"hello"] * (listener_module.ACCEPTS_PER_TURN + 1)


def test_caller_accepted_while_the_door_closes_is_not_lost(notifier: RecordingNotifier) -> None:
    async def scene() -> bytes:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(listener, Greeting, Background().start)
        caller = await call(listener)
        door._accept_some()  # this very instant
        assert door.entering == 1
        await door.close()
        return await heard(caller)

    assert asyncio.run(scene()) == b"hello"


def test_caller_who_waits_at_a_closed_door_is_the_next_servers(
    notifier: RecordingNotifier,
) -> None:
    async def scene() -> bytes:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        kept_by_systemd = listener.dup()
        first = Door(listener, Greeting, Background().start)
        first.open()
        caller = await call(listener)
        await first.close()
        second = Door(kept_by_systemd, Greeting, Background().start)
        second.open()
        greeting = await heard(caller)
        await second.close()
        return greeting

    assert asyncio.run(scene()) == b"hello"


def test_closed_door_is_not_opened_by_a_pause_that_ends(notifier: RecordingNotifier) -> None:
    async def scene() -> None:
        door = Door(open_listener(LOOPBACK, 0, 10, notifier), Greeting, Background().start)
        door.open()
        await door.close()
        door.open()

    asyncio.run(scene())


def test_caller_who_is_gone_before_it_is_let_in_does_no_harm(
    notifier: RecordingNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> bytes:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(listener, Greeting, Background().start)
        gone = socket.socket()
        gone.close()
        await door._let_in(gone)
        door.open()
        greeting = await heard(await call(listener))
        await door.close()
        return greeting

    assert asyncio.run(scene()) == b"hello"


class Hoard:
    """Uses all descriptors of the process up."""

    def __init__(self) -> None:
        self._descriptors: list[int] = []

    def take_all(self) -> None:
        with suppress(OSError):
            while True:
                self._descriptors.append(os.open(os.devnull, os.O_RDONLY))

    def give_back(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())


@pytest.fixture
def hoard() -> Iterator[Hoard]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    hoard = Hoard()
    yield hoard
    hoard.give_back()
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_full_server_turns_callers_away_and_says_so_once(
    notifier: RecordingNotifier,
    hoard: Hoard,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> tuple[list[bytes], int]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(listener, Greeting, Background().start)
        callers = [await call(listener) for _ in range(3)]
        hoard.take_all()
        door.open()
        answers = [await heard(caller) for caller in callers]
        await door.close()
        return answers, door.turned_away

    with caplog.at_level(logging.ERROR, "signaling_server.appliance.listener"):
        assert asyncio.run(scene()) == ([b""] * 3, 3)
    assert [record.getMessage() for record in caplog.records] == [
        "no more connections, 1 callers turned away so far"
    ]


def test_expected_caller_gets_into_a_full_server(notifier: RecordingNotifier, hoard: Hoard) -> None:
    async def scene() -> list[bytes]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        stranger, watchdog, late = [await call(listener) for _ in range(3)]
        own_address = watchdog.getsockname()
        door = Door(
            listener, Greeting, Background().start, expects=lambda address: address == own_address
        )
        hoard.take_all()
        door.open()
        answers = [await heard(stranger), await heard(watchdog)]
        hoard.give_back()
        answers.append(await heard(late))
        await door.close()
        return answers

    assert asyncio.run(scene()) == [b"", b"hello", b"hello"]


def test_reserve_is_one_descriptor() -> None:
    reserve = Reserve()
    assert reserve.refill()
    assert reserve.spend()
    assert not reserve.spend()
    assert reserve.refill()
    assert reserve.spend()


def test_reserve_that_cannot_be_refilled_says_so(
    hoard: Hoard,
) -> None:
    reserve = Reserve()
    hoard.take_all()
    reserve.spend()
    hoard.take_all()
    assert not reserve.refill()


class Patient(asyncio.Protocol):
    """Says nothing, and knows when it has ended."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set()


def test_caller_without_a_request_has_to_go_and_a_known_one_may_stay(
    notifier: RecordingNotifier,
) -> None:
    async def scene() -> None:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        made: list[Patient] = []

        def factory() -> Patient:
            made.append(Patient())
            return made[-1]

        door = Door(listener, factory, Background().start, deadline=lambda: 0.2)
        door.open()
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


def test_request_that_is_there_before_its_protocol_is_no_strangers(
    notifier: RecordingNotifier,
) -> None:
    async def scene() -> None:
        listener = open_listener(LOOPBACK, 0, 10, notifier)

        class Quick(Greeting):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                door.recognise(self)
                super().connection_made(transport)

        door = Door(listener, Quick, Background().start)
        door.open()
        assert await heard(await call(listener)) == b"hello"
        assert not door._strangers
        await door.close()

    asyncio.run(scene())


def test_server_with_as_many_callers_as_may_be_lets_only_the_expected_in(
    notifier: RecordingNotifier,
) -> None:
    async def scene() -> tuple[list[bytes], int]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        stranger, watchdog = await call(listener), await call(listener)
        own_address = watchdog.getsockname()
        door = Door(
            listener,
            Greeting,
            Background().start,
            is_full=lambda: True,
            expects=lambda address: address == own_address,
        )
        door.open()
        answers = [await heard(stranger), await heard(watchdog)]
        await door.close()
        return answers, door.turned_away

    assert asyncio.run(scene()) == ([b"", b"hello"], 1)


def test_callers_who_are_entering_are_counted(notifier: RecordingNotifier) -> None:
    async def scene() -> list[int]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(listener, Greeting, Background().start)
        callers = [await call(listener) for _ in range(3)]
        door._accept_some()
        counted = [door.entering]
        for caller in callers:
            await heard(caller)
        await door.close()
        return [*counted, door.entering]

    assert asyncio.run(scene()) == [3, 0]
