from __future__ import annotations

import asyncio
import json
import logging
import time
from types import SimpleNamespace
from typing import Any, Awaitable, Callable

import pytest
from yarl import URL

from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.schema import Config, LimitsSettings, RoomsSettings
from signaling_server.core.protocol.announcement import dumps
from signaling_server.core.protocol.auth import Grant, Tokens, digest, new_token
from signaling_server.core.protocol.events import (
    Disconnected,
    Joined,
    Left,
    PeerReplaced,
    Rejected,
)
from signaling_server.core.protocol.limits import TokenBucket
from signaling_server.core.protocol.occupancy import CROWD
from signaling_server.errors import Rejection
from signaling_server.transport import switchboard as switchboard_module
from signaling_server.transport.engine.socket import Waiting
from unit.fake_engine import Transport, crash
from unit.fake_socket import FakeSocket

OFFER = '{"type":"offer","data":{}}'
TOKEN, TOKEN_ID = new_token(bytes(37))
TOKENS = Tokens([Grant(TOKEN_ID, digest(TOKEN), "node", rooms=("default",))], released=0.0)


def act(
    scene: Callable[[Transport], Awaitable[None]], config: Config | None = None, tokens: Any = None
) -> None:
    async def play() -> None:
        await asyncio.wait_for(scene(Transport(config, tokens)), 10)

    asyncio.run(play())


def request(query: str = "") -> Any:
    url = URL(f"/?{query}", encoded=True)
    return SimpleNamespace(remote="127.0.0.1", rel_url=url, headers={})


async def join(scene: Transport, sid: str, name: str, auth: Any = None) -> FakeSocket:
    """A client that has connected and hears what it is told."""
    socket = scene.open(f"engine-{sid}")
    assert await scene.handlers.connect(sid, socket, request(f"name={name}"), auth) is None
    scene.connections.by_sid[sid].outbox.uncork()
    return socket


def heard(socket: FakeSocket) -> list[str]:
    return [packet.split('"')[1] for packet in socket.written]


def ends(scene: Transport) -> list[str]:
    return [fact.reason for fact in scene.facts if isinstance(fact, Disconnected)]


# --- connect and disconnect -----------------------------------------------------------------------


def test_client_that_connects_joins_and_hears_nothing_before_the_answer() -> None:
    async def scene(scene: Transport) -> None:
        socket = scene.open()
        assert await scene.handlers.connect("1", socket, request("name=node"), None) is None
        assert [peer.peer_id for peer in scene.relay.peers.values()] == ["node"]
        assert socket.written == []
        scene.connections.by_sid["1"].outbox.uncork()
        assert heard(socket) == ["welcome"]

    act(scene)


def test_client_that_joins_a_crowd_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(scene: Transport) -> None:
        rooms: list[str] = []

        def wait(room: str) -> float:
            rooms.append(room)
            return 0.01

        monkeypatch.setattr(scene.admission, "wait_for_turn", wait)
        await join(scene, "1", "node")
        assert rooms == ["default"]

    act(scene)


def test_stranger_finds_no_place_in_a_full_server() -> None:
    async def scene(scene: Transport) -> None:
        known = scene.open("known")
        assert await scene.handlers.connect("1", known, request(), None) is None
        stranger = scene.open("stranger")
        scene.entrance.add("stranger", "10.0.0.1", lambda: None)
        assert await scene.handlers.connect("2", stranger, request(), None) is None
        assert scene.rejections() == ["server-full"]

    act(scene, Config(limits=LimitsSettings(connections=1)))


def test_refusal_for_good_is_a_connect_error() -> None:
    async def scene(scene: Transport) -> None:
        error = await scene.handlers.connect("1", scene.open(), request("name=%0a"), None)
        assert error is not None
        assert error.message == "invalid-name"
        assert error.data is not None
        assert not scene.connections.by_sid
        assert scene.rejections() == ["invalid-name"]

    act(scene)


