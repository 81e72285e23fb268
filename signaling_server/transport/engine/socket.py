"""What the rest of transport/ sees of one client's connection."""

from __future__ import annotations

from typing import Callable, NamedTuple, Protocol

from aiohttp import web

from signaling_server.core.protocol.events import Pulse
from signaling_server.core.protocol.limits import TokenBucket


class Waiting(NamedTuple):
    """What waits for a client that has not read it yet."""

    packets: int
    bytes: int


class ClientSocket(Protocol):
    """One Engine.IO connection, over WebSocket or polling."""

    sid: str
    """engine.io's id of the connection; the Socket.IO sid is another one."""
    closing: bool
    """Whether its end has begun: the client said goodbye, or the server closes it."""
    closed: bool
    """Whether its end is complete."""
    answering: web.Request | None
    """The poll that is being answered."""
    poll_broke: bool
    """Whether the client did not wait for the answer to its last poll."""
    when_heard: Callable[[], None] | None
    """What to call, once, when the client shows that it lives."""
    address: str
    """Where the client is; "" until the connection is open."""
    frames: TokenBucket | None
    """The rate of frames, and of packets in a POST, that are no events; None: no limit."""

    @property
    def transport(self) -> str:
        """`websocket` or `polling`."""

    @property
    def said_goodbye(self) -> bool:
        """Whether the client closed its WebSocket."""

    @property
    def pulse(self) -> Pulse:
        """Whether the client seems to be there."""

    def heard(self) -> None:
        """The client has shown that it lives: call `when_heard`."""

    @property
    def waiting(self) -> Waiting:
        """What is queued for the client."""

    def allow_frame(self) -> bool:
        """Count a frame, or packet of a POST, that is no event; False: that is one too many."""

    def write(self, packet: str) -> bool:
        """Write a Socket.IO packet, or queue it; True if it has to wait."""

    @property
    def writer(self) -> Callable[[str], bool]:
        """The same as `write`, to be kept: what it calls in the end."""

    async def drain(self) -> None:
        """Wait until everything that is queued is written."""

    def hang_up(self) -> None:
        """Write what is buffered and close the TCP connection of a WebSocket."""

    def abort(self) -> None:
        """Free what waits, and end the TCP connection of a WebSocket at once."""

    async def end(self) -> None:
        """End a polling connection, which has no TCP connection of its own."""
