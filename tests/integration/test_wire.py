"""What is on the wire, byte for byte."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Iterator

import aiohttp
import pytest

from integration.raw import RawClient
from integration.server import PATIENCE, ServerProcess

BODIES = [
    '{"type":"offer","data":{"sdp":"v=0\\r\\n","type":"offer"}}',
    '{"data":{"z":1,"a":2,"m":{"y":[],"b":{}}},"type":"answer","extra":null}',
    '{"type":"ice-candidate","data":null}',
    '{"type":"ice-candidate"}',
    '{"type":"ice-candidate","data":{"candidate":"","sdpMid":"","sdpMLineIndex":0}}',
    '{"type":"offer","data":{"f":[1.0,1.50,-0.0,1e400,-1E+5,0.1e-400,3.141592653589793238462]}}',
    '{"type":"offer","data":{"i":[18446744073709551616,-9223372036854775809,' + "1" * 5000 + "]}}",
    '{"type":"offer","data":{"lone":"\\ud800 \\udfff\\uD83D","nul":"\\u0000","esc":"\\u00e9\\/"}}',
    '{"type":"offer","data":{"text":"Grüße, 日本語, 🚁, \u2028, \x7f"}}',
    '{"type":"offer","data":{"same":1,"same":2},"more":[],"more":{}}',
    '{ "type" :\t"offer" , "data" : { "spaced" : [ 1 , 2 ] } }',
    '{"type":"offer","data":{},"":"","seq":7,"ünï":[[[[]]]]}',
    '{"type":"offer","data":{"looks":"like,\\"from\\":\\"gcom\\"}]"}}',
]


@pytest.fixture(scope="module", params=[True, False], ids=["fast path", "slow path"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Fast path and slow path must give the same."""
    config = {"socketio": {"fast_path": request.param}}
    with ServerProcess(tmp_path_factory.mktemp("server"), config) as server:
        yield server


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:40])
async def test_signal_arrives_as_it_was_sent(server: ServerProcess, room: str, body: str) -> None:
    async with RawClient(server.url, room=room, name="node") as node:
        await node.hello()
        await node.send(f'42["signal",{body}]')
        async with RawClient(server.url, room=room, name="gcom") as gcom:
            await gcom.hello()
            held = await gcom.next("signal")
            await node.send(f'42["signal",{body}]')
            live = await gcom.next("signal")
    assert held == live == f'42["signal",{body[:-1]},"from":"node"}}]'


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        (
            '{"from":"gcom","type":"offer","data":{}}',
            '{"type":"offer","data":{},"from":"node"}',
        ),
        (
            '{"type":"offer","data":{"from":"kept"},"from":{"a":[1]},"from":"twice"}',
            '{"type":"offer","data":{"from":"kept"},"from":"node"}',
        ),
        (
            '{"type":"offer","\\u0066rom":"escaped","data":{"n":1.0}}',
            '{"type":"offer","data":{"n":1.0},"from":"node"}',
        ),
    ],
)
async def test_senders_own_from_is_taken_out(
    server: ServerProcess, room: str, sent: str, heard: str
) -> None:
    async with RawClient(server.url, room=room, name="node") as node:
        await node.hello()
        async with RawClient(server.url, room=room, name="gcom") as gcom:
            await gcom.hello()
            await node.send(f'42["signal",{sent}]')
            assert await gcom.next("signal") == f'42["signal",{heard}]'


async def test_nothing_is_sent_before_the_connect_answer(server: ServerProcess, room: str) -> None:
    url = server.url
    async with RawClient(url, room=room, name="node") as node:
        await node.hello()
        await node.send('42["signal",{"type":"offer","data":{}}]')
        async with RawClient(url, room=room, name="gcom") as gcom:
            await gcom.send("40")
            heard = [await gcom.receive() for _ in range(4)]
            assert [text.partition(",")[0] for text in heard] == [
                heard[0],
                '42["welcome"',
                '42["peer_joined"',
                '42["signal"',
            ]
            assert set(json.loads(heard[0][2:])) == {"sid"}


async def test_the_same_over_polling(server: ServerProcess, room: str) -> None:
    endpoint = f"{server.url}/socket.io/?EIO=4&transport=polling&room={room}&name=gcom"
    timeout = aiohttp.ClientTimeout(PATIENCE)
    async with RawClient(server.url, room=room, name="node") as node:
        await node.hello()
        await node.send('42["signal",{"type":"offer","data":{}}]')
        async with aiohttp.ClientSession(timeout=timeout) as session:
            opened = await (await session.get(endpoint)).text()
            endpoint += f"&sid={json.loads(opened[1:])['sid']}"
            await session.post(endpoint, data="40")
            heard: list[str] = []
            while len(heard) < 4:
                answer = await (await session.get(endpoint)).text()
                heard += answer.split("\x1e")
            assert heard[0].startswith('40{"sid":')
            events = [text.partition('"')[2].partition('"')[0] for text in heard[1:]]
            assert events == ["welcome", "peer_joined", "signal"]
            await session.post(endpoint, data="1")


