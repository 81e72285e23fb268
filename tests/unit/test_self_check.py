"""The server's call to itself, and what it says where no address can be called."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any, Awaitable, Callable, Iterator

import pytest

from signaling_server.appliance import self_check
from signaling_server.appliance.self_check import SelfCheck, targets
from signaling_server.core.watchdog_rule import Check, Listening, Outcome

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


def checked(answer: Answer, host: str = "127.0.0.1") -> Check:
    """What the check says of such a server, on a socket bound to `host`."""

    async def scene() -> Check:
        server = await asyncio.start_server(answer, host, 0)
        async with server:
            return await SelfCheck(server.sockets[0], "this-one")()

    return asyncio.run(scene())


def on_addresses(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every listener be called at these addresses."""

    def elsewhere(listener: socket.socket) -> list[self_check.Target]:
        port = listener.getsockname()[1]
        return [
            (socket.AF_INET6, (host, port, 0, 0)) if ":" in host else (socket.AF_INET, (host, port))
            for host in addresses
        ]

    monkeypatch.setattr(self_check, "targets", elsewhere)


OURS = healthz({"instance": "this-one"})
NOWHERE, NOWHERE_6 = "192.0.2.7", "2001:db8::7"
"""Addresses for documentation (RFC 5737, RFC 3849): no machine has them."""
NO_ADDRESS = f"{NOWHERE}: Cannot assign requested address"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_check_reaches_this_process_wherever_it_listens(host: str) -> None:
    check = checked(OURS, host)
    assert (check.outcome, check.reason) == (Outcome.ANSWERED, "")
    assert check.listening.open


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"instance": "another"}, "200 OK", "another process answers"),
        ({"status": "ok"}, "200 OK", "an answer that is not ours"),
        (["instance"], "200 OK", "an answer that is not ours"),
        ({"instance": "this-one"}, "503 Service Unavailable", "an answer that is not ours"),
    ],
    ids=["another process", "no instance", "no object", "unwell"],
)
def test_answer_from_another_process_does_not_count(body: object, status: str, reason: str) -> None:
    check = checked(healthz(body, status))
    assert check.outcome is Outcome.FAILED
    assert check.reason.startswith(f"127.0.0.1: {reason}")


def test_server_that_does_not_answer_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check, "CHECK_SECONDS", 0.05)
    check = checked(silence)
    assert (check.outcome, check.reason) == (Outcome.FAILED, "127.0.0.1: no answer")


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

    async def scene() -> tuple[Outcome, Outcome]:
        server = await asyncio.start_server(OURS, "127.0.0.1", 0, ssl=context)
        async with server:
            check = SelfCheck(server.sockets[0], "this-one")
            in_plain = await check()
            check.tls = True
            return in_plain.outcome, (await check()).outcome

    assert asyncio.run(scene()) == (Outcome.FAILED, Outcome.ANSWERED)


def test_closed_port_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check = SelfCheck(listener, "this-one")
    found = asyncio.run(check())
    assert (found.outcome, found.reason) == (Outcome.FAILED, "127.0.0.1: Connection refused")
    assert not found.listening.open


