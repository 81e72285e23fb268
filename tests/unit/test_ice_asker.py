"""Questions to servers on loopback that follow a script; tests/outside asks a real one."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Any, Awaitable, Callable, Sequence

import pytest

from signaling_server.appliance import ice_asker
from signaling_server.appliance.ice_asker import ask, one_of_each, together
from signaling_server.core.ice.question import Answer
from signaling_server.core.ice.stun_url import target
from signaling_server.core.ice.verdict import Said
from unit.test_question import NONCE, REALM, method, refusal, reply

SUCCESS = 0x100
ALLOCATE = 3


async def loopback(host: str) -> Sequence[str]:
    return [host]


def run(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 20))


class Server(asyncio.DatagramProtocol):
    """Answers over UDP what `answer` makes of each request; None: nothing."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self.answer = answer
        self.heard: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.append(data)
        answer = self.answer(data)
        if answer is not None:
            self.transport.sendto(answer, addr)


async def udp(answer: Callable[[bytes], bytes | None]) -> Server:
    loop = asyncio.get_running_loop()
    _, server = await loop.create_datagram_endpoint(
        lambda: Server(answer), local_addr=("127.0.0.1", 0)
    )
    return server


def success(request: bytes) -> bytes:
    return reply(request, SUCCESS)


def turn_server(request: bytes) -> bytes:
    """Asks for credentials once."""
    if method(request) == ALLOCATE and len(request) < 60:
        return refusal(request, 401, "Unauthorized", REALM, NONCE)
    return success(request)


def test_stun_server_answers() -> None:
    async def scene() -> None:
        server = await udp(success)
        said = await ask(target(f"stun:127.0.0.1:{server.port}"), loopback)
        assert said.answer is not None
        assert said.answer.rtt is not None
        assert said.addresses == ("127.0.0.1",)
        server.transport.close()

    run(scene)


def test_lost_request_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice_asker, "RETRANSMIT_SECONDS", (0.01, 0.01))

    async def scene() -> None:
        server = await udp(lambda request: success(request) if len(server.heard) == 3 else None)
        said = await ask(target(f"stun:127.0.0.1:{server.port}"), loopback)
        assert said.answer == Answer(None)
        assert server.heard == server.heard[:1] * 3
        server.transport.close()

    run(scene)


def test_noise_is_no_answer_and_silence_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice_asker, "RETRANSMIT_SECONDS", (0.01,))

    async def scene() -> None:
        server = await udp(lambda request: b"noise")
        said = await ask(target(f"stun:127.0.0.1:{server.port}"), loopback, 0.1)
        assert (said.answer, said.reason) == (None, "no answer within 0.1 s")
        assert len(server.heard) >= 2
        server.transport.close()

    run(scene)


def test_allocation_is_released_over_udp() -> None:
    async def scene() -> None:
        server = await udp(turn_server)
        said = await ask(target(f"turn:127.0.0.1:{server.port}", "u", "p"), loopback)
        assert said.answer is not None
        assert [method(request) for request in server.heard] == [3, 3, 4]
        server.transport.close()

    run(scene)


@pytest.mark.parametrize("ended", ["in time", "cancelled"])
def test_allocation_whose_answer_is_lost_is_released(ended: str) -> None:
    async def scene() -> None:
        released = asyncio.Event()

        def answer(request: bytes) -> bytes | None:
            if method(request) == 4:
                released.set()
            if len(server.heard) == 2:
                allocated.set()
            return turn_server(request) if len(server.heard) == 1 else None

        allocated = asyncio.Event()
        server = await udp(answer)
        asked = target(f"turn:127.0.0.1:{server.port}", "u", "p")
        asking = asyncio.gather(ask(asked, loopback, 0.3 if ended == "in time" else 5.0))
        await allocated.wait()
        if ended == "cancelled":
            asking.cancel()
        else:
            assert (await asking)[0].answer is None
        await released.wait()
        server.transport.close()

    run(scene)


def test_answer_counts_though_the_release_is_not_answered() -> None:
    async def scene() -> None:
        server = await udp(lambda request: None if method(request) == 4 else turn_server(request))
        asked = target(f"turn:127.0.0.1:{server.port}", "u", "p")
        assert (await ask(asked, loopback, 0.2)).answer is not None
        server.transport.close()

    run(scene)


def test_nothing_that_listens_is_said_in_the_systems_words() -> None:
    async def scene() -> None:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            udp.bind(("127.0.0.1", 0))
            ports = udp.getsockname()[1], tcp.getsockname()[1]
            udp.close()
            urls = f"stun:127.0.0.1:{ports[0]}", f"turn:127.0.0.1:{ports[1]}?transport=tcp"
            for url in urls:
                said = await ask(target(url, "u", "p"), loopback)
                assert said == Said(None, "Connection refused", False, ("127.0.0.1",))

    run(scene)


