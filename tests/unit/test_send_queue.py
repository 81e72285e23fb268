from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable

import pytest
from engineio import packet

from signaling_server.background import Background
from signaling_server.core.protocol.limits import OVERHEAD, Budget
from signaling_server.transport.engine import send_queue
from signaling_server.transport.engine.send_queue import (
    BATCH,
    BATCH_BYTES,
    SendQueue,
)


class Socket:
    """A queue, and what engine.io does to it."""

    def __init__(self) -> None:
        self.budget = Budget(1000)
        self.queue = SendQueue(self.budget)

    def send(self, text: str) -> None:
        self.queue.put_nowait(packet.Packet(packet.MESSAGE, text))

    async def poll(self) -> list[str]:
        """What one GET takes along, as engine.io takes it."""
        texts = [await self.take()]
        while True:
            try:
                texts.append(self.queue.get_nowait().data)
                self.queue.task_done()
            except asyncio.QueueEmpty:
                return texts

    async def take(self) -> Any:
        """The data of the first packet of a batch, or None."""
        item = await asyncio.wait_for(self.queue.get(), 10)
        self.queue.task_done()
        return item and item.data


def act(scene: Callable[[Socket], Awaitable[None]]) -> None:
    async def play() -> None:
        await scene(Socket())

    asyncio.run(play())


def test_a_poll_takes_no_more_than_a_batch() -> None:
    async def scene(socket: Socket) -> None:
        texts = [str(number) for number in range(BATCH + 2)]
        for text in texts:
            socket.send(text)
        assert await socket.poll() == texts[:BATCH]
        assert await socket.poll() == texts[BATCH:]

    act(scene)


