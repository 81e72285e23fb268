"""Who gets a place in a room: a newcomer, a session that returns, a newer holder of a name.

A place is claimed by name or by session. The newest client with a name gets it, because the older
connection is mostly the ghost of a dead radio link. If a name changes hands too often, two machines
use it: from then on its holder keeps it for as long as it is present.
"""

from __future__ import annotations

from typing import Mapping

from signaling_server.core.config.schema import RoomsSettings
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.peers import Peer, Room
from signaling_server.core.words import plural
from signaling_server.errors import Rejection

MAX_TAKEOVERS = 3
TAKEOVER_WINDOW = 30.0
"""More than MAX_TAKEOVERS of one name in this many seconds: two machines use it."""


def admit(rooms: Mapping[str, Room], limits: RoomsSettings, hello: Hello, now: float) -> None:
    """Raise the Rejection that a client with this hello gets.

    Nothing changes, except that a name which too many ask for is marked as contested.
    """
    room = rooms.get(hello.room)
    if room is None:
        if 0 < limits.max_rooms <= len(rooms):
            raise Rejection("server-full", f"the server already has {plural(len(rooms), 'room')}")
        return
    if returning(room, hello):
        return
    current = holder(room, hello)
    if current is None:
        if 0 < limits.max_peers <= len(room.peers):
            peers = plural(len(room.peers), "peer")
            raise Rejection("room-full", f"room {room.name} already has {peers}")
    elif current.name != hello.name:
        raise Rejection("invalid-name", f"{hello.name} is the id of an unnamed peer")
    elif current.present and _is_contested(current, now):
        current.contested = True
        raise Rejection(
            "name-in-use",
            f"two clients are using the name {hello.name}; the current holder keeps it",
            note=f"the current holder is at {current.address}",
        )


def admit_early(rooms: Mapping[str, Room], limits: RoomsSettings, hello: Hello, now: float) -> None:
    """The same before the client has given its session: refuse only what no session can change."""
    room = rooms.get(hello.room)
    if room is None or all(name != hello.name for name, _ in room.sessions):
        admit(rooms, limits, hello, now)


def returning(room: Room, hello: Hello) -> Peer | None:
    """The peer whose session comes back, if nothing that it missed is lost."""
    peer = room.sessions.get((hello.name, hello.session)) if hello.session else None
    if peer is None or peer.replay is None or not peer.replay.can_resume(hello.seen):
        return None
    return peer


def holder(room: Room, hello: Hello) -> Peer | None:
    """The peer whose place a newcomer takes: by its name, or by its session if it has no name."""
    if hello.name:
        return room.peers.get(hello.name)
    return room.sessions.get((None, hello.session or ""))


def takeovers_by_now(peer: Peer, now: float) -> tuple[float, ...]:
    """The recent takeovers of a peer's place, with the one that happens now.

    The place of a peer that is away does not count: its machine was restarted, no other took it.
    """
    return (*_recent(peer, now), now) if peer.present else _recent(peer, now)


def _is_contested(peer: Peer, now: float) -> bool:
    return peer.contested or len(_recent(peer, now)) >= MAX_TAKEOVERS


def _recent(peer: Peer, now: float) -> tuple[float, ...]:
    return tuple(at for at in peer.takeovers if now - at < TAKEOVER_WINDOW)
