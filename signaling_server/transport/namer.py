"""Names for clients that bring none: asks the rules of `names:`, and whether the name is free."""

from __future__ import annotations

from aiohttp import web

from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.auth import is_probe_room
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.naming import NamingRules, may_take
from signaling_server.core.protocol.peers import Peer
from signaling_server.core.protocol.relay import Relay
from signaling_server.transport.connection import Connections


class Namer:
    """Completes what a client says of itself."""

    def __init__(self, settings: Settings, relay: Relay, connections: Connections) -> None:
        self._settings = settings
        self._rooms = relay.rooms
        self._connections = connections.by_sid
        self._apply()
        settings.subscribe(self._apply)

    def _apply(self) -> None:
        self._rules = NamingRules(self._settings.current.names)

    def complete(self, hello: Hello, request: web.Request, address: str) -> Hello:
        """The hello with the name, room and role that a rule gives and the client did not.

        `hello.room` is "" if the client named none. Whoever may not take the name over (may_take
        in core/protocol/naming.py) stays unnamed, in the room of the rule. The probe and the call
        test are exempt: they meet in rooms of their own.
        """
        if hello.name or is_probe_room(hello.room):
            return hello
        headers = request.headers
        rule = self._rules.find(address, headers.get("Origin"), headers.get("User-Agent"))
        if rule is None:
            return hello
        room = hello.room or rule.room or self._settings.current.rooms.default
        hello = hello._replace(room=room, role=hello.role or rule.role)
        holder = self._holder(room, rule.name)
        if holder is not None and not self._may_take(holder, hello, address):
            return hello
        label = f"names[{self._settings.current.names.index(rule)}]"
        return hello._replace(name=rule.name, by_rule=label)

    def _holder(self, room: str, name: str) -> Peer | None:
        return self._rooms[room].peers.get(name) if room in self._rooms else None

    def _may_take(self, holder: Peer, hello: Hello, address: str) -> bool:
        if holder.session is not None and holder.session == hello.session:
            return True  # it is this client, whose earlier connection has not ended yet
        connection = self._connections.get(holder.sid)
        if connection is None or not holder.present:
            return True
        socket = connection.socket
        return may_take(
            absent=socket.closed,
            unresponsive=socket.unresponsive,
            same_address=connection.address == address,
            closed=socket.cut,
        )