@pytest.mark.parametrize(("host", "target"), [("127.0.0.1", "127.0.0.1"), ("::", "127.0.0.1")])
def test_server_knows_the_check_by_its_address_while_it_calls(
    host: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        known: list[bool] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            caller = writer.get_extra_info("peername")
            known.append(check.is_caller(caller))
            known.append(check.is_caller(("192.0.2.7", caller[1])))
            await OURS(reader, writer)

        both = ":" in host
        family = socket.AF_INET6 if both else socket.AF_INET
        listener = socket.create_server((host, 0), family=family, dualstack_ipv6=both)
        server = await asyncio.start_server(answer, sock=listener)
        on_addresses(monkeypatch, target)
        check = SelfCheck(server.sockets[0], "this-one")
        async with server:
            assert not check.is_caller(("127.0.0.1", 1))
            assert (await check()).outcome is Outcome.ANSWERED
            assert known == [True, False]
            assert not check.is_caller(("127.0.0.1", 1))

    asyncio.run(scene())


# --- addresses that are not there -----------------------------------------------------------------


def test_address_that_is_not_there_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    on_addresses(monkeypatch, NOWHERE)
    check = checked(OURS)
    assert (check.outcome, check.reason) == (Outcome.NOT_TRIED, NO_ADDRESS)
    assert check.listening.open


def test_one_address_that_answers_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    on_addresses(monkeypatch, NOWHERE_6, NOWHERE, "127.0.0.1")
    assert checked(OURS).outcome is Outcome.ANSWERED


def test_one_address_that_fails_is_a_failure_if_no_other_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_addresses(monkeypatch, "127.0.0.1", NOWHERE)
    check = checked(healthz({"instance": "another"}))
    assert check.outcome is Outcome.FAILED
    assert check.reason == f"127.0.0.1: another process answers, {NO_ADDRESS}"


def test_error_after_the_connection_is_a_failure_whatever_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def unreachable(*args: object, **kwargs: object) -> None:
        raise OSError(101, "Network is unreachable")

    async def scene() -> Check:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            check = SelfCheck(listener, "this-one")
            monkeypatch.setattr(asyncio, "open_connection", unreachable)
            return await check()

    assert asyncio.run(scene()).outcome is Outcome.FAILED


@pytest.fixture
def full() -> Iterator[socket.socket]:
    """A listener whose queue is full: the kernel answers no further call to it."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as caller:
        caller.connect(listener.getsockname())
        yield listener


def outcome_at(listener: socket.socket, called: socket.socket) -> Check:
    """The check of a listener that calls the address of another one."""

    async def scene() -> Check:
        check = SelfCheck(listener, "this-one")
        check._targets = [(socket.AF_INET, called.getsockname())]
        return await check()

    return asyncio.run(scene())


def test_call_that_is_lost_on_the_way_proves_nothing(
    full: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_check, "CHECK_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check = outcome_at(listener, full)
    assert (check.outcome, check.reason) == (Outcome.NOT_TRIED, "127.0.0.1: no answer")


def test_call_that_finds_the_queue_full_fails(
    full: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_check, "CHECK_SECONDS", 0.05)
    check = outcome_at(full, full)
    assert check.outcome is Outcome.FAILED
    assert check.listening.waiting == 1


def test_call_that_is_lost_while_nothing_listens_fails(
    full: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_check, "CHECK_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check = SelfCheck(listener, "this-one")
    check._targets = [(socket.AF_INET, full.getsockname())]
    assert asyncio.run(check()).outcome is Outcome.FAILED


def test_check_tells_how_many_callers_wait_and_were_accepted() -> None:
    async def scene() -> Check:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            check = SelfCheck(listener, "this-one", lambda: 7)
            check._targets = []
            with socket.create_connection(listener.getsockname()):
                return await check()

    assert asyncio.run(scene()).listening == Listening(open=True, waiting=1, accepted=7)


class Emulated(socket.socket):
    """A socket under qemu-user, which gives 4 bytes of a struct tcp_info."""

    def getsockopt(self, level: int, name: int, *size: int) -> Any:
        found = super().getsockopt(level, name, *size)
        return found[:4] if isinstance(found, bytes) else found


def test_emulator_that_does_not_know_the_queue_is_no_failure() -> None:
    with Emulated() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        check = SelfCheck(listener, "this-one")
        check._targets = []
        assert asyncio.run(check()).listening == Listening(open=True, waiting=0, accepted=0)


def test_socket_for_ipv6_alone_is_not_called_by_ipv4() -> None:
    for v6only, hosts in ((0, ["::1", "127.0.0.1"]), (1, ["::1"])):
        with socket.socket(socket.AF_INET6) as listener:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
            listener.bind(("::", 0))
            assert [address[0] for _, address in targets(listener)] == hosts
