from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, HoldSettings, LimitsSettings
from signaling_server.core.fleet.link import Link
from signaling_server.core.protocol.byte_rate import ByteRate
from signaling_server.core.protocol.events import (
    Fact,
    HeldSignalsExpired,
    Joined,
    Left,
    NameContested,
    PeerJoined,
    PeerReplaced,
    Pulse,
    Revoked,
    Send,
    SignalAccepted,
    Ticked,
)
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget, TokenBucket
from signaling_server.core.protocol.occupancy import CROWD
from signaling_server.core.protocol.relay import Relay
from signaling_server.errors import Rejection
from signaling_server.transport import switchboard as switchboard_module
from signaling_server.transport.connection import Connections
from signaling_server.transport.crowds import MANY
from signaling_server.transport.far import FarConnection
from signaling_server.transport.switchboard import Switchboard

OFFER = '{"type":"offer","data":{}}'


class Connection:
    """What a Switchboard uses of a connection, and what that one heard."""

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.socket: Any = SimpleNamespace(name=f"socket of {sid}", when_heard=None)
        self.bucket = TokenBucket(1e6, 2, 0.0)
        self.byte_rate = ByteRate(1, 0, 60, 0.0)
        self.received = self.waiting = 0
        self.heard: list[str] = []
        self.waits = self.too_much = False
        self.outbox = self
        self.hello = Hello("default")
        self.door: Any = None

    def emit(self, event: str, payload: dict[str, Any]) -> bool:
        self.heard.append(event)
        return self.waits

    def forward(self, signal: Any, sender: str, seq: int) -> bool:
        self.heard.append(f"{signal.type} of {sender}")
        return self.waits

    def rejected(self, code: str, message: str) -> tuple[str, str]:
        return code, message

    def over(self, limits: LimitsSettings, budget: Any) -> bool:
        return self.too_much


class Board:
    """A Switchboard with a relay, and what it did."""

    def __init__(self, config: Config) -> None:
        self.facts: list[Fact] = []
        self.ended: list[tuple[Any, str]] = []
        closer: Any = self
        settings = Settings(Loaded(config, {}))
        self.connections = Connections()
        self.relay = Relay(config)
        self.switchboard = Switchboard(
            settings, self.relay, self.connections, closer, self._observe
        )
        self._told: asyncio.Event | None = None

    def _observe(self, fact: Fact) -> None:
        self.facts.append(fact)
        if self._told:
            self._told.set()

    async def told(self, kind: type) -> None:
        """Wait for a fact."""
        self._told = asyncio.Event()
        while not any(isinstance(fact, kind) for fact in self.facts):
            await self._told.wait()
            self._told.clear()

    def abort(self, socket: Any, reason: str) -> None:
        self.ended.append((socket.name, reason))

    def dismiss(self, connection: Connection, code: str) -> None:
        self.ended.append((connection.sid, code))

    def join(self, sid: str, name: str = "") -> Any:
        connection: Any = Connection(sid)
        self.connections.by_sid[sid] = connection
        self.switchboard.handle(Joined(sid, Hello("default", name or None)))
        return connection


def far_gcom(board: Board, limit: int = 10**6) -> tuple[FarConnection, Link]:
    """A client of another host joins; what it was told is in the link, and waits there."""
    link = Link("a", "b", lambda: "g", lambda text: "", Budget(10**9), limit, 4.5, 0.0)
    far = FarConnection("far", Hello("default", "gcom"), "192.0.2.1", link)
    board.connections.far["far"] = far
    board.switchboard.handle(Joined("far", far.hello))
    return far, link


def letters(link: Link) -> str:
    """The kinds of what waits in a link."""
    return "".join(text[0] for text in link._out.pending)


@pytest.fixture
def board() -> Board:
    return Board(Config())


