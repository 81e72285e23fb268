"""The server's check of itself, and when systemd hears of it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any, Awaitable, Callable

import pytest

from signaling_server.appliance import watchdog
from signaling_server.appliance.systemd import Notifier
from signaling_server.appliance.watchdog import SelfCheck, keep_watch

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def healthz(body: object, status: str = "200 OK") -> Answer:
    """A server that gives this answer to whoever asks for /healthz, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        assert request.startswith(b"GET /healthz HTTP/1.1\r\n")
        writer.write(f"HTTP/1.1 {status}\r\n\r\n{json.dumps(body)}".encode())
        writer.close()

    return answer


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def checked(answer: Answer, host: str = "127.0.0.1") -> bool:
    """What the check says of such a server, on a socket bound to `host`."""

    async def scene() -> bool:
        server = await asyncio.start_server(answer, host, 0)
        async with server:
            return await SelfCheck(server.sockets[0], "this-one")()

    return asyncio.run(scene())


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_check_reaches_this_process_wherever_it_listens(host: str) -> None:
    assert checked(healthz({"instance": "this-one"}), host)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"instance": "another"}, "200 OK"),
        ({"status": "ok"}, "200 OK"),
        (["instance"], "200 OK"),
        ({"instance": "this-one"}, "503 Service Unavailable"),
    ],
    ids=["another process", "no instance", "no object", "unwell"],
)
def test_answer_from_another_process_does_not_count(body: object, status: str) -> None:
    assert not checked(healthz(body, status))


def test_server_that_does_not_answer_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "CHECK_SECONDS", 0.05)
    assert not checked(silence)


def test_check_does_not_mind_an_untrusted_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    openssl = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    subprocess.run(
        [*openssl.split(), "-subj", "/CN=drone", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def scene() -> tuple[bool, bool]:
        server = await asyncio.start_server(
            healthz({"instance": "this-one"}), "127.0.0.1", 0, ssl=context
        )
        async with server:
            check = SelfCheck(server.sockets[0], "this-one")
            in_plain = await check()
            check.tls = True
            return in_plain, await check()

    assert asyncio.run(scene()) == (False, True)


def test_closed_port_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check = SelfCheck(listener, "this-one")
    assert asyncio.run(check()) is False


def test_server_knows_the_check_by_its_address_while_it_calls() -> None:
    async def scene() -> None:
        known: list[bool] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            caller = writer.get_extra_info("peername")
            known.append(check.is_caller(caller))
            known.append(check.is_caller(("192.0.2.7", caller[1])))
            await healthz({"instance": "this-one"})(reader, writer)

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        check = SelfCheck(server.sockets[0], "this-one")
        async with server:
            assert not check.is_caller(("127.0.0.1", 1))
            assert await check()
            assert known == [True, False]
            assert not check.is_caller(("127.0.0.1", 1))

    asyncio.run(scene())


class TickingClock:
    """Time that passes only when somebody sleeps; ends the scene at `end`."""

    def __init__(self, end: float) -> None:
        self.now = 0.0
        self.end = end
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    async def run(self, watch: Awaitable[None]) -> None:
        watching = asyncio.ensure_future(watch)  # noqa: TID251
        while self.now < self.end:
            for _ in range(10):
                await asyncio.sleep(0)
            first = min(self._sleepers, key=lambda sleeper: sleeper[0])
            self._sleepers.remove(first)
            self.now, woken = first
            woken.set_result(None)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


class CountingNotifier(Notifier):
    def __init__(self, clock: TickingClock) -> None:
        self._clock = clock
        self.signs_of_life: list[float] = []

    def watchdog(self) -> None:
        self.signs_of_life.append(self._clock.now)


def signs_of_life(healthy: Callable[[float], bool], end: float) -> list[float]:
    """When WATCHDOG=1 goes out, with WatchdogSec=15."""

    async def scene() -> list[float]:
        clock = TickingClock(end)
        notifier = CountingNotifier(clock)

        async def check() -> bool:
            return healthy(clock.now)

        watch: Any = keep_watch(notifier, check, 15, clock=clock.read, sleep=clock.sleep)
        await clock.run(watch)
        return notifier.signs_of_life

    return asyncio.run(scene())


def test_healthy_server_gives_a_sign_of_life_at_half_the_interval() -> None:
    assert signs_of_life(lambda now: True, 31) == [0, 7.5, 15, 22.5, 30]


def test_server_that_fails_gives_no_sign_of_life_after_eight_seconds() -> None:
    assert signs_of_life(lambda now: now < 10, 60) == [0, 7.5, 15]


def test_short_failure_is_forgiven() -> None:
    assert signs_of_life(lambda now: not 12 <= now < 18, 31) == [0, 7.5, 15, 22.5, 30]


def test_failure_is_logged_when_it_begins_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "signaling_server.appliance.watchdog"):
        signs_of_life(lambda now: not 10 <= now < 20, 40)
    assert [record.getMessage() for record in caplog.records] == [
        "self-check failed",
        "self-check succeeds again",
    ]
