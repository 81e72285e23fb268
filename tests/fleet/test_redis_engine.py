"""The engine against a real Redis: order, deadlines, and coming back after each kind of loss."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable

import pytest

from fleet.hosts import Host, Hosts
from fleet.proxy import Proxy
from fleet.redis_server import RedisServer
from signaling_server.fleet import redis_connection
from signaling_server.fleet.engine import EngineLost

LONG = 5.0
"""Seconds: far more than each deadline. What takes as long has none."""


@pytest.fixture
def proxy(redis: RedisServer, loop: asyncio.AbstractEventLoop) -> Any:
    proxy = loop.run_until_complete(Proxy(redis.port).start())
    yield proxy
    proxy.open.set()
    loop.run_until_complete(proxy.stop())


async def lost(call: Awaitable[object]) -> str:
    """Why a call raised EngineLost; it has to do so soon."""
    with pytest.raises(EngineLost) as error:
        await asyncio.wait_for(call, LONG)
    return str(error.value)


async def meets(one: Host, other: Host, text: str) -> None:
    """`one` sends a text, and `other` hears it."""
    assert await one.engine.publish(other.instance, text) == 1
    await other.until(lambda: text in other.heard)


# --- messages -------------------------------------------------------------------------------------


async def test_messages_come_once_and_in_order(shared_redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(shared_redis.url, "a")
    b = await hosts.start(shared_redis.url, "b")
    texts = [f"{number}" for number in range(5000)]
    receivers = await asyncio.gather(*(a.engine.publish("b", text) for text in texts))
    assert receivers == [1] * 5000
    await b.until(lambda: len(b.heard) >= 5000)
    assert (b.heard, a.heard) == (texts, [])


@pytest.mark.parametrize(
    "text", ["1\x1fa\x1eb", "Zürich 🚁\r\n$5\r\n", "x" * 3_000_000, "\x00", ""], ids=range(5)
)
async def test_any_text_arrives_as_it_was_sent(
    shared_redis: RedisServer, hosts: Hosts, text: str
) -> None:
    a = await hosts.start(shared_redis.url)
    await meets(a, a, text)


async def test_nobody_listens_for_a_host_that_has_stopped(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    a = await hosts.start(shared_redis.url, "a")
    b = await hosts.start(shared_redis.url, "b")
    await meets(a, b, "hello")
    await b.engine.stop()
    assert await a.engine.publish("b", "are you there?") == 0


async def test_message_that_cannot_be_handled_does_not_end_the_connection(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    a = await hosts.start(shared_redis.url)
    hear = a.heard.append

    def refuse(text: str) -> None:
        hear(text)
        raise ValueError

    connection = a.engine._subscriber
    assert connection
    connection._heard = refuse
    await a.engine.publish("a", "one")
    await a.engine.publish("a", "two")
    await a.engine.beat("record", 60_000)  # its PONG comes after both
    assert (a.heard, a.changes) == (["one", "two"], [True])


async def test_bytes_that_are_no_text_do_not_end_the_connection(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    a = await hosts.start(shared_redis.url)
    shared_redis.ask(
        "EVAL", r"return redis.call('PUBLISH', KEYS[1], '\255')", "1", f"{hosts.prefix}:in:a"
    )
    await a.until(lambda: bool(a.heard))
    await meets(a, a, "hello")
    assert a.changes == [True]


# --- answers --------------------------------------------------------------------------------------


async def test_answer_to_a_cancelled_command_goes_to_no_other(
    redis: RedisServer, proxy: Proxy, hosts: Hosts
) -> None:
    await hosts.start(redis.url, "b")
    a = await hosts.start(f"redis://127.0.0.1:{proxy.port}", "a")
    proxy.open.clear()
    claim = asyncio.ensure_future(a.engine.claim(["one"]))  # noqa: TID251
    others = [asyncio.ensure_future(a.engine.publish(to, "x")) for to in ("b", "nobody")]  # noqa: TID251
    await asyncio.sleep(0)
    claim.cancel()
    await asyncio.wait([claim])
    proxy.open.set()
    assert [await each for each in others] == [1, 0]
    assert await a.engine.claim(["one"]) == ["a"]
    assert a.changes == [True]


async def test_late_answer_costs_the_connection_and_reaches_nobody(
    redis: RedisServer, proxy: Proxy, hosts: Hosts
) -> None:
    await hosts.start(redis.url, "b")
    a = await hosts.start(f"redis://127.0.0.1:{proxy.port}", "a")
    proxy.open.clear()
    late, behind = await asyncio.gather(
        lost(a.engine.publish("nobody", "x")), lost(a.engine.claim(["one"]))
    )
    assert late == behind == f"redis://127.0.0.1:{proxy.port} does not answer in 1.5 s"
    await a.until_changes(True, False)
    assert await lost(a.engine.publish("b", "x")) == late  # at once: nothing to wait for
    proxy.open.set()
    await a.until_changes(True, False, True)
    answers = await asyncio.gather(a.engine.publish("b", "x"), a.engine.publish("nobody", "x"))
    assert answers == [1, 0]


async def test_callers_do_not_wait_for_a_socket_that_takes_no_more(
    redis: RedisServer, proxy: Proxy, hosts: Hosts
) -> None:
    a = await hosts.start(f"redis://127.0.0.1:{proxy.port}", "a")
    proxy.open.clear()
    megabyte = "x" * 1_000_000
    await asyncio.gather(*(lost(a.engine.publish("b", megabyte)) for _ in range(30)))
    proxy.open.set()
    await a.until_changes(True, False, True)
    assert await a.engine.publish("b", megabyte) == 0


# --- losses ---------------------------------------------------------------------------------------


async def test_redis_that_restarts_empty_is_found_again(redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(redis.url, "a")
    b = await hosts.start(redis.url, "b")
    await a.engine.claim(["one"])
    redis.kill()
    await a.until_changes(True, False)
    assert str(redis.port) in await lost(a.engine.claim(["one"]))
    redis.start()
    await asyncio.gather(a.until_changes(True, False, True), b.until_changes(True, False, True))
    assert await b.engine.beat("record", 60_000) is False
    await asyncio.gather(a.announce(), b.announce())
    assert await b.engine.claim(["one"]) == ["b"]
    await meets(a, b, "again")


async def test_both_subscriptions_are_back_before_changed_says_so(
    redis: RedisServer, hosts: Hosts
) -> None:
    a = await hosts.start(redis.url, "a")
    for times in range(1, 4):
        redis.ask("CLIENT", "KILL", "TYPE", "pubsub")
        await a.until_changes(*([True, False] * times), True)
        await meets(a, a, f"{times}")


async def test_cut_connections_are_opened_again(
    redis: RedisServer, proxy: Proxy, hosts: Hosts
) -> None:
    a = await hosts.start(f"redis://127.0.0.1:{proxy.port}", "a")
    for times in range(1, 4):
        proxy.cut()
        await a.until_changes(*([True, False] * times), True)
        await meets(a, a, f"{times}")


async def test_frozen_redis_is_noticed_by_a_beat_and_found_again(
    redis: RedisServer, hosts: Hosts
) -> None:
    a = await hosts.start(redis.url, "a")
    redis.freeze()
    assert "does not answer" in await lost(a.engine.beat("record", 60_000))
    await a.until_changes(True, False)
    redis.thaw()
    await a.until_changes(True, False, True)
    assert await a.engine.beat("record", 60_000) is True
    await meets(a, a, "again")


async def test_dead_subscription_is_noticed_while_commands_are_answered(
    redis: RedisServer, proxy: Proxy, hosts: Hosts
) -> None:
    a = await hosts.start(f"redis://127.0.0.1:{proxy.port}", "a")
    assert proxy.accepted == 2
    proxy.muted.add(1)
    assert await a.engine.publish("a", "unheard") == 1
    assert "does not answer" in await lost(a.engine.beat("record", 60_000))
    await a.until_changes(True, False, True)
    await meets(a, a, "heard")
    assert "unheard" not in a.heard


async def test_each_try_to_connect_into_a_black_hole_ends(
    redis: RedisServer, proxy: Proxy, hosts: Hosts
) -> None:
    a = await hosts.start(f"redis://127.0.0.1:{proxy.port}", "a")
    before = proxy.accepted
    proxy.open.clear()
    proxy.cut()
    await proxy.until_accepted(before + 3)  # a try without a deadline would be the last
    assert a.changes == [True, False]
    proxy.open.set()
    await a.until_changes(True, False, True)
    await meets(a, a, "again")


async def test_host_starts_without_redis_and_finds_it_later(
    redis: RedisServer, hosts: Hosts
) -> None:
    redis.kill()
    a = await hosts.start(redis.url, "a", announced=False)
    assert a.changes == []
    for call in (
        *(a.engine.beat("", 1), a.engine.announce("", 1), a.engine.hosts(), a.engine.leave()),
        *(a.engine.claim(["one"]), a.engine.release(["one"]), a.engine.bury("b", True)),
        a.engine.publish("b", "x"),
    ):
        assert str(redis.port) in await lost(call)
    redis.start()
    await a.until_changes(True)
    await a.announce()
    await meets(a, a, "hello")


async def test_redis_that_refuses_commands_is_lost(redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(redis.url, "a")
    redis.ask("CONFIG", "SET", "min-replicas-to-write", "1")  # NOREPLICAS
    assert "Redis refuses EVALSHA" in await lost(a.engine.announce("record", 60_000))
    await a.until_changes(True, False)


async def test_stop_ends_all_connections_and_tasks(
    redis: RedisServer, proxy: Proxy, hosts: Hosts
) -> None:
    a = await hosts.start(f"redis://127.0.0.1:{proxy.port}", "a")
    proxy.open.clear()
    call = asyncio.ensure_future(lost(a.engine.publish("a", "x")))  # noqa: TID251
    await asyncio.sleep(0)
    await asyncio.wait_for(a.engine.stop(), LONG)
    await call
    assert await lost(a.engine.publish("a", "x")) == "stopped"
    assert a.changes == [True]
    ours = [task for task in asyncio.all_tasks() if "signaling_server" in repr(task.get_coro())]
    assert ours == []


async def test_no_default_of_the_library_is_in_force(
    shared_redis: RedisServer, hosts: Hosts
) -> None:
    """redis-py 8 ends a read after 5 s, and speaks RESP3, unless told otherwise."""
    a = await hosts.start(shared_redis.url, "a")
    for connection in (a.engine._commands, a.engine._subscriber):
        assert isinstance(connection, redis_connection.RedisConnection)
        assert connection._connection.socket_timeout is None
        assert connection._connection.health_check_interval == 0
        assert getattr(connection._connection, "protocol", 2) == 2
