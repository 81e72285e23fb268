"""Arbitrary comings and goings of clients that rules name: nobody who is well loses a name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

from signaling_server.core.config.schema import Config, LimitsSettings
from signaling_server.core.protocol.events import Joined, Left, PeerReplaced, Pulse
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.naming import Rule
from signaling_server.errors import Rejection
from signaling_server.transport.connection import Connection
from signaling_server.transport.namer import Namer
from unit.fake_engine import Transport
from unit.fake_socket import FakeSocket

NAMES = (Rule("node", user_agent="Python/*"), Rule("gcom", room="drone-1", origin="*"))
addresses = st.sampled_from(["10.0.0.1", "10.0.0.2"])
sessions = st.sampled_from([None, "s", "t"])
headers = st.sampled_from([{"User-Agent": "Python/3"}, {"Origin": "http://a"}, {}])


def asked(headers: dict[str, str], address: str) -> Any:
    """A request of a client without a query."""
    url = SimpleNamespace(raw_query_string="")
    return SimpleNamespace(headers=headers, remote=address, rel_url=url)


class Naming(RuleBasedStateMachine):
    """Clients join, fall silent, are cut off, and leave; those that only joined are well."""

    clients = Bundle("clients")

    @initialize()
    def start(self) -> None:
        self.server = Transport(Config(names=NAMES))
        self.namer = Namer(self.server.settings)
        self.now, self.count = 0.0, 0
        self.well: dict[str, str | None] = {}
        """By sid: the session."""

    @rule(target=clients, address=addresses, session=sessions, headers=headers)
    def join(self, address: str, session: str | None, headers: dict[str, str]) -> str:
        self.now, self.count = self.now + 100.0, self.count + 1
        sid = f"sid-{self.count}"
        request: Any = SimpleNamespace(headers=headers)
        hello = self.namer.complete(Hello("", session=session), request, address)
        hello = hello._replace(room=hello.room or "default")
        joined = self._introduce(sid, hello, address)
        hello = joined.hello
        outputs = self.server.relay.handle(joined, self.now)
        connection = Connection(sid, FakeSocket(sid), address, LimitsSettings())
        connection.hello = hello
        self.server.connections.add(connection)
        for output in outputs:
            if isinstance(output, PeerReplaced):
                older = self.well.pop(output.sid, None)
                self.server.connections.remove(output.sid)
                assert older is None or older == session, "a client that was well lost its place"
        assert (hello.by_rule is None) == (hello.name is None)
        self.well[sid] = session
        names = [(peer.room.name, peer.name) for peer in self.server.relay.peers.values()]
        assert all(names.count(name) == 1 for name in names if name[1])
        if not headers:
            assert hello.name is None
        return sid

    def _introduce(self, sid: str, hello: Hello, address: str) -> Joined:
        return self.server.admission.introduce(sid, hello, address, "websocket", None)

    @rule(sid=clients, pulse=st.sampled_from([Pulse.SILENT, Pulse.CLOSED]))
    def trouble(self, sid: str, pulse: Pulse) -> None:
        connection = self.server.connections.by_sid.get(sid)
        if connection is not None:
            socket: Any = connection.socket
            socket.pulse = pulse
            self.well.pop(sid, None)

    @rule(sid=consumes(clients), goodbye=st.booleans())
    def leave(self, sid: str, goodbye: bool) -> None:
        self.well.pop(sid, None)
        self.server.connections.remove(sid)
        self.server.relay.handle(Left(sid, "connection-lost", goodbye), self.now)

    @rule(address=addresses, headers=headers)
    def handshake_is_never_refused(self, address: str, headers: dict[str, str]) -> None:
        request: Any = SimpleNamespace(headers=headers)
        hello = self.namer.complete(Hello(""), request, address)
        try:
            hello = hello._replace(room=hello.room or "default")
            self.server.relay.admit_early(self._introduce("", hello, address), self.now)
        except Rejection as rejection:
            raise AssertionError(rejection.code) from None


test_rules_take_no_name_from_a_client_that_is_well = Naming.TestCase
