"""Crowds: what goes on in a crowded room costs a pair in another room nothing.

With `-m soak` as many as docs/reliability.md says.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from attack.beside import attack_beside_a_pair
from attack.listener import Listener, crowd, listen

PATIENCE = 120.0
NO_LIMIT = {"limits": {"connections": 4000}}


def size(everyday: int, *soak: int) -> pytest.MarkDecorator:
    counts = [everyday, *(pytest.param(count, marks=pytest.mark.soak) for count in soak)]
    return pytest.mark.parametrize("count", counts)


async def heard(members: list[Listener], copies: int) -> None:
    """Wait until so many copies have arrived."""
    deadline = time.monotonic() + PATIENCE
    while sum(member.heard for member in members) < copies:
        assert time.monotonic() < deadline, "copies were lost"
        await asyncio.sleep(0.05)


async def say_within_a_second(members: list[Listener]) -> None:
    """Each says something, one after the other: peers have no common clock."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, member in enumerate(members):
        member.signal({"n": 1})
        await asyncio.sleep(max(0.0, began + (number + 1) / len(members) - loop.time()))


def leave(members: list[Listener]) -> None:
    for member in members:
        member.transport.abort()


@size(90, 300, 1000)
@pytest.mark.parametrize("sessions", [False, True], ids=["plain", "sessions"])
def test_crowd_in_which_each_speaks_once_a_second(count: int, sessions: bool) -> None:
    async def attack(port: int) -> None:
        members = await crowd(port, count, sessions=sessions)
        rounds = 4
        for _ in range(rounds):
            await say_within_a_second(members)
        said = rounds * count - sum(member.refused for member in members)
        print(f"\n{count} peers: {said} of {rounds * count} signals are passed on")
        assert said >= count, "each may say one thing"
        if count < 1000:  # a thousand take a while
            await heard(members, said * (count - 1))
        assert not any(member.ended.done() for member in members)
        leave(members)

    attack_beside_a_pair(f"crowd of {count} that speaks", attack, NO_LIMIT)


@size(90, 600)
def test_crowd_that_has_spoken_leaves_at_once(count: int) -> None:
    async def attack(port: int) -> None:
        stays = await listen(port, "crowd", "stays")
        members = await crowd(port, count, sessions=True)
        for _ in range(3):
            for member in members:
                member.signal({"n": 1})
            await heard([*members, stays], 1)
            await asyncio.sleep(1)
        leave(members)
        await asyncio.sleep(2)
        assert not stays.ended.done()
        leave([stays])

    attack_beside_a_pair(f"crowd of {count} that leaves", attack, NO_LIMIT)


@size(90, 600)
def test_names_of_a_crowd_are_taken_over(count: int) -> None:
    async def attack(port: int) -> None:
        members = await crowd(port, count)
        newer = await crowd(port, count)
        await asyncio.gather(*(member.ended for member in members))
        assert not any(member.ended.done() for member in newer)
        leave(newer)

    attack_beside_a_pair(f"{count} names taken over", attack, NO_LIMIT)