def test_signal_is_forwarded_and_its_facts_are_observed(board: Board) -> None:
    node, gcom = board.join("1", "node"), board.join("2", "gcom")
    outputs = board.switchboard.signal(node, OFFER)
    assert gcom.heard == ["welcome", "peer_joined", "offer of node"]
    assert node.received == 1
    (delivered,) = (fact for fact in board.facts if isinstance(fact, SignalAccepted))
    assert delivered in outputs
    assert [type(fact) for fact in board.facts] == [PeerJoined, PeerJoined, SignalAccepted]


def test_bad_signal_and_a_flood_are_rejected(board: Board) -> None:
    node = board.join("1")
    with pytest.raises(Rejection, match="single JSON object"):
        board.switchboard.signal(node, "[")
    node.bucket = TokenBucket(0, 0, 0.0)
    for flood in (
        lambda: board.switchboard.signal(node, OFFER),
        lambda: board.switchboard.count(node),
    ):
        with pytest.raises(Rejection, match="events a second") as caught:
            flood()
        assert caught.value.code == "rate-limited"
    assert node.received == 2


def test_bytes_are_limited_before_they_are_read(board: Board) -> None:
    node, _ = board.join("1"), board.join("2")
    board.switchboard.signal(node, OFFER)
    wide = OFFER.replace("{}", '{"é":"éééé"}')
    for text in (wide, "[" * len(wide)):
        node.byte_rate = ByteRate(1, 0, len(wide) - 1, time.monotonic())
        node.bucket = TokenBucket(1e6, 2, 0.0)
        with pytest.raises(Rejection, match="1048576 bytes") as caught:
            board.switchboard.signal(node, text)
        assert caught.value.code == "rate-limited"
    node.byte_rate = ByteRate(0, 0, 1, 0.0)
    board.switchboard.signal(node, wide)


def crowd(board: Board, count: int) -> list[Any]:
    connections = [board.join(str(number)) for number in range(count)]
    board.switchboard.flush()
    for connection in connections:
        connection.hello = Hello("default")
        connection.heard.clear()
    return connections


def test_crowd_waits_for_its_turn_and_keeps_its_order() -> None:
    async def scene() -> None:
        board = Board(Config())
        members = crowd(board, MANY + 8)
        node, gcom = board.join("n"), board.join("g")
        board.switchboard.flush()
        for one in (node, gcom):
            one.hello = Hello("other")
        for one in members:
            one.heard.clear()
        board.switchboard.signal(members[0], OFFER)
        assert members[1].heard == [], "it is too much to do at once"
        assert any(isinstance(fact, SignalAccepted) for fact in board.facts)
        text = f'{OFFER[:-1]},"to":"1"}}'
        board.switchboard.signal(members[2], text)
        assert members[1].heard == [], "it may not overtake what waits"
        node.heard.clear()
        board.switchboard.perform([Send("n", "hello", {}), Send("gone", "hello", {})])
        assert node.heard == ["hello"], "another room does not wait"
        board.switchboard.flush()
        assert members[1].heard == ["offer of 0", "offer of 2"]

    asyncio.run(scene())


def test_client_that_ends_before_its_turn_hears_nothing_and_harms_nobody() -> None:
    async def scene() -> None:
        board = Board(Config())
        members = crowd(board, MANY + 8)
        board.switchboard.signal(members[0], OFFER)
        del board.connections.by_sid["1"]
        board.switchboard.flush()
        assert (members[1].heard, members[2].heard) == ([], ["offer of 0"])

    asyncio.run(scene())


def test_client_of_a_crowd_has_one_signal_waiting_however_much_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        board = Board(Config())
        one, other = crowd(board, CROWD)[:2]
        done: list[str] = []

        def say(connection: Any) -> None:
            board.switchboard.signal_later(connection, OFFER, lambda: done.append(connection.sid))

        monkeypatch.setattr(switchboard_module, "MOST_COPIES", CROWD)
        for connection in (one, one, other):
            say(connection)
        for connection in (one, other):
            with pytest.raises(Rejection, match="crowded") as caught:
                say(connection)
            assert caught.value.code == "rate-limited"
        used = board.relay.budget.used
        assert used > 3 * len(OFFER)
        board.switchboard.flush()
        assert (done, one.waiting, other.waiting) == (["0", "0", "1"], 0, 0)
        assert board.relay.budget.used < used
        monkeypatch.setattr(switchboard_module, "MOST_WAITING", 1)
        say(one)
        with pytest.raises(Rejection):
            say(one)

    asyncio.run(scene())