async def tcp_server(
    act: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> tuple[asyncio.AbstractServer, int]:
    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await act(reader, writer)
        writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers there is no STUN server"),
        (b"", "it closes the connection"),
        (b"\x01\x01\x00\x08\x21\x12\xa4\x42" + b"x" * 14, "it closes the connection"),
    ],
)
def test_other_servers_over_tcp_are_recognised(sent: bytes, reason: str) -> None:
    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(20)
        writer.write(sent)

    async def scene() -> None:
        server, port = await tcp_server(act)
        said = await ask(target(f"turn:127.0.0.1:{port}?transport=tcp", "u", "p"), loopback)
        assert said == Said(None, reason, False, ("127.0.0.1",))
        server.close()

    run(scene)


def test_turn_over_tcp_is_asked_and_the_allocation_released() -> None:
    methods = []

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                start = await reader.readexactly(20)
            except asyncio.IncompleteReadError:
                return
            request = start + await reader.readexactly(int.from_bytes(start[2:4], "big"))
            methods.append(method(request))
            writer.write(turn_server(request))

    async def scene() -> None:
        server, port = await tcp_server(act)
        said = await ask(target(f"turn:127.0.0.1:{port}?transport=tcp", "u", "p"), loopback)
        assert said.answer is not None
        server.close()

    run(scene)
    assert methods == [3, 3, 4]


def test_connection_that_ends_after_the_answer_is_one() -> None:
    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start = await reader.readexactly(20)
        request = start + await reader.readexactly(int.from_bytes(start[2:4], "big"))
        writer.write(success(request))

    async def scene() -> None:
        server, port = await tcp_server(act)
        said = await ask(target(f"turn:127.0.0.1:{port}?transport=tcp", "u", "p"), loopback)
        assert said.answer is not None
        server.close()

    run(scene)


def test_server_without_tls_fails_the_handshake() -> None:
    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    async def scene() -> None:
        server, port = await tcp_server(act)
        said = await ask(target(f"turns:127.0.0.1:{port}", "u", "p"), loopback)
        assert said.reason.startswith("TLS handshake failed: ")
        server.close()

    run(scene)


def test_connection_that_is_not_made_in_time_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*arguments: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(ice_asker, "connect", never)

    async def scene() -> None:
        said = await ask(target("turn:127.0.0.1?transport=tcp", "u", "p"), loopback, 0.05)
        assert said.reason == "no answer within 0.05 s"

    run(scene)


def test_name_that_is_not_resolved_is_said() -> None:
    async def never(host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async def busy(host: str) -> Sequence[str]:
        raise OSError(errno.ENOBUFS, "too many")

    async def fails(host: str) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    async def scene() -> None:
        said = await ask(target("stun:a"), never, 0.05)
        assert said == Said(None, "a is not resolved within 0.05 s")
        said = await ask(target("stun:a"), busy)
        assert said == Said(None, "a is not resolved: too many", unasked=True)
        said = await ask(target("stun:a"), fails)
        assert said == Said(None, "a is not resolved: Name or service not known")

    run(scene)


@pytest.mark.parametrize("url", ["turns:a?transport=udp", "turn:a:65536"])
def test_what_cannot_be_asked_is_not_silent(url: str) -> None:
    async def scene() -> None:
        said = await ask(target(url, "u", "p"), loopback)
        assert (said.answer, said.unasked) == (None, True)

    run(scene)


def test_lack_of_descriptors_is_no_fault_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*arguments: Any) -> Any:
        raise OSError(errno.EMFILE, "x")

    monkeypatch.setattr(ice_asker, "connect", fails)

    async def scene() -> None:
        said = await ask(target("stun:127.0.0.1"), loopback)
        assert (said.unasked, said.reason) == (True, "Too many open files")

    run(scene)


def test_words_of_the_system_or_of_openssl() -> None:
    verify = ssl.SSLError(1, "[SSL] long")
    verify.reason = "WRONG_VERSION_NUMBER"
    assert ice_asker._words(verify) == "TLS handshake failed: WRONG_VERSION_NUMBER"
    assert ice_asker._words(OSError(errno.ENETUNREACH, "x")) == "Network is unreachable"
    assert ice_asker._words(OSError("several")) == "several"


def test_one_address_of_each_family_is_asked() -> None:
    addresses = ["2001:db8::1", "2001:db8::2", "10.0.0.1", "10.0.0.2", "fe80::1%eth0"]
    assert one_of_each(addresses) == ("2001:db8::1", "10.0.0.1")


def test_server_that_answers_at_one_address_is_there() -> None:
    no, refused = Said(None, "no answer"), Said(Answer(0.1, "401 Unauthorized"))
    both = ("10.0.0.1", "::1")
    assert together(both, [no, Said(Answer(0.2))]) == Said(Answer(0.2), addresses=both)
    assert together(both, [refused, Said(Answer(None))]).answer == Answer(None)
    assert together(both, [no, Said(None, "x", True)]) == Said(None, "no answer; x", False, both)
    assert together(both, [no, no]).reason == "no answer"
    assert together(both, [Said(None, "x", True)] * 2).unasked
