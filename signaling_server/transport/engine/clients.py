"""python-socketio's register of clients, without its rooms.

Goal: 6,000 clients that leave at once, such as when a network comes back, must not keep others
waiting. python-socketio looks through the room of every client for each client that leaves, because
it could have entered any. Here no client enters a room of python-socketio: rooms are the relay's.

Plan: a client that leaves is in two of them, which python-socketio makes for its own use: the one
of all clients, and the one with its own sid. It leaves these.
"""

from __future__ import annotations

from typing import Any

import socketio


class Clients(socketio.AsyncManager):  # type: ignore[misc]
    """Takes the time of one client for one that leaves."""

    def basic_disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        """Remove a client, and every trace of it."""
        for room in (sid, None):
            self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            _remove(pending, sid, namespace)


def _remove(pending: dict[str, list[str]], sid: str, namespace: str) -> None:
    sids = pending.get(namespace, [])
    if sid in sids:
        sids.remove(sid)
        if not sids:
            del pending[namespace]
