from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from signaling_server.core.protocol.limits import Budget
from signaling_server.transport.engine.packets import MAX_PACKETS
from signaling_server.transport.engine.polling import (
    address_in,
    forget_environ,
    forget_request,
    query_of,
    read_body,
    translate_request,
    upgrades,
)
from unit.test_endpoint import Request

SEPARATOR = "\x1e"


def read(
    body: bytes,
    most: int = 10**6,
    budget: Budget | None = None,
    cut: int = 0,
    whole: bool = False,
) -> list[str]:
    async def play() -> list[str]:
        request: Any = Request("POST", "", body)
        request.content_length += cut
        request.content.whole = whole
        return await read_body(request, most, budget or Budget(10**6), 10)

    return asyncio.run(play())


@pytest.mark.parametrize("whole", [False, True])
def test_packets_of_a_body_are_read_without_attachments(whole: bool) -> None:
    body = SEPARATOR.join(["40", '42["signal",{}]', "bAAAA", "3"]).encode()
    assert read(body, whole=whole) == ["40", '42["signal",{}]', "3"]


@pytest.mark.parametrize("body", [b"x", b"4[", b"40\x1ex", b"40\x1e", b"\xff"])
def test_body_with_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"no packet|decode"):
        read(body)


def test_body_has_a_bounded_number_of_packets() -> None:
    most = SEPARATOR.join(["3"] * MAX_PACKETS).encode()
    assert len(read(most)) == MAX_PACKETS
    with pytest.raises(ValueError, match="no packet"):
        read(most + b"\x1e3")


def test_body_is_bounded_in_bytes() -> None:
    assert read(b"40", most=2) == ["40"]
    with pytest.raises(ValueError, match="no room"):
        read(b"401", most=2)


@pytest.mark.parametrize("body", [b"40", b"40\x1e41", b""])
def test_body_whose_length_is_not_known_is_read_to_its_end(body: bytes) -> None:
    budget = Budget(10**6)

    async def play(most: int) -> list[str]:
        request: Any = Request("POST", "", body)
        request.content_length = None
        return await read_body(request, most, budget, 10)

    if body:
        assert asyncio.run(play(len(body))) == body.decode().split(SEPARATOR)
        with pytest.raises(ValueError, match="no room"):
            asyncio.run(play(len(body) - 1))
    else:
        with pytest.raises(ValueError, match="no packet"):
            asyncio.run(play(10))
    assert budget.used == 0


def test_packets_that_are_no_events_take_from_the_rate() -> None:
    left = iter([True, True, False])

    async def play(text: str) -> list[str]:
        request: Any = Request("POST", "", text.encode())
        return await read_body(request, 1000, Budget(10**6), 10, lambda: next(left))

    assert asyncio.run(play("3\x1e40\x1e41\x1e6"))
    with pytest.raises(ValueError, match="too many"):
        asyncio.run(play("40\x1e3"))


def test_body_that_is_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match="incomplete"):
        read(b"40", cut=1)


def test_body_counts_to_the_memory_while_it_is_read() -> None:
    budget = Budget(total=100, share=10)
    budget.charge(90)
    assert read(b"4" + b"0" * 9, budget=budget) == ["4" + "0" * 9]
    with pytest.raises(ValueError, match="no room"):
        read(b"4" + b"0" * 10, budget=budget)
    assert budget.used == 90


def test_engine_io_gets_the_body_and_the_query_as_they_were_sent() -> None:
    request = make_mocked_request("POST", "/socket.io/?name=a%2526b")
    environ = translate_request(request, ["40", "3"])
    assert environ["QUERY_STRING"] == query_of(request) == "name=a%2526b"
    assert asyncio.run(environ["wsgi.input"].read(2)) == b"40\x1e3"


@pytest.mark.parametrize(
    ("upgrade", "connection", "does"),
    [
        ("websocket", "Upgrade", True),
        ("WebSocket", "keep-alive, upgrade", True),
        ("websocket", "keep-alive", False),
        ("h2c", "Upgrade", False),
        ("", "", False),
    ],
)
def test_upgrade_needs_both_headers(upgrade: str, connection: str, does: bool) -> None:
    headers = CIMultiDict({"Upgrade": upgrade, "Connection": connection})
    assert upgrades(make_mocked_request("GET", "/", headers=headers)) is does


def test_environ_is_forgotten_but_for_its_request() -> None:
    request = make_mocked_request("GET", "/socket.io/?EIO=4")
    environ = translate_request(request)
    forget_environ(environ)
    assert environ == {"aiohttp.request": request}


def test_request_is_forgotten_but_for_the_address() -> None:
    environ = {"aiohttp.request": SimpleNamespace(remote="192.0.2.1"), "REMOTE_ADDR": "127.0.0.1"}
    assert address_in(environ) == "192.0.2.1"
    forget_request(environ)
    assert environ == {"REMOTE_ADDR": "192.0.2.1"}
    assert address_in(environ) == "192.0.2.1"
    assert address_in({"aiohttp.request": SimpleNamespace(remote=None)}) == ""