def test_a_batch_of_large_packets_is_short() -> None:
    async def scene(socket: Socket) -> None:
        texts = [str(number) * (BATCH_BYTES // 2) for number in range(4)]
        for text in texts:
            socket.send(text)
        assert await socket.poll() == texts[:2]
        assert await socket.poll() == texts[2:]

    act(scene)


def test_one_wide_character_makes_a_text_count_four_times_as_much() -> None:
    async def scene(socket: Socket) -> None:
        socket.queue.put_nowait(packet.Packet(packet.MESSAGE, "x" * 1000 + "\N{HELICOPTER}"))
        assert socket.budget.used > 4000

    act(scene)


def test_packet_that_a_wait_lost_at_its_timeout_comes_again() -> None:
    async def scene(socket: Socket) -> None:
        lost = socket.queue.get()
        socket.send("one")
        assert lost.done()
        socket.send("two")
        assert await socket.poll() == ["one", "two"]
        given_up = socket.queue.get()
        given_up.cancel()
        socket.send("three")
        assert await socket.poll() == ["three"]
        assert (socket.queue.bytes, socket.queue.empty()) == (0, True)

    act(scene)


def test_packet_that_is_dropped_while_it_is_handed_out_counts_once() -> None:
    async def scene(socket: Socket) -> None:
        getter = socket.queue.get()
        socket.send("one")
        socket.queue.drop()
        assert (await getter).data == "one"
        socket.queue.task_done()
        assert (socket.queue.bytes, socket.budget.used) == (0, 0)

    act(scene)


def test_queue_of_a_client_that_waits_for_nothing_has_no_room_for_packets() -> None:
    async def scene(socket: Socket) -> None:
        await socket.queue.put(packet.Packet(packet.MESSAGE, "one"))
        assert await socket.poll() == ["one"]
        socket.queue.get()
        assert socket.queue._waiting is None
        assert socket.queue.qsize() == 0

    act(scene)


def test_aborted_connection_frees_what_waits_at_once() -> None:
    async def scene(socket: Socket) -> None:
        socket.send("waits")
        socket.queue.drop()
        assert socket.queue.dropped
        assert (socket.queue.qsize(), socket.queue.bytes, socket.budget.used) == (0, 0, 0)
        socket.queue.put_nowait(None)
        assert await socket.queue.get() is None, "engine.io still ends its writer with this"
        socket.queue.abandon()
        assert socket.budget.used == 0

    act(scene)


def test_packets_that_engine_io_queues_after_the_end_count_no_more() -> None:
    async def scene(socket: Socket) -> None:
        socket.queue.abandon()
        socket.send("late")
        assert socket.budget.used == 0

    act(scene)


def test_batch_being_written_counts_no_more_when_the_connection_has_ended() -> None:
    async def scene(socket: Socket) -> None:
        socket.queue.put_nowait(packet.Packet(packet.MESSAGE, "abc"))
        await socket.take()
        socket.queue.abandon()
        assert socket.budget.used == 0

    act(scene)


def test_join_ends_when_everything_is_written() -> None:
    async def scene(socket: Socket) -> None:
        socket.queue.put_nowait(packet.Packet(packet.MESSAGE, "abc"))
        joining = Background().start(socket.queue.join())
        await asyncio.sleep(0)
        await socket.queue.get()
        assert not joining.done()
        socket.queue.task_done()
        await asyncio.wait_for(joining, 10)
        await socket.queue.join()

    act(scene)


def test_packets_that_nobody_fetches_after_the_end_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(send_queue, "LAST_WORDS", 0.01)

    async def scene(socket: Socket) -> None:
        socket.queue.put_nowait(packet.Packet(packet.MESSAGE, "abc"))
        socket.queue.abandon()
        await asyncio.wait_for(socket.queue.join(), 10)

    act(scene)


def test_queue_is_idle_only_while_its_writer_waits() -> None:
    async def scene(socket: Socket) -> None:
        queue = socket.queue
        assert not queue.idle
        writer = asyncio.ensure_future(socket.poll())  # noqa: TID251
        await asyncio.sleep(0)
        assert queue.idle
        queue.put_nowait(packet.Packet(packet.MESSAGE, "text"))
        assert not queue.idle
        await writer
        assert not queue.idle

    act(scene)


def test_bytes_that_wait_count_to_the_shared_budget() -> None:
    async def scene(socket: Socket) -> None:
        for item in (
            packet.Packet(packet.MESSAGE, "abc"),
            packet.Packet(packet.PING, {"a": 1}),
            None,
        ):
            socket.queue.put_nowait(item)
        size = OVERHEAD + 3
        assert (socket.queue.bytes, socket.budget.used) == (size, size)
        await socket.take()
        assert (socket.queue.bytes, socket.budget.used) == (0, size), "it is not written yet"
        await socket.take()
        assert socket.budget.used == 0

    act(scene)


def test_bytes_of_an_abandoned_queue_are_released_once() -> None:
    async def scene(socket: Socket) -> None:
        socket.queue.put_nowait(packet.Packet(packet.MESSAGE, "abc"))
        socket.queue.abandon()
        assert (socket.queue.qsize(), socket.budget.used) == (0, 0)
        socket.queue.put_nowait(packet.Packet(packet.CLOSE))
        await socket.queue.get()
        assert socket.budget.used == 0

    act(scene)


class Through:
    """A WebSocket that writes packets at once while `open`, and has a writer for the others."""

    def __init__(self, queue: SendQueue) -> None:
        self.open = True
        self.written: list[str] = []
        self.woken = 0
        queue.write_through(self.write, self.wake)

    def write(self, one: Any) -> bool:
        if self.open:
            self.written.append(one.data)
        return self.open

    def wake(self) -> None:
        self.woken += 1


def test_packets_are_written_at_once_while_none_waits() -> None:
    async def scene(socket: Socket) -> None:
        queue, through = socket.queue, Through(socket.queue)
        socket.send("one")
        assert (through.written, queue.qsize(), queue.idle) == (["one"], 0, True)
        through.open = False
        socket.send("two")
        through.open = True
        socket.send("three")
        assert (queue.qsize(), queue.idle, through.woken) == (2, False, 1), "none overtakes another"
        assert [one.data for one in queue.next_batch()] == ["two", "three"]
        assert not queue.idle, "it is being written"
        assert socket.budget.used == 2 * OVERHEAD + len("twothree")
        assert queue.next_batch() == []
        assert (queue.idle, socket.budget.used) == (True, 0)
        await queue.join()
        socket.send("four")
        assert through.written == ["one", "four"]

    act(scene)


def test_what_waited_before_is_for_the_writer_and_nothing_is_written_at_the_end() -> None:
    async def scene(socket: Socket) -> None:
        socket.send("before")
        through = Through(socket.queue)
        assert (through.woken, socket.queue.idle) == (1, False)
        assert [one.data for one in socket.queue.next_batch()] == ["before"]
        socket.queue.write_through(None, None)
        assert socket.queue.next_batch() == []
        assert not socket.queue.idle
        socket.send("late")
        assert (through.written, through.woken) == ([], 1)

    act(scene)


def test_batch_of_the_writer_is_bounded() -> None:
    async def scene(socket: Socket) -> None:
        Through(socket.queue).open = False
        for number in range(BATCH + 1):
            socket.send(str(number))
        assert [len(socket.queue.next_batch()) for _ in range(3)] == [BATCH, 1, 0]

    act(scene)


def test_packet_that_was_refused_once_is_not_offered_again() -> None:
    async def scene(socket: Socket) -> None:
        through = Through(socket.queue)
        socket.queue.wait(packet.Packet(packet.MESSAGE, "refused"))
        assert (through.written, through.woken, socket.queue.qsize()) == ([], 1, 1)

    act(scene)
