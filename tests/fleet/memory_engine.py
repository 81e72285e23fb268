"""Redis in memory, for many hosts in one process: it can forget, expire, and be out of reach."""

from __future__ import annotations

import asyncio
from typing import Callable, Sequence

from signaling_server.fleet.engine import EngineLost

STEP = 500
AT_ONCE = 0.0


class MemoryRedis:
    """What Redis knows. Its clock is that of the loop."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[str, float]] = {}
        """By instance: the text, and when it expires."""
        self.names: dict[str, str] = {}
        self.rooms: dict[str, str] = {}
        self.listeners: dict[str, Callable[[str], None]] = {}
        self.engines: list[MemoryEngine] = []
        self.away = False

    def alive(self) -> dict[str, str]:
        now = asyncio.get_running_loop().time()
        self.records = {key: value for key, value in self.records.items() if value[1] > now}
        return {instance: text for instance, (text, _) in self.records.items()}

    def forget(self) -> None:
        """It restarts empty; who was subscribed has to come again."""
        self.records.clear()
        self.names.clear()
        self.rooms.clear()
        for engine in self.engines:
            engine.look()

    def leave(self) -> None:
        """It is gone, until `come_back`."""
        self.away = True
        for engine in self.engines:
            engine.look()

    def come_back(self) -> None:
        self.away = False
        for engine in self.engines:
            engine.look()


class MemoryEngine:
    """An `Engine`. `cut`: this host does not reach Redis; it is still subscribed there."""

    def __init__(self, redis: MemoryRedis, instance: str, name: str) -> None:
        self.name = name
        self.lost_because = "not yet connected"
        self.cut = self.dead = False
        self.missed: list[str] = []
        """What was published while it was cut off: TCP brings it later."""
        self._redis = redis
        self._instance = instance
        redis.engines.append(self)

    def look(self) -> None:
        """Find out whether Redis is within reach, and tell if that has changed."""
        lost = "" if self._reachable else "Redis is away"
        if self.dead or bool(lost) == bool(self.lost_because):
            return
        self.lost_because = lost
        if self._redis.away:
            self._redis.listeners.pop(self._instance, None)
        if not lost:
            self._redis.listeners[self._instance] = self._deliver
            missed, self.missed = self.missed, []
            for batch in missed:
                self._deliver(batch)
        self._changed(not lost)

    def kill(self) -> None:
        """The process is gone, and its kernel closes its connections."""
        self.dead = True
        self._redis.listeners.pop(self._instance, None)

    @property
    def _reachable(self) -> bool:
        return not (self.cut or self.dead or self._redis.away)

    def _deliver(self, batch: str) -> None:
        if self.cut:
            self.missed.append(batch)
        else:
            asyncio.get_running_loop().call_soon(self._hear, batch)

    def _hear(self, batch: str) -> None:
        if not self.dead:
            self._heard(batch)

    async def _ask(self) -> MemoryRedis:
        if not self._reachable:
            raise EngineLost(self.lost_because)
        return self._redis

    # --- the interface ----------------------------------------------------------------------------

    async def start(self, heard: Callable[[str], None], changed: Callable[[bool], None]) -> None:
        self._heard, self._changed = heard, changed
        self.look()

    async def stop(self) -> None:
        self.kill()

    async def beat(self, record: str, lease_ms: int) -> bool:
        redis = await self._ask()
        if self._instance not in redis.alive():
            return False
        self._set(redis, record, lease_ms)
        return True

    def _set(self, redis: MemoryRedis, record: str, lease_ms: int) -> None:
        until = asyncio.get_running_loop().time() + lease_ms / 1000
        redis.records[self._instance] = record, until

    async def announce(self, record: str, lease_ms: int) -> None:
        redis = await self._ask()
        elder = redis.names.get(self.name)
        if elder not in (None, self._instance):
            redis.records.pop(str(elder), None)
        redis.names[self.name] = self._instance
        self._set(redis, record, lease_ms)

    async def hosts(self) -> dict[str, str]:
        return (await self._ask()).alive()

    async def claim(self, rooms: Sequence[str]) -> list[str]:
        redis = await self._ask()
        alive = redis.alive()
        for room in rooms:
            if redis.rooms.get(room) not in alive:
                redis.rooms[room] = self._instance
        return [redis.rooms[room] for room in rooms]

    async def release(self, rooms: Sequence[str]) -> None:
        redis = await self._ask()
        for room in rooms:
            if redis.rooms.get(room) == self._instance:
                del redis.rooms[room]

    async def bury(self, instance: str, seen_silent: bool) -> int:
        redis = await self._ask()
        if instance in redis.alive() and not (seen_silent and instance not in redis.listeners):
            return 0
        redis.records.pop(instance, None)
        rooms = [room for room, owner in redis.rooms.items() if owner == instance][:STEP]
        for room in rooms:
            del redis.rooms[room]
        return len(rooms)

    async def publish(self, instance: str, batch: str) -> int:
        redis = await self._ask()
        deliver = redis.listeners.get(instance)
        if deliver is None:
            return 0
        deliver(batch)
        return 1

    async def leave(self) -> None:
        redis = await self._ask()
        redis.records.pop(self._instance, None)
        redis.rooms = {room: who for room, who in redis.rooms.items() if who != self._instance}
