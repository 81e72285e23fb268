"""Who gets a place in a room: a newcomer, a session that returns, a newer holder of a name.

A place is claimed by name or by session. The newest client with a name gets it, because the older
connection is mostly the ghost of a dead radio link; contests.py says when two programs use a name.
A name that a rule of the configuration gave is a weaker claim (`settled`).
"""

from __future__ import annotations

from typing import Mapping

from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.events import Joined, Pulse
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.naming import may_take
from signaling_server.core.protocol.occupancy import Occupancy
from signaling_server.core.protocol.peers import Peer, Room
from signaling_server.core.words import plural
from signaling_server.errors import Rejection


def settled(rooms: Mapping[str, Room], joined: Joined) -> Joined:
    """The same without the name that a rule gave it, if that name belongs to somebody else."""
    hello, room = joined.hello, rooms.get(joined.hello.room)
    if hello.by_rule is None or room is None or _may_have(room, joined):
        return joined
    return joined._replace(hello=hello._replace(name=None, by_rule=None))


def _may_have(room: Room, joined: Joined) -> bool:
    hello = joined.hello
    if hello.session and (None, hello.session) in room.sessions:
        return False  # this run of the program is there already, without a name
    current = room.peers.get(hello.name or "")
    if current is None or (hello.session and current.session == hello.session):
        return True
    return current.name is not None and may_take(
        absent=not current.present,
        unresponsive=joined.holder is Pulse.SILENT,
        same_address=current.address == joined.address,
        closed=joined.holder is Pulse.CLOSED,
    )


def admit(occupancy: Occupancy, config: Config, joined: Joined, now: float) -> None:
    """Raise the Rejection that a client gets.

    Nothing changes, except that a name which too many ask for is marked as contested.
    """
    hello, limits = joined.hello, config.rooms
    room = occupancy.rooms.get(hello.room)
    if room is None:
        occupancy.check_new_room(config, joined.address, joined.grant is not None)
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
    elif current.present and joined.holder is Pulse.LIVES and current.claim.contested(now):
        current.claim.declared = True
        raise _name_in_use(current, joined.address)


def _name_in_use(current: Peer, address: str) -> Rejection:
    message = f"two clients are using the name {current.name}; the current holder keeps it"
    if current.address == address:
        message = f"another program at {address} uses the name {current.name} and keeps it"
    note = f"the current holder is at {current.address}"
    return Rejection("name-in-use", message, note=note)


def admit_early(occupancy: Occupancy, config: Config, joined: Joined, now: float) -> None:
    """The same before the client has given its session: refuse only what no session can change."""
    joined = settled(occupancy.rooms, joined)
    room = occupancy.rooms.get(joined.hello.room)
    if room is None or all(name != joined.hello.name for name, _ in room.sessions):
        admit(occupancy, config, joined, now)


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
