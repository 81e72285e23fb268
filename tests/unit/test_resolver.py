"""Names are resolved off the loop."""

from __future__ import annotations

import asyncio
import errno
import threading
from typing import Any, Coroutine

import pytest

from signaling_server.appliance import resolver as resolver_module
from signaling_server.appliance.resolver import Resolver, addresses_of


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 10))


def test_addresses_of_this_machine_and_of_an_address() -> None:
    assert "127.0.0.1" in addresses_of("localhost")
    assert addresses_of("::1") == ["::1"]


def test_loop_goes_on_while_a_name_is_resolved_and_the_name_is_asked_once() -> None:
    go_on = threading.Event()
    asked = []

    def lookup(host: str) -> list[str]:
        asked.append(host)
        go_on.wait(10)
        return ["10.0.0.1"]

    async def scene() -> None:
        resolver = Resolver(lookup)
        impatient = asyncio.gather(resolver.resolve("a"))
        await asyncio.sleep(0)
        impatient.cancel()  # it gives up, and the next one hears the answer to its question
        second = asyncio.gather(resolver.resolve("a"), resolver.resolve("a"))
        await asyncio.sleep(0)
        go_on.set()
        assert await second == [["10.0.0.1"], ["10.0.0.1"]]
        assert asked == ["a"]
        assert await resolver.resolve("a") == ["10.0.0.1"]
        assert asked == ["a", "a"]

    run(scene())


def test_few_names_are_resolved_at_a_time() -> None:
    go_on = threading.Event()

    def lookup(host: str) -> list[str]:
        go_on.wait(10)
        return [host]

    async def scene() -> None:
        resolver = Resolver(lookup)
        names = [f"name-{number}" for number in range(resolver_module.AT_ONCE)]
        asking = asyncio.gather(*map(resolver.resolve, names))
        await asyncio.sleep(0)
        with pytest.raises(OSError, match="too many names") as raised:
            await resolver.resolve("one-more")
        assert raised.value.errno == errno.ENOBUFS
        go_on.set()
        assert await asking == [[name] for name in names]
        assert await resolver.resolve("one-more") == ["one-more"]

    run(scene())


@pytest.mark.parametrize("error", [OSError(-2, "Name or service not known"), UnicodeError("x")])
def test_failure_is_an_oserror(error: Exception) -> None:
    def lookup(host: str) -> list[str]:
        raise error

    async def scene() -> None:
        with pytest.raises(OSError, match=r"Name or service not known|not a valid name: a"):
            await Resolver(lookup).resolve("a")

    run(scene())


def test_answer_that_comes_after_the_end_of_the_loop_is_dropped() -> None:
    go_on, done = threading.Event(), threading.Event()

    def lookup(host: str) -> list[str]:
        go_on.wait(10)
        return []

    resolver = Resolver(lookup)
    work = resolver._work

    def watched(*arguments: Any) -> None:
        work(*arguments)  # it would raise if the closed loop did
        done.set()

    resolver._work = watched  # type: ignore[method-assign]

    async def scene() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(resolver.resolve("a"), 0.01)

    run(scene())
    go_on.set()
    assert done.wait(10)
