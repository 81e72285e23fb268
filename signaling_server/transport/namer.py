"""Names for clients that bring none: asks the rules of `names:`."""

from __future__ import annotations

from aiohttp import web

from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.auth import is_probe_room
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.naming import NamingRules


class Namer:
    """Completes what a client says of itself."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._apply()
        settings.subscribe(self._apply)

    def _apply(self) -> None:
        self._rules = NamingRules(self._settings.current.names)

    def complete(self, hello: Hello, request: web.Request, address: str) -> Hello:
        """The hello with the name, room and role that a rule gives and the client did not.

        `hello.room` is "" if the client named none. Whether the client may take the name over from
        its holder is the relay's to decide (claims.py): otherwise it stays unnamed, in the room of
        the rule. The probe and the call test are exempt: they meet in rooms of their own.
        """
        if hello.name or is_probe_room(hello.room):
            return hello
        headers = request.headers
        rule = self._rules.find(address, headers.get("Origin"), headers.get("User-Agent"))
        if rule is None:
            return hello
        label = f"names[{self._settings.current.names.index(rule)}]"
        room, role = hello.room or rule.room or "", hello.role or rule.role
        return hello._replace(name=rule.name, room=room, role=role, by_rule=label)
