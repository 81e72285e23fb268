"""The engine on Redis or Valkey: one connection for commands, one for what others publish to us."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any, Callable, Sequence

from redis.exceptions import NoScriptError, ResponseError

from signaling_server.background import Background
from signaling_server.core.config.fleet_types import Sentinel
from signaling_server.errors import StartError
from signaling_server.fleet import scripts
from signaling_server.fleet.engine import EngineLost
from signaling_server.fleet.primary import NotForUs, Primary, check
from signaling_server.fleet.redis_connection import RedisConnection
from signaling_server.fleet.redis_options import Access
from signaling_server.fleet.scripts import STEP, Script

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
"""Seconds between two tries to connect: half to one and a half of it, so that hosts differ."""


class RedisEngine:
    """An `Engine`. `name` is this host's; after a change, `announce` tells it to Redis."""

    def __init__(
        self,
        access: Access,
        sentinel: Sentinel,
        prefix: str,
        instance: str,
        name: str,
    ) -> None:
        self.name = name
        self.lost_because = "not yet connected"
        """Why Redis cannot be reached; "" while it can."""
        self._primary = Primary(access, sentinel)
        self._instance = instance
        self._keys = f"{{{prefix}}}:"
        self._channels = f"{prefix}:in:"
        self._commands: RedisConnection | None = None
        self._subscriber: RedisConnection | None = None
        self._heard: Callable[[str], None]
        self._changed: Callable[[bool], None]
        self._background = Background()

    async def start(self, heard: Callable[[str], None], changed: Callable[[bool], None]) -> None:
        """Connect; if that fails, go on trying. Raises StartError if this is no Redis for us."""
        self._heard, self._changed = heard, changed
        try:
            await self._connect()
        except NotForUs as error:
            raise StartError(str(error)) from error
        except EngineLost as error:
            self._note_loss(str(error))
        self._background.start(self._stay_connected())

    async def stop(self) -> None:
        """Close the connections."""
        connections = [each for each in (self._commands, self._subscriber) if each]
        self._commands = self._subscriber = None
        self.lost_because = "stopped"
        await self._background.cancel()
        await asyncio.gather(*(each.close() for each in connections))

    async def beat(self, record: str, lease_ms: int) -> bool:
        """Both connections have to answer: a subscription may die while commands go on."""
        if self._subscriber is None:
            raise EngineLost(self.lost_because)
        renewed, _ = await asyncio.gather(
            self._run(scripts.BEAT, self._instance, record, lease_ms, self.name),
            self._subscriber.call("PING"),
        )
        return bool(renewed)

    async def announce(self, record: str, lease_ms: int) -> None:
        await self._run(scripts.ANNOUNCE, self._instance, record, lease_ms, self.name)

    async def hosts(self) -> dict[str, str]:
        found = await self._run(scripts.HOSTS, STEP)
        return dict(zip(found[::2], found[1::2]))

    async def claim(self, rooms: Sequence[str]) -> list[str]:
        owners: list[str] = []
        for start in range(0, len(rooms), STEP):
            some = rooms[start : start + STEP]
            owners += await self._run(scripts.CLAIM, self._instance, *some)
        return owners

    async def release(self, rooms: Sequence[str]) -> None:
        for start in range(0, len(rooms), STEP):
            await self._run(scripts.RELEASE, self._instance, *rooms[start : start + STEP])

    async def bury(self, instance: str, seen_silent: bool) -> int:
        channel = self._channels + instance if seen_silent else ""
        return int(await self._run(scripts.BURY, instance, channel, STEP))

    async def publish(self, instance: str, batch: str) -> int:
        return int(await self._call("PUBLISH", self._channels + instance, batch))

    async def leave(self) -> None:
        while await self._run(scripts.LEAVE, self._instance, STEP, self.name):
            pass

    async def _run(self, script: Script, *arguments: str | int) -> Any:
        """Run a script, by its name if Redis knows it: it forgets all of them when it restarts."""
        try:
            return await self._call("EVALSHA", script.sha, 1, self._keys, *arguments)
        except NoScriptError:
            return await self._call("EVAL", script.text, 1, self._keys, *arguments)

    async def _call(self, *command: str | int) -> Any:
        connection = self._commands
        if connection is None:
            raise EngineLost(self.lost_because)
        try:
            return await connection.call(*command)
        except NoScriptError:
            raise
        except ResponseError as error:
            # Such as NOPERM, OOM, or READONLY after a failover: this Redis is of no use to us now.
            reason = f"Redis refuses {command[0]}: {error}"
            connection.lose(reason)
            raise EngineLost(reason) from error

    async def _stay_connected(self) -> None:
        pause = FIRST_PAUSE
        while True:
            if self._commands and self._subscriber:
                losses = [self._commands.lost, self._subscriber.lost]
                done, _ = await asyncio.wait(losses, return_when=asyncio.FIRST_COMPLETED)
                self._give_up()
                self._note_loss(next(iter(done)).result())
                pause = FIRST_PAUSE
            else:
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(2 * pause, LONGEST_PAUSE)
            try:
                await self._connect()
            except EngineLost as error:
                self._note_loss(str(error))

    async def _connect(self) -> None:
        """Open both connections; `changed` hears of it once we are subscribed."""
        access = await self._primary.find()
        commands = RedisConnection(access, "hawkeye-signaling")
        subscriber = RedisConnection(access, "hawkeye-signaling", self._heard)
        try:
            await commands.open()
            await check(commands, access)
            await subscriber.open()
            await subscriber.call("SUBSCRIBE", self._channels + self._instance)
        except ResponseError as error:
            await asyncio.gather(commands.close(), subscriber.close())
            raise EngineLost(f"{access} refuses: {error}") from error
        except BaseException:
            await asyncio.gather(commands.close(), subscriber.close())
            raise
        self._commands, self._subscriber = commands, subscriber
        self.lost_because = ""
        log.info("connected to %s", access)
        self._changed(True)

    def _note_loss(self, reason: str) -> None:
        was_connected, known = not self.lost_because, self.lost_because == reason
        self.lost_because = reason
        if not known:
            log.warning("Redis is lost: %s", reason)
        if was_connected:
            self._changed(False)

    def _give_up(self) -> None:
        """Close both connections, beside all else: that may take a second."""
        for each in (self._commands, self._subscriber):
            if each:
                self._background.start(each.close())
        self._commands = self._subscriber = None
