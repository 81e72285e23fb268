"""The events that the server sends of its own: (event, payload), as docs/protocol.md has them."""

from __future__ import annotations

from typing import Any, Sequence, Tuple

from signaling_server.core.protocol.peers import Peer
from signaling_server.core.words import plural
from signaling_server.version import VERSION

Notice = Tuple[str, "dict[str, Any]"]

SERVER = f"hawkeye-signaling/{VERSION}"
"""How the server names itself in `welcome`."""


def welcome(peer: Peer, ice_servers: Sequence[dict[str, Any]], resumed: bool) -> Notice:
    """The first event that a connection hears."""
    return "welcome", {
        "peer_id": peer.peer_id,
        "room": peer.room.name,
        "peers": [other.describe() for other in peer.room.others(peer)],
        "resumed": resumed,
        "ice_servers": list(ice_servers),
        "server": SERVER,
    }


def peer_joined(receiver: Peer, who: Peer, rejoined: bool = False, held: int = 0) -> Notice:
    """Introduces `who` to `receiver`, whose `held` signals go to `who` now."""
    # The smaller id yields (W3C "perfect negotiation"): a rule that survives reconnects.
    payload: dict[str, Any] = {**who.describe(), "polite": receiver.peer_id < who.peer_id}
    if rejoined:
        payload["rejoined"] = True
    if held:
        payload["held"] = held
    return "peer_joined", payload


def peer_left(peer: Peer, reason: str) -> Notice:
    """Tells the others that a peer is out of the room."""
    payload = {"peer_id": peer.peer_id, "reason": reason}
    if peer.name:
        payload["name"] = peer.name
    return "peer_left", payload


def replaced() -> Notice:
    """Tells a connection why it is closed."""
    return _error("replaced", "a newer connection uses this name or session")


def expired(count: int) -> Notice:
    """Tells a sender that nobody joined in time for its held signals."""
    message = f"{plural(count, 'held signal')} dropped: nobody joined in time"
    return _error("expired", message, count=count)


def _error(code: str, message: str, **more: Any) -> Notice:
    return "error", {"code": code, "message": message, **more}
