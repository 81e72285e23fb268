"""Held signals: what a peer says while it is alone waits for the next one."""

from __future__ import annotations

import pytest

from scenarios.scene import Scene
from signaling_server.core.protocol.events import (
    HeldSignalsDelivered,
    HeldSignalsExpired,
    HeldSignalsReplaced,
)
from signaling_server.errors import Rejection


def test_offer_to_nobody_waits_for_the_next_that_joins() -> None:
    scene = Scene()
    scene.join("n", name="node")
    first, second = scene.say("n"), scene.say("n", "ice-candidate")
    assert (first.delivered, first.held) == (second.delivered, second.held) == (0, 1)
    scene.join("g", name="gcom")
    assert scene.heard("g") == [
        "welcome [node]",
        "joined node polite",
        "offer #1 from node",
        "ice-candidate #2 from node",
    ]
    assert scene.heard("n") == ["welcome []", "joined gcom impolite held=2"]
    delivered = HeldSignalsDelivered("node", "gcom", "default", 2)
    assert scene.facts_of(HeldSignalsDelivered) == [delivered]


def test_held_signals_go_to_one_newcomer_only() -> None:
    scene = Scene()
    scene.join("n")
    scene.say("n")
    scene.join("a")
    scene.join("b")
    assert "offer #1 from n" in scene.heard("a")
    assert "offer #1 from n" not in scene.heard("b")


def test_signal_is_not_held_while_somebody_is_there() -> None:
    scene = Scene()
    scene.join("n")
    scene.join("a")
    assert scene.say("n").held == 0
    scene.join("b")
    assert "offer #1 from n" not in scene.heard("b")


def test_addressed_signal_is_not_held() -> None:
    scene = Scene()
    scene.join("n")
    with pytest.raises(Rejection) as refused:
        scene.say("n", to="gcom")
    assert refused.value.code == "peer-not-found"
    scene.join("g", name="gcom")
    assert scene.heard("g") == ["welcome [n]", "joined n polite"]


def test_new_offer_replaces_the_older_negotiation() -> None:
    scene = Scene()
    scene.join("n")
    scene.say("n")
    scene.say("n", "ice-candidate")
    scene.say("n")
    scene.say("n", "ice-candidate")
    scene.join("g")
    assert scene.heard("g")[2:] == ["offer #3 from n", "ice-candidate #4 from n"]


def test_held_signals_go_with_their_sender() -> None:
    scene = Scene()
    scene.join("n", name="node")
    scene.say("n")
    scene.join("n2", name="node")  # the node after its reboot
    scene.join("g", name="gcom")
    assert scene.heard("g") == ["welcome [node]", "joined node polite"]
    scene.leave("n2")
    assert scene.relay.budget.used == 0


def test_full_hold_refuses_the_newest_and_keeps_the_offer() -> None:
    scene = Scene(hold={"max_messages": 2})
    scene.join("n")
    scene.say("n")
    scene.say("n", "ice-candidate")
    with pytest.raises(Rejection) as refused:
        scene.say("n", "ice-candidate")
    assert refused.value.code == "hold-full"
    scene.join("g")
    assert scene.heard("g")[2:] == ["offer #1 from n", "ice-candidate #2 from n"]


def test_hold_is_bounded_in_bytes() -> None:
    scene = Scene(hold={"max_bytes": 1000})
    scene.join("n")
    scene.say("n", "ice-candidate", padding="x" * 300)
    with pytest.raises(Rejection) as refused:
        scene.say("n", "ice-candidate", padding="x" * 300)
    assert refused.value.code == "hold-full"


def test_refused_offer_leaves_the_held_signals() -> None:
    scene = Scene(hold={"max_bytes": 1000})
    scene.join("n")
    scene.say("n")
    with pytest.raises(Rejection):
        scene.say("n", padding="x" * 2000)
    scene.join("g")
    assert scene.heard("g")[2:] == ["offer #1 from n"]


def test_all_rooms_share_one_budget() -> None:
    scene = Scene(limits={"memory_bytes": 700})
    scene.join("a", room="one")
    scene.join("b", room="two")
    scene.say("a")
    scene.say("b")
    with pytest.raises(Rejection) as refused:
        scene.say("b", "ice-candidate")
    assert refused.value.code == "hold-full"
    scene.leave("a")
    scene.say("b", "ice-candidate")