def test_signal_that_memory_has_no_place_for_does_not_wait() -> None:
    async def scene() -> None:
        board = Board(Config())
        (one,) = crowd(board, CROWD)[:1]
        board.relay.budget.total = 0
        with pytest.raises(Rejection):
            board.switchboard.signal_later(one, OFFER, lambda: None)
        assert one.waiting == 0

    asyncio.run(scene())


def test_signal_of_a_room_that_is_gone_waits_for_nobody() -> None:
    async def scene() -> None:
        board = Board(Config())
        one = board.join("1")
        one.hello = Hello("gone")
        for _ in range(3):
            board.switchboard.signal_later(one, OFFER, lambda: None)

    asyncio.run(scene())


def test_only_crowds_wait_for_a_turn() -> None:
    async def scene() -> None:
        board = Board(Config())
        await board.switchboard.turn("default")
        members = crowd(board, CROWD)
        told: list[str] = []
        board.switchboard.act_later("default", lambda: told.append("before"))
        await board.switchboard.turn("default")
        assert told == ["before"]
        board.switchboard.act_later("default", lambda: None)
        for member in members:
            board.switchboard.handle(Left(member.sid, "goodbye", True))
        assert board.switchboard.is_crowd("default"), "something still waits"
        board.switchboard.flush()
        assert not board.switchboard.is_crowd("default")

    asyncio.run(scene())


def test_other_events_count_like_signals(board: Board) -> None:
    node = board.join("1")
    node.bucket = TokenBucket(0, 1, 0.0)
    board.switchboard.count(node)
    with pytest.raises(Rejection):
        board.switchboard.signal(node, OFFER)


def test_client_that_is_gone_hears_nothing_and_harms_nobody(board: Board) -> None:
    node, gcom = board.join("1", "node"), board.join("2", "gcom")
    del board.connections.by_sid["2"]
    board.switchboard.signal(node, OFFER)
    board.switchboard.handle(Joined("3", Hello("default", "gcom")))  # replaces who is gone
    assert gcom.heard == ["welcome", "peer_joined"]
    assert board.ended == []


def test_replaced_connection_is_dismissed(board: Board) -> None:
    board.join("1", "node")
    board.join("2", "node")
    assert board.ended == [("1", "replaced")]
    assert any(isinstance(fact, PeerReplaced) for fact in board.facts)


def test_relay_hears_that_a_replaced_client_lives(board: Board) -> None:
    first = board.join("1", "node")
    board.join("2", "node")
    first.socket.when_heard()
    assert sum(isinstance(fact, NameContested) for fact in board.facts) == 1


def test_client_whose_token_is_revoked_is_dismissed_for_good(board: Board) -> None:
    connection = board.join("1", "node")
    board.switchboard.handle(Revoked({None}))
    assert board.ended == [("1", "unauthorized")]
    assert connection.heard[-1] == "error"
    assert connection.socket.when_heard is None


@pytest.mark.parametrize(
    ("waits", "too_much", "ended"),
    [
        (False, True, []),
        (True, False, []),
        (True, True, [("socket of 2", "slow-consumer")] * 2),
    ],
)
def test_client_that_does_not_read_is_a_slow_consumer(
    board: Board, waits: bool, too_much: bool, ended: list[tuple[str, str]]
) -> None:
    node, gcom = board.join("1", "node"), board.join("2", "gcom")
    gcom.waits, gcom.too_much = waits, too_much
    board.switchboard.signal(node, OFFER)
    board.join("3", "third")
    assert board.ended == ended


