"""Where the Redis is that takes writes: the one of fleet.url, or the one that sentinels name."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from redis.exceptions import ResponseError

from signaling_server.core.config.fleet_types import Sentinel
from signaling_server.fleet.engine import EngineLost
from signaling_server.fleet.redis_connection import RedisConnection
from signaling_server.fleet.redis_options import Access


class NotForUs(EngineLost):
    """It answers, but is no Redis that a fleet can use, today or tomorrow."""


class Greeting(NamedTuple):
    """What a Redis says about itself."""

    mode: str
    """`standalone`, `cluster` or `sentinel`."""
    role: str
    """`master` or `replica`."""


class Primary:
    """Asks the sentinels, the one first that answered last."""

    def __init__(self, access: Access, sentinel: Sentinel) -> None:
        self._access = access
        self._master = sentinel.master
        self._sentinels = list(sentinel.addresses)

    async def find(self) -> Access:
        """Where to connect. Raises EngineLost."""
        if self._master is None:
            return self._access
        reasons = []
        for address in tuple(self._sentinels):
            try:
                found = await self._ask(*address)
            except EngineLost as error:
                reasons.append(str(error))
                continue
            self._sentinels.remove(address)
            self._sentinels.insert(0, address)
            return self._access.at(*found)
        raise EngineLost("no sentinel helps: " + "; ".join(reasons))

    async def _ask(self, host: str, port: int) -> tuple[str, int]:
        access = self._access.sentinel(host, port)
        connection = RedisConnection(access)
        try:
            await connection.open()
            found = await connection.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._master or "")
        except ResponseError as error:
            raise EngineLost(f"{access}: {error}") from error
        finally:
            await connection.close()
        if not found:
            raise EngineLost(f"{access} knows no {self._master}")
        return str(found[0]), int(found[1])


async def check(connection: RedisConnection, access: Access) -> None:
    """Raise EngineLost if this is no Redis to write to, NotForUs if it will never be one."""
    try:
        greeting = _greeting(await connection.call("HELLO"))
    except ResponseError as error:
        raise NotForUs(f"{access}: a fleet needs Redis 6 or newer, or Valkey ({error})") from error
    if greeting.mode == "cluster":
        raise NotForUs(
            f"{access} is a Redis Cluster, whose PUBLISH counts the listeners of one node only: a "
            "fleet needs one Redis, or a primary with replicas and sentinels (fleet.sentinel)"
        )
    if greeting.mode == "sentinel":
        raise NotForUs(f"{access} is a sentinel: put it into fleet.sentinel.addresses")
    if greeting.role not in ("master", "primary"):
        raise EngineLost(f"{access} is a replica: it takes no writes")


def _greeting(answer: Sequence[Any]) -> Greeting:
    fields = dict(zip(answer[::2], answer[1::2]))
    return Greeting(str(fields.get("mode")), str(fields.get("role")))
