from __future__ import annotations

import pytest

from scenarios.scene import settings
from signaling_server.core.protocol.delivery import Delivery
from signaling_server.core.protocol.events import Forward, Joined, Send
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.limits import Budget
from signaling_server.core.protocol.messages import Signal
from signaling_server.core.protocol.peers import Change, Peer, Room
from signaling_server.errors import Rejection

SIGNAL = Signal("offer", None, 100, "{")
CONFIG = settings(resume={"max_messages": 1}, socketio={"ping_interval": 1, "ping_timeout": 1})


class House:
    """A room whose peers are present, or away."""

    def __init__(self) -> None:
        self.room = Room("drone-1")
        self.budget = Budget(10_000)
        self.delivery = Delivery(CONFIG)
        self.sender = self.enter("node")

    def enter(self, name: str, session: str | None = None, away: bool = False) -> Peer:
        hello = Hello("drone-1", name, session=session)
        peer = Peer(self.room, Joined(f"sid-{name}", hello), self.budget)
        if away:
            peer.change(Change.BROKE)
        return peer


def test_copies_for_sessions_are_numbered_and_kept_and_others_are_not() -> None:
    house = House()
    plain, with_session = house.enter("gcom"), house.enter("tablet", "key")
    outputs, delivered, held = house.delivery.forward(
        [plain, with_session], house.sender, SIGNAL, 0
    )
    assert outputs == [
        Forward("sid-gcom", SIGNAL, "node", 0),
        Forward("sid-tablet", SIGNAL, "node", 1),
    ]
    assert (delivered, held) == (2, 0)
    assert house.budget.used > 100


def test_copies_wait_for_those_who_are_away_as_long_as_there_is_room() -> None:
    house = House()
    present, away = house.enter("gcom"), house.enter("tablet", "key", away=True)
    receivers = [present, away]
    assert house.delivery.forward(receivers, house.sender, SIGNAL, 0)[1:] == (1, 1)
    outputs, delivered, held = house.delivery.forward(receivers, house.sender, SIGNAL, 0)
    assert (delivered, held) == (1, 0)
    assert isinstance(outputs[1], Send)
    assert (outputs[1].sid, outputs[1].payload["code"]) == ("sid-node", "hold-full")
    with pytest.raises(Rejection) as refused:
        house.delivery.forward([away], house.sender, SIGNAL, 0)
    assert (refused.value.code, refused.value.payload()["to"]) == ("hold-full", "tablet")


def test_new_configuration_counts_at_once() -> None:
    delivery = Delivery(CONFIG)
    assert delivery.horizon == 4
    delivery.configure(settings(socketio={"ping_interval": 2, "ping_timeout": 1}))
    assert delivery.horizon == 5
