"""What goes into the relay and what comes out of it.

Events go in; commands and facts come out, in order. The transport carries out commands; logs,
metrics and insight record facts.
"""

from __future__ import annotations

from enum import IntEnum
from typing import AbstractSet, Any, NamedTuple, Sequence, Union, get_args

from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.messages import Signal

# --- events ---------------------------------------------------------------------------------------


class Pulse(IntEnum):
    """What the transport knows of the connection whose place somebody asks for."""

    LIVES = 1
    """Nothing speaks against it."""
    SILENT = 2
    """It owes the answer to a PING for longer than is usual."""
    CLOSED = 3
    """Its poll broke off, and no other has come."""


class Joined(NamedTuple):
    """A client has connected and introduced itself; the relay may still reject it."""

    sid: str
    hello: Hello
    address: str = ""
    """Where it comes from, and over what (websocket or polling): for people."""
    transport: str = ""
    ice_servers: Sequence[dict[str, Any]] = ()
    """What `welcome` hands out."""
    holder: Pulse = Pulse.LIVES
    """The connection of the peer whose name it asks for (`Relay.holder_of`)."""
    grant: Grant | None = None
    """What its token allows; None: the server asks for no tokens."""
    token_expires: int | None = None
    """Seconds until its token expires, if that is soon."""
    server_time: float | None = None
    """Seconds since 1970; None: the clock of the server is not set."""


class Signalled(NamedTuple):
    """A connection has sent a signal."""

    sid: str
    signal: Signal


class Left(NamedTuple):
    """A connection has ended, with a goodbye or without (it broke)."""

    sid: str
    reason: str
    goodbye: bool


class StillAlive(NamedTuple):
    """A connection that was replaced has shown that its client lives."""

    sid: str


class Revoked(NamedTuple):
    """These grants are no longer valid; None: the one of clients that gave no token."""

    grants: AbstractSet[Grant | None]
    message: str = "the token has been revoked"


class Reconfigured(NamedTuple):
    """There is a new configuration."""

    config: Config


class Ticked(NamedTuple):
    """The time of `next_deadline()` has come."""


make = tuple.__new__
"""`make(Forward, (sid, ...))` is Forward(sid, ...) without a function of Python, for the hot path:
the constructor of a NamedTuple is one, and takes longer than the tuple.
"""

Event = Union[Joined, Signalled, Left, StillAlive, Revoked, Reconfigured, Ticked]

# --- commands -------------------------------------------------------------------------------------


class Send(NamedTuple):
    """Send an event of the server's own to a connection."""

    sid: str
    event: str
    payload: dict[str, Any]


class Forward(NamedTuple):
    """Send a signal to a connection, with `from`, and with `seq` if that is not 0."""

    sid: str
    signal: Signal
    sender: str
    seq: int


class Close(NamedTuple):
    """Close a connection so that its client does not reconnect."""

    sid: str
    code: str


# --- facts ----------------------------------------------------------------------------------------


class PeerJoined(NamedTuple):
    """A peer has entered its room."""

    sid: str
    peer_id: str
    room: str
    address: str
    transport: str
    rejoined: bool
    role: str | None = None
    session: str | None = None
    """The hash that others see of the key of its program's run."""
    seen: int = 0
    """The last `seq` that it has seen: above 0 it was here before, perhaps before a restart."""


class PeerResumed(NamedTuple):
    """A session came back in time; it was sent the `missed` signals and events."""

    sid: str
    peer_id: str
    room: str
    address: str
    transport: str
    missed: int


class PeerReplaced(NamedTuple):
    """A newer connection took the place of a peer's connection, by name or by session."""

    sid: str
    peer_id: str
    room: str
    address: str
    by_address: str


class NameContested(NamedTuple):
    """The client of a replaced connection lives: it and the newer one use the same name."""

    sid: str
    peer_id: str
    room: str
    address: str
    by_address: str


class PeerAway(NamedTuple):
    """A peer with a session lost its connection; it may come back within `window` seconds."""

    sid: str
    peer_id: str
    room: str
    reason: str
    window: float


class PeerLeft(NamedTuple):
    """A peer has left its room."""

    sid: str
    peer_id: str
    room: str
    reason: str


class SignalAccepted(NamedTuple):
    """A signal was accepted: written to `delivered` connections; `held` copies wait.

    They wait in the hold for somebody to join, or in replay buffers for peers that are away.
    """

    sid: str
    sender: str
    room: str
    signal: Signal
    delivered: int
    held: int


class HeldSignalsDelivered(NamedTuple):
    """`signals` held signals of `sender` went to a newcomer."""

    sender: str
    peer_id: str
    room: str
    signals: int


class HeldSignalsExpired(NamedTuple):
    """`signals` held signals of a peer were dropped: nobody came in time."""

    peer_id: str
    room: str
    signals: int


class HeldSignalsReplaced(NamedTuple):
    """`signals` held signals of a peer were dropped; the peer was told `reason`."""

    peer_id: str
    room: str
    signals: int
    reason: str


class RoomOverfull(NamedTuple):
    """A room has more peers than `rooms.expected_peers`; the oldest first."""

    room: str
    peer_ids: tuple[str, ...]
    expected: int


class Rejected(NamedTuple):
    """A client's request was refused; `sid` is empty where there is no connection yet."""

    sid: str
    peer_id: str
    room: str
    address: str
    code: str
    message: str


class Refused(NamedTuple):
    """A caller was refused before it was a client; `code` is one of refusals.REASONS."""

    address: str
    code: str
    detail: str = ""
    """Why in this case, in place of the code's own sentence; what the caller sent is escaped."""

    @property
    def room(self) -> str:
        """It is in none."""
        return ""


class Disconnected(NamedTuple):
    """A connection has ended after `seconds`, with `received` signals in and `sent` signals out."""

    sid: str
    peer_id: str
    room: str
    address: str
    reason: str
    seconds: float
    received: int
    sent: int


Command = Union[Send, Forward, Close]
Fact = Union[
    PeerJoined,
    PeerResumed,
    PeerReplaced,
    NameContested,
    PeerAway,
    PeerLeft,
    SignalAccepted,
    HeldSignalsDelivered,
    HeldSignalsExpired,
    HeldSignalsReplaced,
    RoomOverfull,
    Rejected,
    Refused,
    Disconnected,
]
Output = Union[Command, Fact]
FACTS: tuple[type, ...] = get_args(Fact)
"""The types of all facts."""
