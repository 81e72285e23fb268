"""What a fleet asks of Redis, as an interface: nothing here imports redis."""

from __future__ import annotations

from typing import Callable, Protocol, Sequence


class EngineLost(Exception):
    """Redis has not answered within the deadline of a call."""


class Engine(Protocol):
    """Redis, as one host of the fleet uses it. Every call raises EngineLost.

    `instance` is the random id of a host's process, `record` the text of its host record, `batch`
    the text of one message between two hosts.
    """

    name: str
    """Of this host; after a change, `announce` tells it to Redis."""
    lost_because: str
    """Why Redis cannot be reached; "" while it can."""

    async def start(self, heard: Callable[[str], None], changed: Callable[[bool], None]) -> None:
        """Connect. From now on call `heard` with each batch on the channel of this host, in order,
        and `changed` with True when Redis is reachable again, with False when it is lost.
        """

    async def stop(self) -> None:
        """Disconnect."""

    async def beat(self, record: str, lease_ms: int) -> bool:
        """Renew the record of this host; False: it had been lost, and `announce` sets it anew."""

    async def announce(self, record: str, lease_ms: int) -> None:
        """Set the record of this host, and the key of its name."""

    async def hosts(self) -> dict[str, str]:
        """The records of all hosts, by instance."""

    async def claim(self, rooms: Sequence[str]) -> list[str]:
        """The owner's instance of each room, claimed for this host where the room is free, its own,
        or its owner dead.
        """

    async def release(self, rooms: Sequence[str]) -> None:
        """Give up those of these rooms that this host owns."""

    async def bury(self, instance: str, seen_silent: bool) -> int:
        """Free the rooms of a dead host, at most 500 of them; returns how many.

        `seen_silent`: nobody has listened on its channel, twice.
        """

    async def publish(self, instance: str, batch: str) -> int:
        """Send a batch to a host; returns how many listened."""

    async def leave(self) -> None:
        """Take out the record, the name and the rooms of this host: it stops."""
