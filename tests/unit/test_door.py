"""The door: who gets in, who is turned away, and what happens at a stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from integration.credentials import make_ca, make_certificate
from signaling_server.appliance import door as door_module
from signaling_server.appliance.caller import Caller
from signaling_server.appliance.door import LET_IN_PER_TURN, Door
from signaling_server.appliance.listener import open_listener
from signaling_server.appliance.systemd import Notifier
from signaling_server.background import Background
from signaling_server.core.protocol.strangers import GRACE
from signaling_server.entrance import Entrance
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


async def call(listener: socket.socket, says: bytes = b"GET /") -> socket.socket:
    caller = socket.socket()
    caller.setblocking(False)
    await asyncio.get_running_loop().sock_connect(caller, listener.getsockname())
    if says:
        caller.send(says)
    return caller


async def heard(caller: socket.socket) -> bytes:
    """The first bytes; b"" if the caller is turned away, whether or not it was read before."""
    with caller, contextlib.suppress(ConnectionResetError):
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(caller, 100), 5)
    return b""


def test_callers_get_in(notifier: Notifier) -> None:
    async def scene() -> list[bytes]:
        listener = open_listener(LOOPBACK, 0, 500, notifier)
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
        await door._let_in(Caller(gone))
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
        stranger, watchdog = [await call(listener) for _ in range(2)]
        own_address = watchdog.getsockname()
        door = Door(Greeting, Background().start)
        hoard.take_all()
        door.open(listener, expects=lambda address: address == own_address)
        answers = [await heard(stranger), await heard(watchdog)]
        hoard.give_back()
        answers.append(await heard(await call(listener)))
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


class Uncounted(Entrance):
    """An entrance in which nobody counts as a stranger."""

    def __len__(self) -> int:
        return 0


def test_room_is_asked_for_once_a_turn_and_holds_for_all_of_them(notifier: Notifier) -> None:
    asked: list[int] = []

    def room() -> int:
        asked.append(2)
        return 2

    async def scene() -> list[bytes]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(Greeting, Background().start, room=room, entrance=Uncounted(lambda: 100))
        callers = [await call(listener) for _ in range(3)]
        door.open(listener)
        door._accept_some(listener)
        answers = [await heard(caller) for caller in callers]
        await door.close()
        return answers

    assert asyncio.run(scene()) == [b"hello", b"hello", b""]
    assert len(asked) == 1


def test_strangers_take_no_room_they_have_a_pool_of_their_own(notifier: Notifier) -> None:
    async def scene() -> list[bytes]:
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door = Door(Greeting, Background().start, room=lambda: 1)
        callers = [await call(listener) for _ in range(3)]
        door.open(listener)
        door._accept_some(listener)
        answers = [await heard(caller) for caller in callers]
        await door.close()
        return answers

    assert asyncio.run(scene()) == [b"hello"] * 3


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


def tls_door(
    tmp_path: Path, refused: list[tuple[str, str]], factory: Callable[[], asyncio.BaseProtocol]
) -> tuple[Door, str]:
    make_ca(tmp_path)
    certificate, key = make_certificate(tmp_path, "server", days=9)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    door = Door(
        factory,
        Background().start,
        tls=context,
        deadline=lambda: 0.3,
        refuse=lambda *refusal: refused.append(refusal),
    )
    return door, str(tmp_path / "ca.crt")


@pytest.mark.parametrize(
    ("said", "code", "answer"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "plain-on-tls-port", b"HTTP/1.1 400 "),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 5 80\r\n", "proxy-protocol", b"HTTP/1.1 400 "),
        (b"", "", b""),
        (b"nonsense that is no handshake", "", b""),
    ],
)
def test_caller_of_a_tls_port_that_speaks_something_else_is_reported(
    notifier: Notifier, tmp_path: Path, said: bytes, code: str, answer: bytes
) -> None:
    async def scene() -> None:
        refused: list[tuple[str, str]] = []
        door, _ = tls_door(tmp_path, refused, Greeting)
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door.open(listener)
        caller = await call(listener, said)
        assert (await heard(caller))[: len(answer) or None] == answer
        assert refused == ([(code, LOOPBACK)] if code else [])
        await door.close()

    asyncio.run(scene())


# --- the porch ------------------------------------------------------------------------------------


class Hall:
    """A door whose porch is looked at, and callers that have been accepted."""

    def __init__(
        self, notifier: Notifier, limit: int = 100, vouched: bytes = b"", deadline: float = 5.0
    ) -> None:
        self.listener = open_listener(LOOPBACK, 0, 100, notifier)
        self.made: list[Patient] = []
        self.entrance = Entrance(lambda: limit)
        self.door = Door(
            self._make,
            Background().start,
            entrance=self.entrance,
            deadline=lambda: deadline,
            vouches=lambda line: bool(vouched) and line.startswith(vouched),
        )

    def _make(self) -> Patient:
        self.made.append(Patient())
        return self.made[-1]

    async def callers(self, count: int, says: bytes = b"GET /") -> list[socket.socket]:
        return [await call(self.listener, says) for _ in range(count)]

    def accept(self) -> None:
        """Accept who has called, and hear what they have said."""
        self.door._accept_some(self.listener)
        self.door._silent.hear()

    def entrance_order(self) -> list[Any]:
        """The callers among the strangers, in the order in which they came."""
        return list(self.entrance._pool._all)

    async def until_entered(self) -> None:
        while self.door.entering:  # noqa: ASYNC110
            await asyncio.sleep(0)


def test_crowd_waits_on_the_porch_and_is_let_in_a_few_at_a_time(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier)
        callers = await hall.callers(2 * LET_IN_PER_TURN + 1)
        hall.door.open(hall.listener)
        hall.accept()
        assert len(hall.door._entering) == LET_IN_PER_TURN
        assert hall.door.entering == len(hall.entrance) == len(callers)
        await hall.until_entered()
        assert len(hall.made) == len(callers)
        await hall.door.close()

    asyncio.run(scene())


def test_caller_that_speaks_tls_gets_in(notifier: Notifier, tmp_path: Path) -> None:
    async def scene() -> bytes:
        refused: list[tuple[str, str]] = []
        door, ca = tls_door(tmp_path, refused, Greeting)
        listener = open_listener(LOOPBACK, 0, 10, notifier)
        door.open(listener)
        context = ssl.create_default_context(cafile=ca)
        reader, writer = await asyncio.open_connection(
            *listener.getsockname(), ssl=context, server_hostname="localhost"
        )
        greeting = await reader.readexactly(5)
        writer.close()
        await door.close()
        assert refused == []
        return greeting

    assert asyncio.run(scene()) == b"hello"


def test_stranger_too_many_on_the_porch_is_closed(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier, limit=2)
        first, *others = await hall.callers(3)
        hall.door.open(hall.listener)
        hall.door._accept_some(hall.listener)
        assert await heard(first) == b""
        await hall.until_entered()
        assert (len(hall.made), len(hall.entrance)) == (2, 2)
        await hall.door.close()
        for other in others:
            other.close()

    asyncio.run(scene())


def test_bearer_of_a_token_is_let_in_before_all_others(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier, vouched=b"GET /?token=good")
        crowd = await hall.callers(3 * LET_IN_PER_TURN)
        bearer = await call(hall.listener, b"GET /?token=good HTTP/1.1\r\n")
        hall.door.open(hall.listener)
        hall.accept()
        entering = [caller for caller in hall.entrance_order() if caller.entering]
        assert len(entering) == LET_IN_PER_TURN + 1
        assert entering[-1].socket.getpeername() == bearer.getsockname()
        await hall.until_entered()
        await hall.door.close()
        for caller in (*crowd, bearer):
            caller.close()

    asyncio.run(scene())


def test_caller_that_says_nothing_is_not_let_in_and_ends_at_the_deadline(
    notifier: Notifier,
) -> None:
    async def scene() -> None:
        hall = Hall(notifier, deadline=0.05)
        hall.door.open(hall.listener)
        silent = await call(hall.listener, b"")
        assert await heard(silent) == b""
        assert (hall.made, hall.door.entering, len(hall.entrance)) == ([], 0, 0)
        await hall.door.close()

    asyncio.run(scene())


def test_caller_that_goes_without_a_word_leaves_nothing_behind(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier)
        (await call(hall.listener, b"")).close()
        hall.door.open(hall.listener)
        hall.accept()
        assert (hall.made, hall.door.entering, len(hall.entrance)) == ([], 0, 0)
        await hall.door.close()

    asyncio.run(scene())


def test_silent_caller_makes_room_for_one_that_speaks(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier, limit=1)
        silent = await call(hall.listener, b"")
        hall.door.open(hall.listener)
        hall.accept()
        speaking = await call(hall.listener)
        hall.accept()
        assert await heard(silent) == b""
        await hall.until_entered()
        assert len(hall.made) == 1
        await hall.door.close()
        speaking.close()

    asyncio.run(scene())


def test_address_that_floods_is_let_in_one_at_a_time(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier, limit=LET_IN_PER_TURN)
        callers = await hall.callers(LET_IN_PER_TURN + 1)
        hall.door.open(hall.listener)
        hall.accept()
        assert len(hall.door._entering) == 1
        await hall.until_entered()
        assert len(hall.made) == LET_IN_PER_TURN
        await hall.door.close()
        for caller in callers:
            caller.close()

    asyncio.run(scene())


def test_paced_caller_goes_at_its_deadline(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier, deadline=0.05)
        hall.door.open(hall.listener)
        hall.door._note_flood(LOOPBACK)
        hall.door._porch._due = hall.door._loop.time() + 60  # its turn does not come
        [caller] = await hall.callers(1)
        hall.accept()
        assert await heard(caller) == b""
        assert (hall.door.entering, len(hall.entrance)) == (0, 0)
        await hall.door.close()

    asyncio.run(scene())


def test_stranger_inside_makes_room_for_the_next(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier, limit=1)
        hall.door.open(hall.listener)
        await call(hall.listener)
        while not (hall.made and hall.door._strangers[hall.made[0]].timer):  # noqa: ASYNC110
            await asyncio.sleep(0)
        await call(hall.listener)
        await asyncio.wait_for(hall.made[0].ended.wait(), 5)
        assert len(hall.entrance) == 1
        await hall.door.close()

    asyncio.run(scene())


def test_stranger_that_is_just_being_let_in_makes_room_too(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier, limit=1)
        hall.door.open(hall.listener)
        await call(hall.listener)
        hall.accept()
        await call(hall.listener)
        hall.accept()
        await hall.until_entered()
        await asyncio.wait_for(hall.made[0].ended.wait(), 5)
        await hall.door.close()

    asyncio.run(scene())


def test_door_that_closes_lets_in_who_waits_on_the_porch(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier)
        callers = await hall.callers(3 * LET_IN_PER_TURN)
        hall.door.open(hall.listener)
        hall.door._accept_some(hall.listener)
        hall.door._silent.hear()  # they have spoken; the loop would let the first ones in next
        await hall.door.close()
        assert len(hall.made) == len(callers)

    asyncio.run(scene())


def test_first_bytes_are_progress(notifier: Notifier) -> None:
    async def scene() -> None:
        hall = Hall(notifier, limit=2)
        hall.door.open(hall.listener)
        first = await call(hall.listener)
        hall.accept()
        silent = await call(hall.listener, b"")
        hall.accept()
        hall.entrance._clock = lambda: time.monotonic() + 2 * GRACE
        last = await call(hall.listener)
        hall.accept()
        assert await heard(silent) == b""
        await hall.until_entered()
        assert not any(protocol.ended.is_set() for protocol in hall.made)
        await hall.door.close()
        first.close()
        last.close()

    asyncio.run(scene())
