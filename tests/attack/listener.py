"""A member of a crowd that only counts what it hears: a thousand of them fit into one process."""

from __future__ import annotations

import asyncio
import contextlib
import json

from attack.crowd import Member

SIGNAL, REFUSED, PING = b'2["signal"', b'"rate-limited"', b"\x81\x012"
_TAIL = len(REFUSED) - 1


class Listener(Member):
    """`signals` and `refused` are counts."""

    heard = refused = 0
    _seen = b""

    def data_received(self, data: bytes) -> None:
        if not self.welcomed.done():
            super().data_received(data)
            return
        if PING in data:
            self.say("3")
        text = self._seen + data
        self.heard += text.count(SIGNAL) - self._seen.count(SIGNAL)
        self.refused += text.count(REFUSED) - self._seen.count(REFUSED)
        self._seen = text[-_TAIL:]


async def listen(port: int, room: str, name: str, session: str = "") -> Listener:
    """A listener that has joined; it retries while the server is full."""
    auth = json.dumps({"session": session}) if session else ""
    loop = asyncio.get_running_loop()
    while True:
        try:
            _, member = await loop.create_connection(
                lambda: Listener(room, name, auth), "127.0.0.1", port
            )
        except ConnectionError:
            await asyncio.sleep(0.05)
            continue
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(asyncio.shield(member.welcomed), 60)
            return member
        assert member.ended.done()
        await asyncio.sleep(0.05)


async def crowd(port: int, count: int, at_once: int = 16, sessions: bool = False) -> list[Listener]:
    """So many listeners in one room."""
    gate = asyncio.Semaphore(at_once)

    async def enter(number: int) -> Listener:
        async with gate:
            return await listen(port, "crowd", f"m{number}", f"key-{number}" if sessions else "")

    return list(await asyncio.gather(*map(enter, range(count))))