@pytest.mark.parametrize(
    ("waits", "too_much", "ended"),
    [(False, True, []), (True, False, []), (True, True, [("socket of 1", "slow-consumer")])],
)
def test_rejection_is_told_recorded_and_counts_to_what_waits(
    board: Board, waits: bool, too_much: bool, ended: list[tuple[str, str]]
) -> None:
    node = board.join("1", "node")
    node.waits, node.too_much = waits, too_much
    answer = board.switchboard.reject(node, Rejection("invalid-data", "no"))
    assert answer == {"ok": False, "error": {"code": "invalid-data", "message": "no"}}
    assert node.heard == ["welcome", "error"]
    assert board.facts[1:] == [("invalid-data", "no")]
    assert board.ended == ended


def test_relay_is_woken_at_its_deadline() -> None:
    async def scene() -> None:
        board = Board(Config(hold=HoldSettings(max_age=0.01)))
        node = board.join("1")
        board.switchboard.signal(node, OFFER)
        await board.told(HeldSignalsExpired)
        assert node.heard == ["welcome", "error"]

    asyncio.run(asyncio.wait_for(scene(), 10))


def test_timer_that_is_no_longer_needed_is_cancelled() -> None:
    async def scene() -> None:
        board = Board(Config())
        board.switchboard.signal(board.join("1"), OFFER)
        timer = board.switchboard._timer
        assert timer is not None
        board.switchboard.handle(Left("1", "goodbye", True))
        board.switchboard.handle(Ticked())
        assert timer.cancelled()
        board.switchboard.signal(board.join("2"), OFFER)
        board.switchboard.cancel()
        assert board.switchboard._timer.cancelled()

    asyncio.run(scene())


def test_cancel_without_a_timer_is_nothing(board: Board) -> None:
    board.switchboard.cancel()


# --- clients of other hosts -----------------------------------------------------------------------


def test_far_client_is_told_the_same_in_the_same_order(board: Board) -> None:
    node = board.join("1", "node")
    _, link = far_gcom(board)
    board.switchboard.signal(node, OFFER)
    assert letters(link) == "EEF"  # welcome, peer_joined, the offer
    assert node.heard == ["welcome", "peer_joined"]


def test_far_client_that_is_replaced_is_dismissed_and_may_show_that_it_lives(board: Board) -> None:
    far, link = far_gcom(board)
    board.join("2", "gcom")
    assert letters(link) == "EEC"  # welcome, replaced
    assert board.ended == []
    far.heard(Pulse.LIVES)
    assert isinstance(board.facts[-1], NameContested)


def test_far_client_whose_token_is_revoked_shows_no_life_that_counts(board: Board) -> None:
    far, link = far_gcom(board)
    board.switchboard.handle(Revoked({None}))
    assert letters(link) == "EEC"
    assert far.when_heard is None


def test_far_client_is_ended_while_its_link_is_full(board: Board) -> None:
    node = board.join("1", "node")
    far, link = far_gcom(board, limit=0)
    assert far.closed_for == "slow-consumer"
    board.switchboard.signal(node, OFFER)
    assert letters(link).count("C") == 1


def test_far_clients_of_a_crowd_have_their_turn(board: Board) -> None:
    async def scene() -> None:
        _, link = far_gcom(board)
        crowd = [Send("far", "error", {}) for _ in range(MANY + 1)]
        board.switchboard.perform([*crowd])
        assert letters(link) == "E"
        board.switchboard.flush()
        assert letters(link) == "E" * (MANY + 2)
        del board.connections.far["far"]
        board.switchboard.perform([*crowd])
        board.switchboard.flush()
        assert letters(link) == "E" * (MANY + 2)

    asyncio.run(scene())


def test_signal_for_a_room_elsewhere_is_checked_here_and_passed_on(board: Board) -> None:
    node = board.join("1", "node")
    passed: list[str] = []
    node.door = SimpleNamespace(
        signal=lambda one, signal, ack: passed.append(f"{signal.type} {ack}")
    )
    assert board.switchboard.signal(node, OFFER, "5") is None
    with pytest.raises(Rejection):
        board.switchboard.signal(node, "{}", "6")
    assert passed == ["offer 5"]
