"""Clients of the wrong kind: each hears why, and so does the operator."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
import socketio

from framing import frame
from integration.conftest import Visitors
from integration.credentials import new_token, write_tokens
from integration.inside import running
from integration.pages import get
from integration.raw import RawClient
from integration.server import PATIENCE, ServerProcess, run_to_its_end
from signaling_server.core.protocol.auth import new_token as random_token

POLLING = "/socket.io/?EIO=4&transport=polling"
KNOCKS = {
    "old-client": b"GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\n",
    "transport-off": b"GET /socket.io/?EIO=4&transport=flashsocket HTTP/1.1\r\n",
    "upgrade-lost": b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n",
    "foreign-origin": f"GET {POLLING} HTTP/1.1\r\nOrigin: http://other\r\n".encode(),
    "jsonp": f"GET {POLLING}&j=0 HTTP/1.1\r\n".encode(),
    "proxy-protocol": b"PROXY TCP4 10.0.0.5 10.0.0.1 5 80\r\nGET / HTTP/1.1\r\n",
    "tls-on-plain-port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
}


def knock(port: int, said: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as caller:
        caller.sendall(said + b"Host: a\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: caller.recv(65536), b""))


def test_each_is_refused_in_answer_log_metrics_and_status(tmp_path: Path) -> None:
    config = {"socketio": {"cors_allowed_origins": ["https://gcom.example"]}}
    with ServerProcess(tmp_path, config) as server:
        for code, said in KNOCKS.items():
            before = len(server.lines)
            assert b" 400 " in knock(server.port, said)
            server.wait_for_line("WARNING refused a client from 127.0.0.1: .+; .+", before)
            assert f'hawkeye_refused_total{{code="{code}"}} 1' in get(f"{server.url}/metrics").body
        refusals = json.loads(get(f"{server.url}/api/status").body)["refusals"]
        assert [one["code"] for one in refusals] == list(reversed(KNOCKS))
        assert all(one["address"] == "127.0.0.1" and one["text"] for one in refusals)
        assert not any("Traceback" in line for line in server.lines)


def test_path_without_its_slash_is_served(shared_server: ServerProcess) -> None:
    answer = knock(shared_server.port, b"GET /socket.io?EIO=4&transport=polling HTTP/1.1\r\n")
    assert b" 200 " in answer
    assert b'0{"sid":' in answer


async def test_namespace_of_a_url_with_a_path_is_named(shared_server: ServerProcess) -> None:
    sio = socketio.AsyncClient(reconnection=False)
    errors: list[Any] = []
    sio.on("connect_error", errors.append, namespace="/gcom")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await sio.connect(shared_server.url, namespaces=["/gcom"])
    await sio.disconnect()
    assert errors[0]["message"].startswith("Invalid namespace /gcom: connect to http://HOST:PORT/")


async def test_unknown_event_is_answered_and_blocks_nothing(visitors: Visitors, kind: str) -> None:
    node = await visitors.join("node")
    answer = await node.call("offer", {"sdp": "v=0"})
    assert answer["error"]["code"] == "unknown-event"
    error = await node.next("error")
    assert (error["code"], error["event"]) == ("unknown-event", "offer")
    assert 'send signal with {type: "offer", data: ...}' in error["message"]
    assert (await node.call("ice_servers"))["ice_servers"] == []


async def test_goodbye_of_engine_io_closes_the_websocket_and_is_no_refusal() -> None:
    async with running({"limits": {"connect_deadline": 0.2}}) as server:
        async with RawClient(server.url, name="node") as client:
            await client.hello()
            since = time.monotonic()
            await client.send("1")
            with pytest.raises(ConnectionError):
                await client.receive()
            assert time.monotonic() - since < 0.2, "it does not wait for the deadline"
        await asyncio.sleep(0.3)  # the deadline
        assert not server.app._instruments.metrics.rejections
        await server.empty()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"", opcode=9) * 1000, "rate-limited"),
        (frame(b"", opcode=10) * 1000, "rate-limited"),
        (frame(b"6") * 1000, "rate-limited"),
        (frame(b"x", opcode=2) * 1000, "rate-limited"),
        (frame(b"4", final=False) + frame(b"", opcode=0, final=False) * 1000, "rate-limited"),
        (b"\x81\x0242", "invalid-format"),
    ],
)
async def test_flood_of_frames_and_a_frame_without_a_mask_end_the_connection(
    data: bytes, code: str
) -> None:
    async with running() as server:
        async with RawClient(server.url, name="gcom") as gcom, RawClient(
            server.url, name="node"
        ) as client:
            await gcom.hello()
            await client.hello()
            transport: Any = client._socket._response.connection.transport  # type: ignore[union-attr]
            transport.write(data)
            with pytest.raises(ConnectionError):
                await client.next("an event that never comes")
            _, left = json.loads((await gcom.next("peer_left"))[2:])
            assert left == {"peer_id": "node", "name": "node", "reason": code}
        await server.until(lambda: server.app._instruments.metrics.rejections == {code: 1})
        await server.empty()


@pytest.mark.parametrize("compression", [False, True])
async def test_what_comes_over_a_websocket_is_never_inflated(compression: bool) -> None:
    async with running({"socketio": {"compression": compression}}) as server:
        port = int(server.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"sec-websocket-extensions" not in head.lower()
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(b"40") + packer.flush(zlib.Z_SYNC_FLUSH)
        writer.write(frame(packed[:-4], opcode=0x41))  # RSV1: compressed (RFC 7692 6)
        told = await asyncio.wait_for(reader.read(), PATIENCE)
        assert b"welcome" not in told
        writer.close()
        await server.empty()


async def test_pings_at_an_honest_rate_are_answered() -> None:
    async with running() as server, RawClient(server.url, name="node") as client:
        await client.hello()
        for _ in range(20):
            await client._socket.ping(b"x")
        await client.send('421["ice_servers"]')
        assert await client.next_ack()


async def test_polling_flood_of_other_packets_ends_the_connection() -> None:
    async with running() as server:
        port = int(server.url.rpartition(":")[2])
        loop = asyncio.get_running_loop()

        def ask(query: str, body: bytes = b"") -> bytes:
            path = f"{POLLING}{query}"
            method = "POST" if body else "GET"
            head = f"{method} {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n"
            with socket.create_connection(("127.0.0.1", port)) as one:
                one.sendall(f"{head}Host: a\r\nConnection: close\r\n\r\n".encode() + body)
                return b"".join(iter(lambda: one.recv(65536), b""))

        opened = await loop.run_in_executor(None, ask, "")
        sid = re.search(rb'"sid":"([^"]+)"', opened)
        assert sid is not None
        query = f"&sid={sid[1].decode()}"
        assert b" 200 " in await loop.run_in_executor(None, ask, query, b"40")
        flood = b"\x1e".join([b"3"] * 1000)
        assert b" 400 " in await loop.run_in_executor(None, ask, query, flood)
        await server.until(lambda: not server.sio.eio.sockets)


async def test_python_client_with_a_wrong_token_hears_why_each_time(tmp_path: Path) -> None:
    _, line = new_token("node")
    config = {"auth": {"tokens_file": write_tokens(tmp_path, [line])}}
    wrong = random_token(bytes(37))[0]
    with ServerProcess(tmp_path, config) as server:
        for _ in range(6):
            sio = socketio.AsyncClient(reconnection=False)
            errors: list[Any] = []
            sio.on("connect_error", errors.append)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await sio.connect(server.url, auth={"token": wrong})
            (error,) = errors
            message = error["data"]["message"]
            assert re.match("unknown token|too many failed log-ins from this address", message)
            await sio.disconnect()


def test_status_command_lists_who_was_refused(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        for _ in range(2):
            knock(server.port, KNOCKS["old-client"])
        shown = run_to_its_end("status", "--url", server.url).stdout
        told = r"refused 127\.0\.0\.1 \(2 times, last \d s ago\): Socket\.IO client 1\.x"
        assert re.search(told, shown), shown
