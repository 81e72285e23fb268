"""What a measurement is made of is started on core 0, and ended."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Sequence
from urllib.parse import urlsplit

import aiohttp
import pytest

from benchmarks.rows import OURS, PLAIN, Run
from benchmarks.running import DoesNotStartError, running
from benchmarks.servers import Server, servers
from fleet.redis_server import RedisServer
from needs import missing

HTTP = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]
MUTE = [sys.executable, "-c", "raise SystemExit('no such option')"]


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = missing("tests/fleet")
    if sentence:
        pytest.fail(sentence, pytrace=False)
    monkeypatch.setattr("benchmarks.running.BUILD", tmp_path)
    monkeypatch.setattr("benchmarks.servers.BUILD", tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("of the tests\n")
    monkeypatch.setattr("benchmarks.servers.SECRET", secret)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def hosts(asked: list[tuple[str, str]], meet: bool = True) -> Server:
    """A server whose hosts note which Redis and name they get."""

    def host(url: str, name: str) -> list[str]:
        asked.append((url, name))
        return HTTP

    def together(ports: Sequence[int], redis: RedisServer) -> bool:
        assert redis.ask("PING") == "PONG"
        return meet and len(ports) == 2

    return Server(HTTP, host=host, together=together)


@pytest.mark.parametrize(("fleet", "called"), [("across", 2), ("local", 1)])
def test_fleet_is_two_hosts_and_their_redis_on_core_0(fleet: str, called: int) -> None:
    asked: list[tuple[str, str]] = []
    with running(hosts(asked), Run(fleet=fleet)) as (pids, ports, _):
        assert len(set(pids)) == 3
        assert len(set(ports)) == called
        assert [os.sched_getaffinity(pid) for pid in pids] == [{0}] * 3
    assert [name for _, name in asked] == ["a", "b"]
    assert len({url for url, _ in asked}) == 1
    assert not any(alive(pid) for pid in pids)


def test_hosts_that_do_not_meet_are_no_figure_and_are_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmarks.running.TO_MEET", 0.0)
    asked: list[tuple[str, str]] = []
    apart = running(hosts(asked, meet=False), Run(fleet="across"))
    with pytest.raises(DoesNotStartError, match="do not meet"), apart:
        pass
    port = urlsplit(asked[0][0]).port
    assert port
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_server_that_ends_at_once_says_why() -> None:
    with pytest.raises(DoesNotStartError, match="no such option"), running(Server(MUTE), Run()):
        pass


def test_one_server_is_started_without_redis() -> None:
    with running(Server(HTTP), Run()) as (pids, ports, start):
        assert (len(pids), len(ports)) == (1, 1)
        assert start > 0


async def call(session: aiohttp.ClientSession, port: int) -> aiohttp.ClientWebSocketResponse:
    """A client in the room `call`."""
    query = "EIO=4&transport=websocket&room=call"
    client = await session.ws_connect(f"http://127.0.0.1:{port}/socket.io/?{query}")
    await client.send_str("40")
    while not (await client.receive_str()).startswith("40"):
        pass
    return client


async def signal_passes(ports: Sequence[int]) -> bool:
    """Whether a signal from one port to the other arrives."""
    async with aiohttp.ClientSession() as session:
        sender, receiver = [await call(session, port) for port in ports]
        await sender.send_str('42["signal",{"type":"offer","data":{"type":"offer","sdp":"v=0"}}]')
        while not (await receiver.receive_str()).startswith('42["signal"'):
            pass
        return True


@pytest.mark.parametrize("column", [OURS, PLAIN])
def test_signal_passes_from_host_to_host(column: str) -> None:
    server = servers({}, None, None)[column]
    with running(server, Run(fleet="across")) as (_, ports, _):
        assert asyncio.run(asyncio.wait_for(signal_passes(ports), 10))
