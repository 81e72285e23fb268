from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable

import pytest

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, LimitsSettings
from signaling_server.core.fleet.joining import fingerprint
from signaling_server.core.fleet.link import Link
from signaling_server.core.protocol.auth import Grant, Tokens, digest, new_token
from signaling_server.core.protocol.events import Disconnected, Fact, Joined, Rejected, Ticked
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.relay import Relay
from signaling_server.entrance import Entrance
from signaling_server.transport import closing, server
from signaling_server.transport.connection import Connection
from signaling_server.transport.far import FarConnection
from signaling_server.transport.server import Transport
from unit.fake_socket import FakeSocket

TOKEN, TOKEN_ID = new_token(bytes(37))
GRANT = Grant(TOKEN_ID, digest(TOKEN), "node", rooms=("drone-1",))


class Scene:
    """A Transport with clients that have come through no library."""

    def __init__(self) -> None:
        self.settings = Settings(Loaded(Config(), {}))
        self.relay = Relay(Config())
        self.facts: list[Fact] = []
        self.transport = Transport(
            self.settings,
            self.relay,
            self.facts.append,
            lambda *report: None,
            Entrance(lambda: 9),
        )
        self.sockets: Any = self.transport._engine.sockets
        self.connections = self.transport._connections

    def connect(self, sid: str, grant: Grant | None = None) -> FakeSocket:
        socket = self.sockets[f"engine-{sid}"] = FakeSocket(f"engine-{sid}")
        connection = Connection(sid, socket, "127.0.0.1", LimitsSettings())
        connection.hello, connection.grant = Hello("default", f"peer-{sid}"), grant
        self.connections.add(connection)
        connection.outbox.uncork()
        self.transport._switchboard.handle(Joined(sid, connection.hello, grant=grant))
        return socket

    def peers(self) -> list[str]:
        return [peer.peer_id for peer in self.relay.peers.values()]


def act(scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Scene()), 10)

    asyncio.run(play())


def test_revoked_token_ends_its_clients_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "FAREWELL", 0.01)
    other = GRANT._replace(id="other")

    async def scene(scene: Scene) -> None:
        stays, goes = scene.connect("1", GRANT), scene.connect("2", other)
        tokens = Tokens([GRANT], released=0.0)
        scene.settings.replace(Loaded(Config(), {}, tokens))
        await asyncio.gather(*scene.transport._background._tasks)
        assert stays.done == []
        assert goes.done == ["drain", "hang up"]
        assert "the token has been revoked" in goes.written[-1]
        (rejected,) = (fact for fact in scene.facts if isinstance(fact, Rejected))
        assert (rejected.peer_id, rejected.code) == ("peer-2", "unauthorized")
        assert scene.connections.by_sid["2"].closed_for == "unauthorized"

    act(scene)


def test_relay_hears_of_new_settings() -> None:
    async def scene(scene: Scene) -> None:
        limits = LimitsSettings(memory_bytes=12345678)
        scene.settings.replace(Loaded(Config(limits=limits), {}))
        assert scene.relay.budget.total == 12345678

    act(scene)


def test_sweep_removes_connections_without_a_socket(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(scene: Scene) -> None:
        for sid in ("1", "2", "3"):
            scene.connect(sid)
        assert scene.transport.sweep() == 0
        del scene.sockets["engine-1"]
        scene.sockets["engine-2"] = FakeSocket("engine-2")
        assert scene.transport.sweep() == 2
        assert scene.peers() == ["peer-3"]
        ended = [fact for fact in scene.facts if isinstance(fact, Disconnected)]
        assert [fact.reason for fact in ended] == ["connection-lost"] * 2
        assert "peer-1: socket is gone without a disconnect; removed" in caplog.text

    act(scene)


def test_sweep_removes_peers_without_a_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(scene: Scene) -> None:
        scene.connect("1")
        scene.connections.remove("1")
        assert scene.transport.sweep() == 1
        assert scene.peers() == []
        assert "1: connection is gone without a disconnect; removed" in caplog.text

    act(scene)


def test_sweep_leaves_the_clients_of_other_hosts_to_their_links() -> None:
    async def scene(scene: Scene) -> None:
        scene.connect("1")
        far: Any = scene.connections.remove("1")
        scene.connections.far["1"] = far
        assert scene.transport.sweep() == 0
        assert scene.peers() == ["peer-1"]

    act(scene)


def test_sweep_wakes_the_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SWEEP_SECONDS", 0.0)

    async def scene(scene: Scene) -> None:
        ticked = asyncio.Event()

        def tick(event: Ticked, now: float) -> list[Any]:
            ticked.set()
            return []

        handlers: Any = scene.relay._handlers
        handlers[Ticked] = tick
        sweeping = asyncio.get_running_loop().create_task(scene.transport.keep_sweeping())
        await ticked.wait()
        sweeping.cancel()

    act(scene)


def test_stop_ends_all_connections_and_refuses_new_ones() -> None:
    async def scene(scene: Scene) -> None:
        reads, stalls = scene.connect("1"), scene.connect("2")
        stalls.reads = asyncio.Event()
        reads.closes_when_ended = stalls.closes_when_ended = True
        closing = asyncio.get_running_loop().create_task(scene.transport.close(0.01))
        await asyncio.sleep(0)
        request: Any = type("Request", (), {"remote": ""})
        refused = scene.transport._admission.refusal(request)
        assert refused is not None
        assert refused[0].code == "shutting-down"
        await closing
        assert (reads.done, stalls.done) == (["drain", "hang up"], ["abort"])

    act(scene)


def test_stop_aborts_a_connection_that_cannot_write_what_it_has_buffered() -> None:
    async def scene(scene: Scene) -> None:
        stuck = scene.connect("1")
        await scene.transport.close(0.01)
        assert stuck.done == ["drain", "hang up", "abort"]

    act(scene)


def test_queue_high_water_is_that_of_all_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.SendQueue, "high_water", 7)

    async def scene(scene: Scene) -> None:
        assert scene.transport.queue_high_water == 7

    act(scene)