def test_failed_log_in_waits_for_its_answer_if_its_address_has_failed_before() -> None:
    async def scene(scene: Transport) -> None:
        waits: list[str] = []
        scene.admission.penalty = lambda address: waits.append(address) or 0.0  # type: ignore
        error = await scene.handlers.connect("1", scene.open(), request(), {"token": "x"})
        assert error is not None
        assert error.message == "unauthorized"
        assert waits == ["127.0.0.1"]

    act(scene, tokens=TOKENS)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each sleep, which takes no time."""
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return asked


@pytest.mark.parametrize(
    ("penalty", "message"),
    [(0.01, "unknown token"), (1.2, "too many failed log-ins from this address; wait 2 s")],
)
def test_failed_log_in_is_answered_before_its_client_gives_up(
    slept: list[float], penalty: float, message: str
) -> None:
    async def scene(scene: Transport) -> None:
        scene.admission.penalty = lambda address: penalty  # type: ignore[method-assign]
        error = await scene.handlers.connect("1", scene.open(), request(), {"token": "x"})
        assert error is not None
        assert error.data is not None
        assert error.data["message"].startswith(message)
        assert slept == [min(penalty, 0.8)]

    act(scene, tokens=TOKENS)


def test_valid_token_is_never_delayed_by_failures_of_its_address(slept: list[float]) -> None:
    async def scene(scene: Transport) -> None:
        for number in range(5):
            wrong = await scene.handlers.connect("1", scene.open(), request(), {"token": "x"})
            assert wrong is not None, number
        assert max(slept) == 0.8, "the address has to wait"
        slept.clear()
        assert await scene.handlers.connect("2", scene.open(), request(), {"token": TOKEN}) is None
        assert slept == []
        assert scene.admission.penalty("127.0.0.1") > 0.8, "and it has earned no turn"

    act(scene, tokens=TOKENS)


def test_event_that_is_not_known_is_answered_with_advice_and_counted() -> None:
    async def scene(scene: Transport) -> None:
        socket = await join(scene, "1", "node")
        answer = scene.handlers.unknown("offer", "1", "{}")
        assert (answer["ok"], answer["error"]["code"]) == (False, "unknown-event")
        assert heard(socket) == ["welcome", "error"]
        assert '"event":"offer"' in socket.written[-1]
        scene.connections.by_sid["1"].bucket = TokenBucket(0.0, 0, 0.0)
        assert scene.handlers.unknown("offer", "1", "{}")["error"]["code"] == "rate-limited"
        assert scene.rejections() == ["unknown-event", "rate-limited"]

    act(scene)


def test_rejection_that_may_pass_is_an_error_and_a_lost_connection() -> None:
    async def scene(scene: Transport) -> None:
        await join(scene, "1", "node")
        late = await join(scene, "2", "gcom")
        assert heard(late) == ["error"]
        assert scene.rejections() == ["room-full"]
        await asyncio.gather(*scene.background._tasks)
        assert late.done == ["drain", "hang up"]

    act(scene, Config(rooms=RoomsSettings(max_peers=1)))


def test_connect_handler_that_fails_refuses_the_client(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(scene: Transport) -> None:
        scene.relay._handlers[Joined] = crash
        error = await scene.handlers.connect("1", scene.open(), request(), None)
        assert error == ("internal error", None)

    with caplog.at_level(logging.ERROR):
        act(scene)
    assert "a connect handler failed" in caplog.text


@pytest.mark.parametrize(
    ("reason", "said_goodbye", "closed_for", "told"),
    [
        ("client disconnect", False, "", "goodbye"),
        ("transport close", True, "", "goodbye"),
        ("transport close", False, "", "connection-lost"),
        ("transport error", False, "", "connection-lost"),
        ("ping timeout", False, "", "ping-timeout"),
        ("something new", False, "", "something new"),
        ("client disconnect", False, "replaced", "replaced"),
    ],
)
def test_end_has_a_reason_in_the_words_of_the_protocol(
    reason: str, said_goodbye: bool, closed_for: str, told: str
) -> None:
    async def scene(scene: Transport) -> None:
        socket = await join(scene, "1", "node")
        socket.said_goodbye = said_goodbye
        scene.connections.by_sid["1"].closed_for = closed_for
        scene.handlers.disconnect("1", reason)
        scene.handlers.disconnect("1", reason)
        assert ends(scene) == [told]
        assert not scene.relay.peers

    act(scene)


def test_goodbye_ends_a_peer_with_a_session_and_a_break_does_not() -> None:
    async def scene(scene: Transport) -> None:
        for sid, reason in (("1", "transport close"), ("2", "client disconnect")):
            await join(scene, sid, f"peer-{sid}", {"session": "key" * 8})
            scene.handlers.disconnect(sid, reason)
        rooms = scene.relay.rooms.values()
        assert [peer for room in rooms for peer in room.peers] == ["peer-1"]

    act(scene)


def test_disconnect_handler_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(scene: Transport) -> None:
        await join(scene, "1", "node")
        scene.relay._handlers[Left] = crash
        scene.handlers.disconnect("1", "transport close")
        assert not scene.connections.by_sid

    with caplog.at_level(logging.ERROR):
        act(scene)
    assert "a disconnect handler failed" in caplog.text


def test_forgotten_connection_is_gone_from_the_library_too() -> None:
    async def scene(scene: Transport) -> None:
        await join(scene, "1", "node")
        scene.handlers.forget(scene.connections.by_sid["1"])
        assert ends(scene) == ["connection-lost"]
        assert scene.engine.done == ["remove client 1"]

    act(scene)


# --- signals --------------------------------------------------------------------------------------


def test_signal_is_relayed_on_both_paths() -> None:
    async def scene(scene: Transport) -> None:
        await join(scene, "1", "node")
        gcom = await join(scene, "2", "gcom")
        assert scene.handlers.relay_signal("engine-1", OFFER, "")
        assert scene.handlers.signal("1", OFFER) == {"ok": True, "delivered": 1, "held": False}
        assert heard(gcom)[2:] == ["signal", "signal"]
        assert scene.connections.by_sid["1"].received == 2
        assert scene.connections.by_sid["2"].sent == 2

    act(scene)


def test_held_signal_is_answered_as_held() -> None:
    async def scene(scene: Transport) -> None:
        await join(scene, "1", "node")
        assert scene.handlers.signal("1", OFFER) == {"ok": True, "delivered": 0, "held": True}

    act(scene)


def test_fast_path_leaves_a_client_that_has_not_joined_to_the_slow_one() -> None:
    async def scene(scene: Transport) -> None:
        assert not scene.handlers.relay_signal("engine-1", OFFER, "")

    act(scene)


def test_bad_signal_is_rejected_on_both_paths() -> None:
    async def scene(scene: Transport) -> None:
        node = await join(scene, "1", "node")
        assert scene.handlers.relay_signal("engine-1", "[]", "")
        answer = scene.handlers.signal("1", "[]")
        assert (answer["ok"], answer["error"]["code"]) == (False, "invalid-format")
        assert heard(node) == ["welcome", "error", "error"]
        assert scene.rejections() == ["invalid-format"] * 2

    act(scene)


def answers(socket: FakeSocket) -> list[str]:
    return [packet for packet in socket.written if packet.startswith("3")]


def test_answer_of_the_fast_path_says_what_the_slow_one_says() -> None:
    async def scene(scene: Transport) -> None:
        node = await join(scene, "1", "node")
        for number, argument in enumerate([OFFER, "[]"]):
            assert scene.handlers.relay_signal("engine-1", argument, str(number))
            answer = scene.handlers.signal("1", argument)
            assert answers(node)[-1] == f"3{number}[{dumps(answer)}]"
        await join(scene, "2", "gcom")
        assert scene.handlers.relay_signal("engine-1", OFFER, "2")
        assert answers(node)[-1] == '32[{"ok":true,"delivered":1,"held":false}]'
        await join(scene, "3", "node")
        assert scene.handlers.relay_signal("engine-1", OFFER, "3")
        assert answers(node)[-1] == f"33[{dumps(scene.handlers.signal('1', OFFER))}]"
        await scene.background.cancel()

    act(scene)


def test_newer_offer_that_replaces_a_held_one_is_answered_as_held() -> None:
    async def scene(scene: Transport) -> None:
        node = await join(scene, "1", "node")
        for ack_id in ("1", "2"):
            assert scene.handlers.relay_signal("engine-1", OFFER, ack_id)
        assert heard(node) == ["welcome", "ok", "error", "ok"], "it hears what became of the first"
        held = '[{"ok":true,"delivered":0,"held":true}]'
        assert answers(node) == [f"31{held}", f"32{held}"]

    act(scene)


async def crowd(scene: Transport) -> list[FakeSocket]:
    """So many clients in one room that they have to take turns."""
    members = [await join(scene, str(number), f"peer-{number}") for number in range(CROWD)]
    scene.switchboard.flush()
    for member in members:
        member.written.clear()
    return members


def test_signals_and_answers_in_a_crowded_room_come_in_their_turn_and_in_order() -> None:
    async def scene(scene: Transport) -> None:
        members = await crowd(scene)
        for ack_id, argument in (("1", OFFER), ("2", "[]"), ("3", OFFER)):
            assert scene.handlers.relay_signal("engine-0", argument, ack_id)
        assert answers(members[0]) == heard(members[1]) == []
        scene.switchboard.flush()
        assert [answer[:2] for answer in answers(members[0])] == ["31", "32", "33"]
        assert [f'"delivered":{CROWD - 1}' in answer for answer in answers(members[0])] == [
            True,
            False,
            True,
        ]
        assert heard(members[1]) == ["signal", "signal"]

    act(scene)


def test_signal_of_a_crowd_of_which_too_many_wait_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(scene: Transport) -> None:
        monkeypatch.setattr(switchboard_module, "MOST_WAITING", 1)
        members = await crowd(scene)
        for ack_id in ("1", "2"):
            scene.handlers.relay_signal("engine-0", OFFER, ack_id)
        (refusal,) = answers(members[0])
        assert refusal.startswith("32")
        assert scene.rejections() == ["rate-limited"]
        scene.switchboard.flush()
        assert [answer[:2] for answer in answers(members[0])] == ["32", "31"]

    act(scene)


def test_departure_from_a_crowd_comes_after_what_was_said_before() -> None:
    async def scene(scene: Transport) -> None:
        members = await crowd(scene)
        scene.handlers.relay_signal("engine-0", OFFER, "")
        scene.handlers.disconnect("0", "client disconnect")
        assert "0" in scene.relay.peers
        scene.switchboard.flush()
        assert heard(members[1]) == ["signal", "peer_left"]
        assert ends(scene) == ["goodbye"]

    act(scene)


def test_client_that_returns_to_a_crowd_comes_after_its_own_departure() -> None:
    async def scene(scene: Transport) -> None:
        members = await crowd(scene)
        scene.handlers.disconnect("0", "client disconnect")
        await join(scene, "again", "peer-0")
        scene.switchboard.flush()
        assert heard(members[1]) == ["peer_left", "peer_joined"]
        assert not any(isinstance(fact, PeerReplaced) for fact in scene.facts)

    act(scene)


@pytest.mark.parametrize("argument", [OFFER, "[]"])
def test_client_that_does_not_fetch_its_answers_is_closed(argument: str) -> None:
    async def scene(scene: Transport) -> None:
        node = await join(scene, "1", "node")
        node.waiting = Waiting(10**6, 0)
        scene.switchboard.reject = lambda *_: {}  # type: ignore[method-assign]
        scene.handlers.relay_signal("engine-1", argument, "7")
        assert node.done == ["abort"]

    act(scene)


def test_client_that_does_not_fetch_its_errors_is_closed() -> None:
    async def scene(scene: Transport) -> None:
        node = await join(scene, "1", "node")
        node.waiting = Waiting(10**6, 0)
        scene.handlers.relay_signal("engine-1", "[]", "")
        assert node.done == ["abort"]
        assert scene.connections.by_sid["1"].closed_for == "slow-consumer"

    act(scene)


def test_crash_on_the_fast_path_costs_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(scene: Transport) -> None:
        node = await join(scene, "1", "node")
        scene.switchboard.signal = crash  # type: ignore[method-assign]
        assert scene.handlers.relay_signal("engine-1", OFFER, "")
        assert node.done == ["abort"]

    with caplog.at_level(logging.ERROR):
        act(scene)
    assert "injected" in caplog.text


def test_connection_that_was_replaced_is_told_so() -> None:
    async def scene(scene: Transport) -> None:
        await join(scene, "1", "node")
        await join(scene, "2", "node")
        answer = scene.handlers.signal("1", OFFER)
        assert (answer["ok"], answer["error"]["code"]) == (False, "replaced")
        await scene.background.cancel()

    act(scene)


# --- the other events -----------------------------------------------------------------------------


def test_other_events_are_answered() -> None:
    async def scene(scene: Transport) -> None:
        await join(scene, "1", "node")
        assert scene.handlers.events["ice_servers"]("1", "") == {"ice_servers": [], "ttl": None}
        assert scene.handlers.events["report"]("1", '{"state":"connected"}') == {"ok": True}
        ((room, peer_id, report),) = scene.reports
        assert (room, peer_id, report.state) == ("default", "node", "connected")

    act(scene)


def test_welcome_tells_the_time_and_the_ice_servers_that_are_not_withheld() -> None:
    async def scene(scene: Transport) -> None:
        scene.handlers.arrival._withheld = lambda: {"stun:a"}
        before = time.time()
        socket = await join(scene, "1", "node")
        after = time.time()
        welcome = json.loads(socket.written[0][1:])[1]
        assert round(before, 3) <= welcome["server_time"] <= round(after, 3)
        assert welcome["ice_servers"] == [{"urls": ["stun:b"]}]
        assert scene.handlers.ice_servers("1", "")["ice_servers"] == [{"urls": ["stun:b"]}]

    act(scene, Config(ice_servers=(IceServer(("stun:a", "stun:b")),)))


@pytest.mark.parametrize("event", ["signal", "ice_servers", "report"])
def test_flood_of_any_event_is_rejected(event: str) -> None:
    async def scene(scene: Transport) -> None:
        await join(scene, "1", "node")
        scene.connections.by_sid["1"].bucket = TokenBucket(0, 0, 0.0)
        answer = scene.handlers.events[event]("1", "{}")
        if event == "signal":  # of which another host may have the answer
            answer = await answer
        assert answer["error"]["code"] == "rate-limited"
        assert [fact.peer_id for fact in scene.facts if isinstance(fact, Rejected)] == ["node"]

    act(scene)


def test_rate_is_that_of_the_settings_at_connect() -> None:
    async def scene(scene: Transport) -> None:
        await join(scene, "1", "node")
        assert scene.handlers.signal("1", OFFER)["ok"]
        assert scene.handlers.signal("1", OFFER)["error"]["code"] == "rate-limited"

    act(scene, Config(limits=LimitsSettings(messages_per_second=0.001, burst=1)))


# --- a room that another host serves --------------------------------------------------------------


class FarDoor:
    """The way to another host. It answers, or refuses."""

    def __init__(self, refuses: bool = False) -> None:
        self.refuses = refuses
        self.done: list[Any] = []

    def signal(self, connection: Any, signal: Any, ack_id: str) -> None:
        if self.refuses:
            raise Rejection("rate-limited", "too much waits")
        self.done.append((signal.type, ack_id))

    def expect(self, connection: Any) -> str:
        return "77"

    async def answer(self, connection: Any, ack: str, passed: bool) -> dict[str, Any]:
        self.done.append(("answer", ack, passed))
        return {"ok": True, "far": True}

    def report(self, connection: Any, text: str) -> None:
        self.done.append(("report", text))

    def left(self, connection: Any, reason: str, goodbye: bool) -> None:
        self.done.append(("left", reason, goodbye))


async def join_far(scene: Transport, door: FarDoor) -> FakeSocket:
    socket = scene.open("engine-1")
    scene.connect("1", socket, "node").door = door  # type: ignore[assignment]
    scene.connections.by_sid["1"].outbox.uncork()
    return socket


def test_signal_for_a_room_elsewhere_is_answered_by_its_host() -> None:
    async def scene(scene: Transport) -> None:
        door = FarDoor()
        socket = await join_far(scene, door)
        assert scene.handlers.relay_signal("engine-1", OFFER, "5")
        assert door.done == [("offer", "5")]
        assert socket.written == []
        answer = await scene.handlers.events["signal"]("1", OFFER)
        assert answer == {"ok": True, "far": True}
        assert door.done[1:] == [("offer", "77"), ("answer", "77", True)]

    act(scene)


def test_signal_that_a_room_elsewhere_has_no_room_for_is_refused_on_both_paths() -> None:
    async def scene(scene: Transport) -> None:
        door = FarDoor(refuses=True)
        socket = await join_far(scene, door)
        assert scene.handlers.relay_signal("engine-1", OFFER, "5")
        assert heard(socket) == ["error", "ok"]
        answer = await scene.handlers.events["signal"]("1", OFFER)
        assert answer["error"]["code"] == "rate-limited"
        assert door.done == [("answer", "77", False)]

    act(scene)


def test_report_and_departure_from_a_room_elsewhere_go_to_its_host() -> None:
    async def scene(scene: Transport) -> None:
        door = FarDoor()
        await join_far(scene, door)
        text = '{"state":"connected"}'
        assert scene.handlers.events["report"]("1", text) == {"ok": True}
        assert scene.reports == []
        scene.handlers.disconnect("1", "client disconnect")
        assert door.done == [("report", text), ("left", "goodbye", True)]
        assert ends(scene) == ["goodbye"]

    act(scene)
