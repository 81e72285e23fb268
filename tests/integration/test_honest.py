"""What python-socketio leaves behind or lets through, and this server does not.

Each guard has a twin that removes it: if the library is fixed, the twin fails, and the guard can
go.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import weakref
from typing import Any

import pytest
from socketio import packet

from framing import frame
from integration.inside import Inside, running
from integration.raw import RawClient
from integration.seen import SILENT
from signaling_server.app import App
from signaling_server.background import Background
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, ListenSettings
from signaling_server.core.protocol import events
from signaling_server.errors import Rejection
from signaling_server.logs.pipe import LogPipe

OFFER = '{"type":"offer","data":{}}'
HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
QUICK = {"socketio": {"ping_interval": 1, "ping_timeout": 1}}


async def still_serves(server: Inside) -> None:
    """A pair meets and talks."""
    async with RawClient(server.url, room="after", name="node") as node:
        await node.hello()
        async with RawClient(server.url, room="after", name="gcom") as gcom:
            await gcom.hello()
            await node.next("peer_joined")
            await node.send(f'42["signal",{OFFER}]')
            assert '"from":"node"' in await gcom.next("signal")


async def hung_up(client: RawClient) -> None:
    """Wait until the server ends the connection."""
    with contextlib.suppress(ConnectionError):
        while await client.receive():
            pass


def fail(*_: object) -> Any:
    raise RuntimeError("injected")


def refuse(*_: object) -> Any:
    raise Rejection("unauthorized", "injected")


# --- a connect handler that raises ----------------------------------------------------------------


async def test_connect_handler_that_raises_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running() as server:
        with monkeypatch.context() as broken:
            broken.setattr(server.transport._admission, "identify", fail)
            # The handshake asks for the same; only CONNECT is what this is about.
            broken.setattr(server.transport._admission, "refusal", lambda request: None)
            async with RawClient(server.url) as client:
                await client.send("40")
                assert (await client.receive()).startswith("44")
                with pytest.raises(ConnectionError):
                    await client.receive()
        await server.empty()
        await still_serves(server)
    assert "a connect handler failed" in caplog.text


async def test_without_the_guard_a_connect_handler_that_raises_leaves_its_sid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as server:
        monkeypatch.setitem(server.sio.handlers["/"], "connect", fail)
        async with RawClient(server.url) as client:
            await client.send("40")
            with pytest.raises(ConnectionError):
                await client.receive()
        await server.until(lambda: not server.sio.eio.sockets)
        assert "manager rooms" in server.leftovers()


# --- a connect handler that outlasts its client ---------------------------------------------------


async def test_client_that_goes_while_its_refusal_waits_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(QUICK) as server:
        waits: list[float] = []
        monkeypatch.setattr(
            server.transport._admission, "penalty", lambda address: waits.append(1) or 60.0
        )
        monkeypatch.setattr(server.transport._admission, "identify", refuse)
        monkeypatch.setattr(server.transport._admission, "refusal", lambda request: None)
        async with RawClient(server.url) as client:
            await client.send("40")
            await server.until(lambda: waits)
        await server.empty()


async def test_client_that_is_gone_when_its_connect_handler_ends_is_removed() -> None:
    """Such as over polling, where nobody hears that it has gone but for the ping timeout."""
    async with running() as server:
        enter = server.sio.handlers["/"]["connect"]

        async def outlast(sid: str, environ: Any, auth: Any) -> None:
            socket = next(iter(server.sio.eio.sockets.values()))
            await socket.close(wait=False, abort=True)
            await enter(sid, environ, auth)

        server.sio.handlers["/"]["connect"] = outlast
        async with RawClient(server.url) as client:
            await client.send("40")
            await hung_up(client)
        server.sio.handlers["/"]["connect"] = enter
        await server.empty()
        await still_serves(server)


# --- attachments ----------------------------------------------------------------------------------

BINARY = '451-["signal",{"type":"offer","data":{"_placeholder":true,"num":0}}]'


@pytest.mark.parametrize("kind", ["5", "6"])
async def test_attachments_are_never_collected(kind: str) -> None:
    async with running() as server, RawClient(server.url) as client:
        await client.hello()
        await client.send(BINARY.replace("45", f"4{kind}", 1))
        assert '"binary-not-allowed"' in await client.next("error")
        for _ in range(5):
            await client._socket.send_bytes(b"x" * 100_000)
        await client.send(f'421["signal",{OFFER}]')
        assert '"ok":true' in await client.next_ack()
        assert "attachments" not in server.leftovers()
        assert "bytes" in server.leftovers(), "the held offer, and nothing else:"
        assert server.leftovers()["bytes"] < 1000


async def test_without_the_guard_attachments_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as server, RawClient(server.url) as client:
        await client.hello()
        monkeypatch.setattr(server.sio, "packet_class", packet.Packet)
        await client.send(BINARY)
        await server.until(lambda: "attachments" in server.leftovers())


# --- packets at the wrong time --------------------------------------------------------------------

TOO_EARLY = [f'42["signal",{OFFER}]', f'421["signal",{OFFER}]', "41", "43[]", "42", "4", BINARY]


@pytest.mark.parametrize("early", TOO_EARLY)
async def test_packet_before_connect_ends_the_connection(early: str) -> None:
    async with running() as server:
        async with RawClient(server.url) as client:
            await client.send(early)
            with pytest.raises(ConnectionError):
                await client.receive()
        await server.empty()


@pytest.mark.parametrize("second", ["40", '40{"name":"other"}', "40/,"])
async def test_second_connect_is_a_bad_packet(second: str) -> None:
    async with running({"limits": {"bad_packets": 1}}) as server:
        async with RawClient(server.url, name="node") as client:
            await client.hello()
            await client.send(second)
            await client.send(f'421["signal",{OFFER}]')
            assert '"ok":true' in await client.receive()
            assert [peer.peer_id for peer in server.app.relay.peers.values()] == ["node"]
            await client.send(second)
            with pytest.raises(ConnectionError):
                await client.receive()
        await server.empty()


@pytest.mark.parametrize("namespace", ["/admin", "/", "//", "/*", "/" + "x" * 10_000])
async def test_other_namespaces_lead_nowhere(namespace: str) -> None:
    async with running() as server:
        async with RawClient(server.url) as client:
            await client.send(f"40{namespace}x,")
            assert (await client.receive()).startswith("44")
            with pytest.raises(ConnectionError):
                await client.receive()
        await server.empty()


async def test_goodbye_ends_the_connection_too() -> None:
    async with running() as server:
        async with RawClient(server.url) as client:
            await client.hello()
            await client.send("41")
            with pytest.raises(ConnectionError):
                await client.receive()
        await server.empty()


# --- the sweeper ----------------------------------------------------------------------------------


async def test_sweep_removes_a_connection_without_a_socket() -> None:
    async with running() as server:
        async with RawClient(server.url, name="ghost") as ghost:
            await ghost.hello()
            assert server.transport.sweep() == 0
            socket = server.sio.eio.sockets.pop(next(iter(server.sio.eio.sockets)))
            assert server.transport.sweep() == 1
            assert not server.app.relay.peers
            assert "manager rooms" not in server.leftovers()
            server.sio.eio.sockets[socket.sid] = socket
        await server.empty()


async def test_sweep_removes_a_peer_without_a_connection() -> None:
    async with running() as server:
        async with RawClient(server.url, name="ghost") as ghost:
            await ghost.hello()
            connection = server.transport._connections.by_sid.popitem()[1]
            assert server.transport.sweep() == 1
            assert not server.app.relay.peers
            server.transport._connections.by_sid[connection.sid] = connection
        await server.empty()


# --- a crash in each handler ----------------------------------------------------------------------

CRASHES = {
    "a signal, fast path": (events.Signalled, f'42["signal",{OFFER}]'),
    "a signal, slow path": (events.Signalled, f'421["signal",{OFFER}]'),
    "joining": (events.Joined, "40"),
    "leaving": (events.Left, "41"),
}


@pytest.mark.parametrize(("event", "sent"), CRASHES.values(), ids=CRASHES)
async def test_crash_costs_one_connection_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, event: type, sent: str
) -> None:
    async with running() as server:
        async with RawClient(server.url, name="victim") as victim:
            if sent != "40":
                await victim.hello()
            with monkeypatch.context() as broken:
                if event is events.Signalled:  # the hot path makes no event of it
                    broken.setattr(server.app.relay, "signal", fail)
                else:
                    broken.setitem(server.app.relay._handlers, event, fail)
                await victim.send(sent)
                await hung_up(victim)
        assert "injected" in caplog.text
        server.transport.sweep()
        await server.empty()
        await still_serves(server)


async def test_crash_of_the_clock_of_the_relay_is_survived(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running({"hold": {"max_age": 0.1}}) as server:
        with monkeypatch.context() as broken:
            broken.setitem(server.app.relay._handlers, events.Ticked, fail)
            async with RawClient(server.url, name="node") as node:
                await node.hello()
                await node.send(f'421["signal",{OFFER}]')
                await server.until(lambda: "injected" in caplog.text)
        await still_serves(server)
        await server.empty()


async def test_crash_of_an_observer_is_logged_and_survived(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with running() as server:
        with monkeypatch.context() as broken:
            for part in (server.transport._handlers, server.transport._switchboard):
                broken.setattr(part, "_observe", fail)
            async with RawClient(server.url, name="node") as node:
                await node.send("40")
                await hung_up(node)
        assert "injected" in caplog.text
        server.transport.sweep()
        await server.empty()
        await still_serves(server)


async def test_background_task_that_crashes_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as server:

        async def crash() -> None:
            fail()

        task = server.app._background.start(crash())
        await asyncio.wait([task])
        await still_serves(server)
    assert "a background task failed" in caplog.text


async def come_and_go(port: int) -> None:
    """A client that leaves no garbage of its own."""
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setblocking(False)
        await loop.sock_sendall(client, HANDSHAKE + frame(b"40"))
        heard = b""
        while b"welcome" not in heard:
            heard += await loop.sock_recv(client, 4096)


async def test_connection_that_ends_leaves_next_to_nothing_to_the_garbage_collector() -> None:
    # It looks seldom (app.py): what waits for it is memory, and clients can come and go fast.
    async with running(QUICK) as server:
        port = int(server.url.rpartition(":")[2])
        await come_and_go(port)  # what is made once is made now
        tasks = len(asyncio.all_tasks())
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                await come_and_go(port)
            await server.until(lambda: len(asyncio.all_tasks()) <= tasks)
            assert gc.collect() < 20 * 8, "asyncio's transport and its socket are 7 objects"
        finally:
            gc.enable()


async def test_connection_that_ends_is_free_though_the_timer_of_its_ping_goes_on() -> None:
    async with running({"socketio": {"ping_interval": 3600}}) as server:
        async with RawClient(server.url) as client:
            await client.hello()
            ended = [weakref.ref(sock.websocket) for sock in server.sio.eio.sockets.values()]
        await server.until(lambda: [sock() for sock in ended] == [None])


async def test_caller_that_connected_just_before_a_stop_is_answered() -> None:
    pipe = LogPipe(SILENT)
    app = App(Loaded(Config(listen=ListenSettings("127.0.0.1", 0)), {}), pipe)
    port = int((await app.start()).rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await Inside(app, "").until(lambda: app._door.entering)
    stopping = Background().start(app.stop())
    await asyncio.sleep(0)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: drone\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    await stopping
    pipe.close()