@pytest.mark.parametrize("size", [262144, 262145])
async def test_limit_on_a_signal_is_exact(server: ServerProcess, room: str, size: int) -> None:
    empty = '{"type":"offer","data":{"sdp":""}}'
    body = empty.replace('""', '"' + "x" * (size - len(empty)) + '"')
    async with RawClient(server.url, room=room) as node:
        await node.hello()
        await node.send(f'421["signal",{body}]')
        if size == 262144:
            assert await node.receive() == '431[{"ok":true,"delivered":0,"held":true}]'
        else:
            error = json.loads((await node.next("error"))[2:])[1]
            assert (error["code"], error["limit"]) == ("too-large", 262144)
            assert '"too-large"' in await node.receive()


MALFORMED = ["4abc", "42{}", "49", "7", "42", "42[]", "42[1]", "x", "40", "42[" * 1000]


async def test_malformed_packets_end_a_connection_only_when_they_are_many(
    server: ServerProcess, room: str
) -> None:
    async with RawClient(server.url, room=room) as node:
        await node.hello()
        for packet in MALFORMED:
            await node.send(packet)
        await node.send('421["signal",{"type":"offer","data":{}}]')
        assert (await node.receive()).startswith('431[{"ok":true')
        await node.send("49")  # the eleventh: limits.bad_packets is 10
        with pytest.raises(ConnectionError):
            await node.receive()


async def test_client_that_does_not_say_hello_is_closed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"limits": {"connect_deadline": 0.2}}) as server:
        async with RawClient(server.url) as silent, RawClient(server.url) as node:
            await node.hello()
            with pytest.raises(ConnectionError):
                await silent.receive()
            await node.send('421["signal",{"type":"offer","data":{}}]')
            assert (await node.receive()).startswith('431[{"ok":true')
        await server.line("refused a client from 127.0.0.1: invalid-format: no CONNECT in 0.2 s")
        async with aiohttp.ClientSession() as session:
            page = await (await session.get(f"{server.url}/metrics")).text()
        assert 'hawkeye_rejected_total{code="invalid-format"} 1\n' in page


async def _polling_session(url: str, room: str) -> str:
    """The path and query of a client that polls and has said hello."""
    endpoint = f"/socket.io/?EIO=4&transport=polling&room={room}&name=node"
    timeout = aiohttp.ClientTimeout(PATIENCE)
    async with aiohttp.ClientSession(url, timeout=timeout) as session:
        opened = await (await session.get(endpoint)).text()
        endpoint += f"&sid={json.loads(opened[1:])['sid']}"
        await session.post(endpoint, data="40")
        await session.get(endpoint)
    return endpoint


async def _begin_to_post(
    server: ServerProcess, endpoint: str, length: int, beginning: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the beginning of a body, and let the server have it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST {endpoint} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
    writer.write(head.encode() + beginning)
    await writer.drain()
    await asyncio.sleep(0.1)  # were it too short, the test would only be easier to pass
    return reader, writer


async def test_body_that_comes_in_pieces_is_read_whole(server: ServerProcess, room: str) -> None:
    body = b'42["signal",{"type":"offer","data":{"sdp":"v=0"}}]'
    async with RawClient(server.url, room=room, name="gcom") as gcom:
        await gcom.hello()
        endpoint = await _polling_session(server.url, room)
        reader, writer = await _begin_to_post(server, endpoint, len(body), body[:20])
        writer.write(body[20:])
        assert (await asyncio.wait_for(reader.readline(), PATIENCE)).split()[1] == b"200"
        writer.close()
        signal = await gcom.next("signal")
        assert signal == f'{body[:-2].decode()},"from":"node"}}]'


async def test_bad_body_is_answered_though_something_waits_to_be_fetched(
    server: ServerProcess, room: str
) -> None:
    endpoint = await _polling_session(server.url, room)
    async with aiohttp.ClientSession(server.url) as session:
        await session.post(endpoint, data='421["report",{}]')  # its answer waits for a GET
        answer = await asyncio.wait_for(session.post(endpoint, data="6"), PATIENCE)
        assert answer.status == 400


async def test_body_that_breaks_off_ends_the_connection_quietly(
    server: ServerProcess, room: str
) -> None:
    async with RawClient(server.url, room=room, name="gcom") as gcom:
        await gcom.hello()
        endpoint = await _polling_session(server.url, room)
        _, writer = await _begin_to_post(server, endpoint, 100, b'42["signal",{"type"')
        writer.transport.abort()
        left = json.loads((await gcom.next("peer_left"))[2:])[1]
        assert left["peer_id"] == "node"
    assert "Traceback" not in "\n".join(server.lines)
