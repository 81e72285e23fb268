"""Redis in memory that counts what the hosts send to it, as the engine on Redis would send it."""

from __future__ import annotations

from collections import Counter
from typing import Counter as CounterOf
from typing import Sequence

from fleet.memory_engine import STEP, MemoryEngine, MemoryRedis
from signaling_server.core.fleet.batch import FIELD

NUMBER = 4
"""The field of the head of a batch that is not 0 if it carries records."""
RECORDS, LINKS = "PUBLISH (records)", "PUBLISH (hello, beat, acknowledgement)"


class CountedRedis(MemoryRedis):
    """Commands by name, a script by its own; bytes of what is published, by the same."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: CounterOf[str] = Counter()
        self.bytes: CounterOf[str] = Counter()
        self.claimed = 0
        """Rooms in all claims."""


class CountedEngine(MemoryEngine):
    """Counts a call once it has reached Redis."""

    def __init__(self, redis: CountedRedis, instance: str, name: str) -> None:
        super().__init__(redis, instance, name)
        self._counted = redis

    def _count(self, command: str, rooms: int = 1) -> None:
        self._counted.commands[command] += -(-rooms // STEP)

    async def beat(self, record: str, lease_ms: int) -> bool:
        renewed = await super().beat(record, lease_ms)
        self._count("EVALSHA beat")
        self._count("PING")
        return renewed

    async def announce(self, record: str, lease_ms: int) -> None:
        await super().announce(record, lease_ms)
        self._count("EVALSHA announce")

    async def hosts(self) -> dict[str, str]:
        found = await super().hosts()
        self._count("EVALSHA hosts")
        return found

    async def claim(self, rooms: Sequence[str]) -> list[str]:
        owners = await super().claim(rooms)
        self._count("EVALSHA claim", len(rooms))
        self._counted.claimed += len(rooms)
        return owners

    async def release(self, rooms: Sequence[str]) -> None:
        await super().release(rooms)
        self._count("EVALSHA release", len(rooms))

    async def bury(self, instance: str, seen_silent: bool) -> int:
        freed = await super().bury(instance, seen_silent)
        self._count("EVALSHA bury")
        return freed

    async def publish(self, instance: str, batch: str) -> int:
        listening = await super().publish(instance, batch)
        head = batch.split(FIELD, NUMBER + 1)
        command = LINKS if head[NUMBER] == "0" else RECORDS
        self._count(command)
        self._counted.bytes[command] += len(batch) if batch.isascii() else len(batch.encode())
        return listening