def test_sender_hears_of_the_expiry() -> None:
    scene = Scene(hold={"max_age": 60.0})
    scene.join("n")
    scene.say("n")
    scene.wait(30)
    scene.say("n", "ice-candidate")
    scene.heard("n")
    scene.wait(29.9)
    assert scene.heard("n") == []
    scene.wait(0.2)
    assert scene.heard("n") == ["error expired"]
    assert scene.payloads["n"][-1][1]["count"] == 1
    scene.join("g")
    assert scene.heard("g")[2:] == ["ice-candidate #2 from n"]
    assert scene.facts_of(HeldSignalsExpired) == [HeldSignalsExpired("n", "default", 1)]


def test_idle_relay_asks_for_no_wake_up() -> None:
    scene = Scene()
    assert scene.relay.next_deadline() is None
    scene.join("n")
    scene.say("n")
    assert scene.relay.next_deadline() == scene.now + 60
    scene.wait(61)
    assert scene.relay.next_deadline() is None


def test_without_hold_a_lonely_signal_reaches_nobody() -> None:
    scene = Scene(hold={"enabled": False})
    scene.join("n")
    answer = scene.say("n")
    assert (answer.delivered, answer.held) == (0, 0)
    scene.join("g")
    assert scene.heard("g") == ["welcome [n]", "joined n polite" if "g" < "n" else ""]


def test_reload_of_a_shorter_age_applies_to_held_signals() -> None:
    scene = Scene()
    scene.join("n")
    scene.say("n")
    scene.reconfigure(hold={"max_age": 5.0})
    scene.wait(5)
    assert scene.heard("n")[-1] == "error expired"


def test_offer_refused_for_want_of_memory_leaves_the_held_signals() -> None:
    scene = Scene(limits={"memory_bytes": 1000})
    scene.join("n")
    scene.say("n")
    with pytest.raises(Rejection) as refused:
        scene.say("n", padding="x" * 1000)
    assert refused.value.code == "hold-full"
    scene.join("g")
    assert scene.heard("g")[2:] == ["offer #1 from n"]
    assert scene.relay.budget.used == 0


def test_candidates_before_their_offer_are_held_with_it() -> None:
    scene = Scene()
    scene.join("n")
    for kind in ("ice-candidate", "ice-candidate", "offer", "ice-candidate"):
        assert scene.say("n", kind, ufrag="a").held == 1
    scene.join("g")
    assert scene.heard("n") == ["welcome []", "joined g impolite held=4"]
    assert scene.heard("g")[2:] == [
        "ice-candidate #1 from n",
        "ice-candidate #2 from n",
        "offer #3 from n",
        "ice-candidate #4 from n",
    ]


def test_sender_hears_what_its_new_offer_replaced() -> None:
    scene = Scene()
    scene.join("n")
    scene.say("n", ufrag="a")
    scene.say("n", "ice-candidate", ufrag="a")
    scene.heard("n")
    scene.say("n", ufrag="b")
    assert scene.heard("n") == ["error expired"]
    payload = scene.payloads["n"][-1][1]
    assert payload["count"] == 2
    assert payload["message"] == "2 held signals dropped: a newer offer replaced them"
    reason = "a newer offer replaced them"
    assert scene.facts_of(HeldSignalsReplaced) == [HeldSignalsReplaced("n", "default", 2, reason)]


def test_session_that_cannot_resume_hears_of_its_held_signals() -> None:
    scene = Scene(hold={"max_age": 5.0})
    scene.join("n", name="node", session="key")
    scene.say("n")
    scene.wait(2)
    scene.say("n", "ice-candidate")
    scene.lose("n")
    scene.wait(4)
    scene.join("n2", name="node", session="key", seen=7)  # a number that was never given
    assert scene.heard("n2") == ["welcome []", "error expired"]
    assert scene.payloads["n2"][-1][1]["count"] == 2


def test_expiries_add_up_while_their_sender_is_away() -> None:
    scene = Scene(hold={"max_age": 5.0}, resume={"max_messages": 1})
    scene.join("n", name="node", session="key")
    scene.say("n", "ice-candidate")
    scene.wait(2)
    scene.say("n", "ice-candidate")
    scene.lose("n")
    scene.wait(10)
    scene.join("n2", name="node", session="key")
    assert scene.heard("n2") == ["welcome back []", "error expired"]
    assert scene.payloads["n2"][-1][1]["count"] == 2
    scene.lose("n2")
    scene.join("n3", name="node", session="key")
    assert scene.heard("n3") == ["welcome back []"], "it was told"
