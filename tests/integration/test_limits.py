"""Each limit: a client that exceeds it gets an error, and other clients are not affected."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from pathlib import Path
from typing import Any, AsyncIterator

import aiohttp
import pytest

from integration.conftest import Visitors
from integration.pages import get
from integration.raw import RawClient
from integration.server import PATIENCE, ServerProcess

OFFER = '{"type":"offer","data":{}}'
UNNOTICED = 1.0
"""Seconds that a signal takes at most while others misbehave (1 to 2 ms on an idle machine)."""


def error_in(frame: str) -> dict[str, Any]:
    return dict(json.loads(frame[2:])[1])


def limits(**values: Any) -> dict[str, Any]:
    return {"limits": values}


@contextlib.asynccontextmanager
async def pair(url: str, room: str = "good") -> AsyncIterator[tuple[RawClient, RawClient]]:
    """A node and a GCOM that have met."""
    async with RawClient(url, room=room, name="node") as node:
        await node.hello()
        async with RawClient(url, room=room, name="gcom") as gcom:
            await gcom.hello()
            yield node, gcom


async def exchange(node: RawClient, gcom: RawClient, count: int = 20) -> float:
    """Send signals, one after the other; returns the seconds that the slowest one took."""
    slowest = 0.0
    for number in range(count):
        since = time.monotonic()
        await node.send(f'42["signal",{{"type":"offer","data":{{"n":{number}}}}}]')
        assert f'"n":{number}}}' in await gcom.next("signal")
        slowest = max(slowest, time.monotonic() - since)
    return slowest


def polling(url: str, query: str = "") -> str:
    return f"{url}/socket.io/?EIO=4&transport=polling{query}"


@pytest.mark.parametrize("js", ["js-websocket", "js-polling", "js-upgrade"])
@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
async def test_full_server_answers_503_and_the_client_retries_until_it_joins(
    visitors: Visitors, tmp_path: Path, limit: str, js: str
) -> None:
    with ServerProcess(tmp_path, limits(**{limit: 1})) as server:
        first = await visitors.join("first", url=server.url)
        second = visitors.make(js)
        await second.connect(visitors.address(server.url, name="second"), again=True)
        for _ in range(2):
            await second.next("connect_error")
        await server.line("refused a client from 127.0.0.1: server-full")
        await first.disconnect()
        await second.next("welcome")
        await visitors.leave()


@pytest.mark.parametrize("query", ["", "&sid=", "&sid", "&%73id=", "&x=1%26sid=a"])
async def test_no_spelling_of_a_handshake_evades_the_limit(tmp_path: Path, query: str) -> None:
    with ServerProcess(tmp_path, limits(connections=1)) as server:
        async with RawClient(server.url) as client:
            await client.hello()
            assert get(polling(server.url, query)).status == 503


def test_silent_client_is_closed_at_the_deadline(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, limits(connect_deadline=0.3)) as server:
        opened = get(polling(server.url))
        assert opened.status == 200  # and never sends CONNECT
        sid = json.loads(opened.body[1:])["sid"]
        deadline = time.monotonic() + PATIENCE
        while get(polling(server.url, f"&sid={sid}"), data=b"3").status == 200:
            assert time.monotonic() < deadline


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nX: y\r\n"])
async def test_unfinished_request_is_closed_at_the_deadline(tmp_path: Path, sent: bytes) -> None:
    with ServerProcess(tmp_path, limits(connect_deadline=0.3)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        since = time.monotonic()
        writer.write(sent)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        assert 0.2 < time.monotonic() - since < PATIENCE
        writer.close()


async def test_body_that_trickles_in_is_refused(tmp_path: Path) -> None:
    config = {"socketio": {"ping_interval": 1, "ping_timeout": 1}}
    with ServerProcess(tmp_path, config) as server:
        async with aiohttp.ClientSession() as session:
            opened = await (await session.get(polling(server.url))).text()
        sid = json.loads(opened[1:])["sid"]
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        target = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        writer.write(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n4".encode())
        answer = await asyncio.wait_for(reader.readline(), PATIENCE)
        assert answer.split()[1] == b"400"
        writer.close()
        assert "Traceback" not in "\n".join(server.lines)


async def test_too_large_signal_gets_an_error_and_the_connection_stays_open(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, limits(message_bytes=100)) as server:
        async with pair(server.url) as (node, gcom):
            for body in ("x" * 100, "é" * 40, "x" * 900_000):
                await node.send(f'42["signal",{{"type":"offer","data":{{"a":"{body}"}}}}]')
                error = error_in(await node.next("error"))
                assert (error["code"], error["limit"]) == ("too-large", 100)
            await exchange(node, gcom)


async def test_frame_beyond_the_transports_limit_closes_only_its_sender(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        async with pair(server.url) as (node, gcom), RawClient(server.url) as bad:
            await bad.hello()
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await bad.send("4" + "2" * 2_000_000)
            with pytest.raises(ConnectionError):
                await bad.receive()
            assert await exchange(node, gcom) < UNNOTICED


async def test_signals_beyond_the_burst_get_an_error(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, limits(messages_per_second=0.1, burst=5)) as server:
        async with pair(server.url) as (node, gcom):
            for _ in range(8):
                await node.send(f'42["signal",{OFFER}]')
            for _ in range(5):
                await gcom.next("signal")
            for _ in range(3):
                assert error_in(await node.next("error"))["code"] == "rate-limited"
            await gcom.send(f'421["signal",{OFFER}]')
            assert await gcom.next_ack() == '431[{"ok":true,"delivered":1,"held":false}]'


async def test_too_many_bad_packets_close_only_their_sender(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, limits(bad_packets=3)) as server:
        async with pair(server.url) as (node, gcom), RawClient(server.url) as bad:
            await bad.hello()
            for packet in ("49", "4x", "x", "42{}"):
                await bad.send(packet)
            with pytest.raises(ConnectionError):
                await bad.receive()
            assert await exchange(node, gcom) < UNNOTICED


@pytest.mark.parametrize("depth", [63, 64])
async def test_json_nested_deeper_than_64_levels_is_refused(tmp_path: Path, depth: int) -> None:
    with ServerProcess(tmp_path) as server:
        async with RawClient(server.url) as node:
            await node.hello()
            nested = '{"a":' * depth + "1" + "}" * depth
            await node.send(f'421["signal",{{"type":"offer","data":{nested}}}]')
            assert ('"ok":true' in await node.next_ack()) == (depth < 64)


@pytest.mark.parametrize("frame", ["4", "42", '42["signal",', "421", "2", "451-"])
async def test_server_survives_json_deeper_than_its_parser_goes(tmp_path: Path, frame: str) -> None:
    with ServerProcess(tmp_path) as server:
        async with pair(server.url) as (node, gcom), RawClient(server.url) as bad:
            await bad.hello()
            await bad.send(frame + "[" * 100_000)
            await bad.send(frame + '{"a":' * 100_000)
            assert await exchange(node, gcom) < UNNOTICED
        assert "Traceback" not in "\n".join(server.lines)


@pytest.mark.parametrize("bound", ["send_queue_messages", "send_queue_bytes"])
@pytest.mark.parametrize("fast_path", [True, False])
async def test_stalled_reader_is_closed_and_others_see_no_delay(
    tmp_path: Path, bound: str, fast_path: bool
) -> None:
    config = {
        **limits(
            messages_per_second=1e6, burst=10**6, **{bound: 300_000 if "b" in bound[-5:] else 20}
        ),
        "socketio": {"fast_path": fast_path},
    }
    body = "x" * 100_000
    with ServerProcess(tmp_path, config) as server:
        async with pair(server.url) as good, RawClient(server.url, name="stalled") as stalled:
            await stalled.hello()
            stalled.stop_reading()
            async with RawClient(server.url, name="talker") as talker:
                await talker.hello()
                slowest = 0.0
                closed = asyncio.ensure_future(talker.next("peer_left"))  # noqa: TID251
                while not closed.done():
                    await talker.send(f'42["signal",{{"type":"offer","data":{{"a":"{body}"}}}}]')
                    slowest = max(slowest, await exchange(*good, count=1))
                left = error_in(closed.result())
        assert left == {"peer_id": "stalled", "name": "stalled", "reason": "slow-consumer"}
        assert slowest < UNNOTICED
        await server.line("connection of stalled from 127.0.0.1 ended .slow-consumer")


async def test_polling_client_that_does_not_poll_is_closed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, limits(send_queue_messages=20)) as server:
        async with aiohttp.ClientSession() as session, RawClient(server.url) as node:
            opened = await (await session.get(polling(server.url, "&name=lazy"))).text()
            url = polling(server.url, f"&sid={json.loads(opened[1:])['sid']}")
            await session.post(url, data="40")
            await node.hello()
            for _ in range(25):
                await node.send(f'42["signal",{OFFER}]')
            assert error_in(await node.next("peer_left"))["reason"] == "slow-consumer"


@pytest.mark.parametrize(
    "packet", ['42["signal",{}]', f'421["signal",{OFFER}]', '42["ice_servers"]']
)
async def test_client_that_fetches_no_answers_is_closed(tmp_path: Path, packet: str) -> None:
    """Otherwise its own errors and answers pile up without a bound."""
    config = limits(send_queue_messages=20, burst=10)
    with ServerProcess(tmp_path, config) as server:
        async with aiohttp.ClientSession() as session, RawClient(server.url) as node:
            await node.hello()
            opened = await (await session.get(polling(server.url, "&name=lazy"))).text()
            url = polling(server.url, f"&sid={json.loads(opened[1:])['sid']}")
            await session.post(url, data="\x1e".join(["40", *[packet] * 40]))
            assert error_in(await node.next("peer_left"))["reason"] == "slow-consumer"


async def test_polling_client_has_one_poll_at_a_time(tmp_path: Path) -> None:
    """Otherwise each poll gets a whole send queue, and the unread answers add up."""
    with ServerProcess(tmp_path) as server:
        async with aiohttp.ClientSession() as session:
            opened = await (await session.get(polling(server.url))).text()
            url = polling(server.url, f"&sid={json.loads(opened[1:])['sid']}")
            await session.post(url, data="40")
            await (await session.get(url)).text()
            answers = await asyncio.gather(session.get(url), session.get(url))
            assert 400 in [answer.status for answer in answers]


async def test_unread_answer_to_a_poll_closes_the_connection(tmp_path: Path) -> None:
    config = {"socketio": {"ping_interval": 1, "ping_timeout": 1}}
    with ServerProcess(tmp_path, config) as server:
        async with RawClient(server.url, name="node") as node:
            await node.hello()
            caller = socket.socket()
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.connect(("127.0.0.1", server.port))
            reader, writer = await asyncio.open_connection(sock=caller, limit=1024)
            target = "/socket.io/?EIO=4&transport=polling"
            writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            opened = await reader.readuntil(b'"upgrades"')
            target += "&sid=" + opened.decode().split('"')[3]
            post = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n40"
            writer.write(post.encode())
            await node.next("peer_joined")
            for _ in range(8):
                body = "x" * 250_000
                await node.send(f'42["signal",{{"type":"offer","data":{{"a":"{body}"}}}}]')
            writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await node.next("peer_left")
            caller.close()
            await node.send(f'421["signal",{OFFER}]')
            await node.next_ack()


@pytest.mark.parametrize(("room", "code"), [("a", "room-full"), ("b", "server-full")])
async def test_peers_in_a_room_and_rooms_are_limited(tmp_path: Path, room: str, code: str) -> None:
    config = {"rooms": {"max_peers": 2, "max_rooms": 2, "default": "open"}}
    with ServerProcess(tmp_path, config) as server:
        async with pair(server.url, "a"), RawClient(server.url, room="open") as other:
            await other.hello()
            assert get(polling(server.url, f"&room={room}")).status == 503
            await server.line(f"refused .* {code}: ")
            async with RawClient(server.url) as late:
                await late.send(f'40{{"room":"{room}"}}')
                assert error_in(await late.next("error"))["code"] == code
                with pytest.raises(ConnectionError):
                    await late.receive()


async def test_held_signals_are_limited(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"hold": {"max_messages": 2}}) as server:
        async with RawClient(server.url) as node:
            await node.hello()
            for _ in range(3):
                await node.send('421["signal",{"type":"ice-candidate"}]')
            answers = [await node.next_ack() for _ in range(3)]
            assert ["hold-full" in answer for answer in answers] == [False, False, True]


async def test_signals_for_an_away_peer_are_limited(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"resume": {"max_messages": 2}}) as server:
        async with RawClient(server.url, name="node") as node:
            await node.hello()
            gcom = RawClient(server.url, name="gcom")
            async with gcom:
                await gcom.send('40{"session":"s"}')
                await gcom.next("welcome")
                gcom._socket._response.connection.transport.abort()  # type: ignore[union-attr]
                await server.line("room default: gcom lost its connection")
                for _ in range(3):
                    await node.send('421["signal",{"type":"ice-candidate"}]')
                answers = [await node.next_ack() for _ in range(3)]
                assert ["hold-full" in answer for answer in answers] == [False, False, True]


async def test_full_memory_affects_only_clients_above_their_share(tmp_path: Path) -> None:
    config = {
        **limits(memory_bytes=2_000_000, connections=20, messages_per_second=1e6, burst=10**6),
        "hold": {"max_bytes": 4_000_000},
    }
    body = "x" * 20_000
    signal = f'421["signal",{{"type":"ice-candidate","data":{{"a":"{body}"}}}}]'
    with ServerProcess(tmp_path, config) as server:
        async with pair(server.url) as (node, gcom), RawClient(server.url, room="greedy") as greedy:
            await greedy.hello()
            answers = []
            for _ in range(120):
                await greedy.send(signal)
                answers.append(await greedy.next_ack())
            assert "the server has no memory left for held signals" in answers[-1]
            assert '"ok":true' in answers[0]
            assert await exchange(node, gcom) < UNNOTICED


async def test_unfinished_messages_count_against_the_memory(tmp_path: Path) -> None:
    """aiohttp buffers an unfinished frame: up to a million bytes for each client."""
    half = b"\x01\xfe" + (50_000).to_bytes(2, "big") + b"\0\0\0\0" + b"4" * 50_000
    with ServerProcess(tmp_path, limits(memory_bytes=500_000, connections=50)) as server:
        async with pair(server.url) as (node, gcom):
            clients = [RawClient(server.url, room="halves") for _ in range(12)]
            async with contextlib.AsyncExitStack() as stack:
                for client in clients:
                    await stack.enter_async_context(client)
                    await client.hello()
                    transport: Any = client._socket._response.connection.transport  # type: ignore[union-attr]
                    transport.write(half)
                ended = [asyncio.ensure_future(client.next("none")) for client in clients]  # noqa: TID251
                done, waiting = await asyncio.wait(
                    ended, timeout=PATIENCE, return_when=asyncio.FIRST_EXCEPTION
                )
                assert done
                assert await exchange(node, gcom) < UNNOTICED
                for task in waiting:
                    task.cancel()
                await asyncio.gather(*ended, return_exceptions=True)


def test_start_warns_of_more_connections_than_descriptors(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, limits(connections=2_000_000)) as server:
        server.wait_for_line(r"limits.connections is 2000000 and .* requires \d+ open files")
