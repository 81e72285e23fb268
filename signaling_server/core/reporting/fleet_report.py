"""The fleet in the body of /api/status. Field by field: docs/http-api.md."""

from __future__ import annotations

from typing import Any

from signaling_server.core.fleet.state import FleetState, HostState, RoomElsewhere
from signaling_server.core.protocol.scope import ALL, Scope


def add(body: dict[str, Any], state: FleetState | None, scope: Scope = ALL) -> dict[str, Any]:
    """Add `fleet` to the body, `null` without one; returns the body.

    Of rooms outside of `scope` only the hosts' counts tell.
    """
    body["fleet"] = None if state is None else _fleet(state, scope)
    return body


def _fleet(state: FleetState, scope: Scope) -> dict[str, Any]:
    names = {host.instance: host.name for host in state.hosts}
    urls = {host.instance: host.url for host in state.hosts}
    return {
        "name": state.name,
        "instance": state.instance,
        "state": state.state,
        "since": round(state.seconds, 1),
        "signed": state.signed,
        "warnings": state.sentences,
        "hosts": [_host(host, state) for host in state.hosts],
        "elsewhere": [
            _elsewhere(room, names.get(room.owner, room.owner), urls.get(room.owner, ""))
            for room in state.elsewhere
            if scope.covers(room.room)
        ],
    }


def _host(host: HostState, state: FleetState) -> dict[str, Any]:
    return {
        "name": host.name,
        "instance": host.instance,
        "version": host.version,
        "url": host.url or None,
        "rooms": host.rooms,
        "peers": host.clients,
        "known_seconds": round(host.seconds, 1),
        "silent_seconds": round(host.silent, 1),
        "round_trip_ms": None if host.round_trip is None else round(host.round_trip * 1000, 1),
        "state": _state(host, state),
    }


def _state(host: HostState, state: FleetState) -> str:
    """`here`: this host; `linked`: rooms are shared; `unlinked`; `apart`: this host is alone."""
    if host.instance == state.instance:
        return "here"
    if not state.together:
        return "apart"
    return "linked" if host.linked else "unlinked"


def _elsewhere(room: RoomElsewhere, owner: str, url: str) -> dict[str, Any]:
    return {"room": room.room, "host": owner, "url": url or None, "peers": list(room.clients)}