def test_first_line_of_a_request_shows_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def play() -> None:
        scene = Scene()
        monkeypatch.setattr(scene.transport._admission, "vouches", asked.append)
        head = b"GET /socket.io/?token=a&x HTTP/1.1\r\nHost: a?b"
        for line in (head, b"GET /token= HTTP", b"token=", b"\xff?token="):
            scene.transport.vouches(line)
        for line in (b"GET / HTTP", b"GET /?room=a HTTP", b"", b"\xff"):
            assert not scene.transport.vouches(line)

    asyncio.run(play())
    assert asked == ["token=a&x", "", "", ""]


# --- a fleet --------------------------------------------------------------------------------------


class Fleet:
    """Other hosts, as far as they are told something."""

    def __init__(self) -> None:
        self.withdrawn: list[set[str]] = []
        self.valid: set[str] = set()

    def withdraw(self, gone: Any, valid: Any) -> None:
        self.withdrawn.append({*gone})
        self.valid = {*valid}

    def serves(self, room: str) -> bool:
        return True


def a_link() -> Link:
    return Link("b", "a", lambda: "g", lambda text: "", Budget(10**9), 10**6, 4.5, 0.0)


def test_other_hosts_hear_which_tokens_are_no_longer_valid() -> None:
    async def scene(scene: Scene) -> None:
        fleet: Any = Fleet()
        scene.transport.meet(fleet)
        gone, other = (GRANT._replace(id=each) for each in ("gone", "other"))
        for grants in ([GRANT, gone], [GRANT, gone], [GRANT]):
            scene.settings.replace(Loaded(Config(), {}, Tokens(grants, released=0.0)))
            assert fleet.valid == {fingerprint(grant) for grant in grants}
        assert fleet.withdrawn == [set(), set(), {fingerprint(gone)}]
        scene.connect("1", other)  # of a device that was paired meanwhile
        scene.settings.replace(Loaded(Config(), {}, Tokens([GRANT], released=0.0)))
        assert fleet.withdrawn[3:] == [{fingerprint(other)}]

    act(scene)


def test_owner_of_a_room_ends_clients_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "FAREWELL", 0.01)

    async def scene(scene: Scene) -> None:
        goes, returns, gone = (scene.connect(sid) for sid in "123")
        door = scene.transport.edge(a_link())
        gone.closed = True
        here = scene.connections.by_sid
        door._shut(here["1"], "replaced", True)
        door._shut(here["2"], "slow-consumer", False)
        door._shut(here["3"], "slow-consumer", False)
        await asyncio.gather(*scene.transport._background._tasks)
        assert goes.done == ["drain", "hang up"]
        assert returns.done == ["abort"]
        assert here["2"].closed_for == "slow-consumer"
        assert gone.done == []

    act(scene)


def test_client_that_is_ended_while_it_connects_is_ended_when_it_is_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "SOON", 0.0)

    async def scene(scene: Scene) -> None:
        socket = FakeSocket("late")
        connection = Connection("late", socket, "127.0.0.1", LimitsSettings())
        scene.transport._shut(connection, "slow-consumer", False)
        assert socket.done == []
        scene.connections.add(connection)
        ended = asyncio.Event()
        socket.abort = ended.set  # type: ignore[method-assign]
        await ended.wait()
        assert connection.closed_for == "slow-consumer"

    act(scene)


def test_room_of_another_host_is_dissolved() -> None:
    async def scene(scene: Scene) -> None:
        near, closed = scene.connect("1"), scene.connect("2")
        far = FarConnection("far", Hello("default", "gcom"), "", a_link())
        scene.connections.far["far"] = far
        scene.transport._switchboard.handle(Joined("far", far.hello))
        scene.transport._switchboard.handle(Joined("nowhere", Hello("default", "x")))
        scene.transport.dissolve("default")
        scene.transport.dissolve("empty")
        closed.closed = True
        ended = asyncio.Event()
        near.hang_up = ended.set  # type: ignore[method-assign]
        await ended.wait()
        assert closed.done == []
        assert far.closed_for == "moved"
        assert scene.relay.rooms == {}

    act(scene)


def test_connections_of_this_host_are_counted_and_no_others() -> None:
    async def scene(scene: Scene) -> None:
        assert scene.transport.sockets == 0
        scene.connect("1")
        scene.connections.far["far"] = FarConnection("far", Hello("default", "x"), "", a_link())
        assert scene.transport.sockets == 1

    act(scene)
