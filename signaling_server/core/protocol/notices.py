"""The events that the server sends of its own: (event, payload), as docs/protocol.md has them."""

from __future__ import annotations

from typing import Any, Tuple

from signaling_server.core.protocol.announcement import Announcement
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.peers import Introductions, Peer
from signaling_server.core.words import plural
from signaling_server.version import VERSION

Notice = Tuple[str, "dict[str, Any]"]

SERVER = f"hawkeye-signaling/{VERSION}"
"""How the server names itself in `welcome`."""

NOBODY_CAME = "nobody joined in time"
NEWER_OFFER = "a newer offer replaced them"
SESSION_LOST = "the session could not be resumed"
"""Why held signals were dropped."""


def welcome(peer: Peer, joined: Joined, resumed: bool) -> Notice:
    """The first event that a connection hears."""
    payload = {
        "peer_id": peer.peer_id,
        "room": peer.room.name,
        "peers": [other.description for other in peer.room.others(peer)],
        "resumed": resumed,
        "ice_servers": list(joined.ice_servers),
        "server": SERVER,
        "server_time": joined.server_time,
    }
    if joined.token_expires is not None:
        payload["token_expires"] = joined.token_expires
    return "welcome", payload


def introductions(who: Peer, rejoined: bool = False) -> Introductions:
    """The payloads of `peer_joined` about a peer: to those who are impolite to it, and polite."""
    # The smaller id yields (W3C "perfect negotiation"): a rule that survives reconnects.
    if rejoined:
        return _introductions(who, rejoined=True)
    if who.introductions is None:
        who.introductions = _introductions(who)
    return who.introductions


def _introductions(who: Peer, **more: Any) -> Introductions:
    both = [Announcement({**who.description, "polite": polite, **more}) for polite in (False, True)]
    return both[0], both[1]


def peer_joined(receiver: Peer, who: Peer, rejoined: bool = False, held: int = 0) -> Notice:
    """Introduces `who` to `receiver`, whose `held` signals go to `who` now."""
    payload = introductions(who, rejoined)[receiver.peer_id < who.peer_id]
    return "peer_joined", {**payload, "held": held} if held else payload


def peer_left(peer: Peer, reason: str) -> Notice:
    """Tells the others that a peer is out of the room."""
    payload = Announcement({"peer_id": peer.peer_id, "reason": reason})
    if peer.name:
        payload["name"] = peer.name
    return "peer_left", payload


def replaced() -> Notice:
    """Tells a connection why it is closed."""
    return _error("replaced", "a newer connection uses this name or session")


def expired(count: int, why: str = NOBODY_CAME) -> Notice:
    """Tells a sender that its held signals were dropped."""
    return _error("expired", f"{plural(count, 'held signal')} dropped: {why}", count=count)


def unauthorized(message: str) -> Notice:
    """Tells a connection that its token is no longer valid."""
    return _error("unauthorized", message)


def _error(code: str, message: str, **more: Any) -> Notice:
    return "error", {"code": code, "message": message, **more}
