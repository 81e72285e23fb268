"""Two or more peers meet through a real server, with every kind of client."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from integration.conftest import Visitors
from integration.server import PATIENCE, ServerProcess

OFFER = {"type": "offer", "data": {"type": "offer", "sdp": "v=0\r\n"}}
ANSWER = {"type": "answer", "data": {"type": "answer", "sdp": "v=0\r\n"}}
END_OF_CANDIDATES = {"type": "ice-candidate", "data": None}


async def test_node_that_joins_second_hears_of_gcom(visitors: Visitors, kind: str) -> None:
    gcom = await visitors.join("gcom")
    node = await visitors.join("node")
    assert gcom.welcome["peers"] == []
    assert abs(gcom.welcome["server_time"] - time.time()) < PATIENCE
    assert node.welcome["peers"] == [{"peer_id": "gcom", "name": "gcom"}]
    told = await node.next("peer_joined")
    assert told == {"peer_id": "gcom", "name": "gcom", "polite": False}
    told = await gcom.next("peer_joined")
    assert told == {"peer_id": "node", "name": "node", "polite": True}


async def test_node_that_joins_first_hears_of_gcom(visitors: Visitors, kind: str) -> None:
    node = await visitors.join("node")
    gcom = await visitors.join("gcom")
    assert (await node.next("peer_joined"))["peer_id"] == "gcom"
    assert (await gcom.next("peer_joined"))["peer_id"] == "node"


async def test_client_hears_welcome_then_peers_then_held_then_live_signals(
    visitors: Visitors, kind: str
) -> None:
    node = await visitors.join("node")
    held = [{**OFFER, "number": number} for number in range(5)]
    for offer in held:
        assert await node.call("signal", offer) == {"ok": True, "delivered": 0, "held": True}
    gcom = await visitors.join("gcom")
    assert (await node.next("peer_joined"))["held"] == 1, "a new offer replaces the older one"
    assert await node.call("signal", ANSWER) == {"ok": True, "delivered": 1, "held": False}
    assert (await gcom.next("signal")) == {**held[-1], "from": "node"}
    assert (await gcom.next("signal")) == {**ANSWER, "from": "node"}
    order = [event for event, _ in gcom.events if event != "upgrade"]
    assert order == ["connect", "welcome", "peer_joined", "signal", "signal"]


async def test_offer_answer_and_candidates_go_both_ways_in_order(
    visitors: Visitors, kind: str
) -> None:
    gcom = await visitors.join()
    node = await visitors.join()
    gcom_id = (await node.next("peer_joined"))["peer_id"]
    assert gcom_id == gcom.welcome["peer_id"]
    await node.emit("signal", {**OFFER, "to": gcom_id})
    offer = await gcom.next("signal")
    assert offer == {**OFFER, "to": gcom_id, "from": node.welcome["peer_id"]}
    await gcom.emit("signal", {**ANSWER, "to": offer["from"]})
    assert (await node.next("signal"))["type"] == "answer"
    candidates = [
        {"type": "ice-candidate", "data": {"candidate": f"candidate:{number}"}, "to": gcom_id}
        for number in range(30)
    ]
    for candidate in candidates:
        await node.emit("signal", candidate)
    await node.emit("signal", END_OF_CANDIDATES)
    heard = [await gcom.next("signal") for _ in range(31)]
    assert [signal["data"] for signal in heard] == [
        signal["data"] for signal in [*candidates, END_OF_CANDIDATES]
    ]


async def test_many_signals_at_once_break_no_connection(visitors: Visitors, kind: str) -> None:
    """By default python-engineio refuses an HTTP body of more than 16 packets."""
    offer_and_candidates = [{**OFFER, "number": 0}] + [
        {"type": "ice-candidate", "data": {}, "number": number} for number in range(1, 100)
    ]
    node = await visitors.join("node")
    await asyncio.gather(*(node.emit("signal", signal) for signal in offer_and_candidates))
    gcom = await visitors.join("gcom")
    heard = [(await gcom.next("signal"))["number"] for _ in range(100)]
    assert heard == list(range(100))


async def test_signals_keep_their_order_while_a_client_changes_its_transport(
    visitors: Visitors,
) -> None:
    for language in ("python", "js"):
        room = f"upgrading-{language}"
        sender = await visitors.join(room=room)
        for number in range(20):
            await sender.emit("signal", {"type": "answer", "data": {"number": number}})
        joining = visitors.join(room=room, kind=f"{language}-upgrade")
        receiver = asyncio.get_running_loop().create_task(joining)
        await sender.next("peer_joined")
        for number in range(20, 120):
            await sender.emit("signal", {"type": "answer", "data": {"number": number}})
        heard = [await (await receiver).next("signal") for _ in range(120)]
        assert [signal["data"]["number"] for signal in heard] == list(range(120))
        if language == "js":
            assert "upgrade" in [event for event, _ in receiver.result().events]
        assert await receiver.result().transport() == "websocket"


async def test_three_peers_hear_of_each_other_and_broadcasts_reach_all_others(
    visitors: Visitors, kind: str
) -> None:
    first, second, third = [await visitors.join(name) for name in ("first", "second", "third")]
    assert [peer["peer_id"] for peer in third.welcome["peers"]] == ["first", "second"]
    for client, others in (
        (first, ["second", "third"]),
        (second, ["first", "third"]),
        (third, ["first", "second"]),
    ):
        told = [(await client.next("peer_joined"))["peer_id"] for _ in range(2)]
        assert told == others
    assert await third.call("signal", OFFER) == {"ok": True, "delivered": 2, "held": False}
    for client in (first, second):
        assert await client.next("signal") == {**OFFER, "from": "third"}
    # A signal to the first alone does not reach the second, which hears the one after it.
    await third.call("signal", {**ANSWER, "to": "first"})
    await third.call("signal", END_OF_CANDIDATES)
    assert (await first.next("signal"))["type"] == "answer"
    assert (await second.next("signal"))["type"] == "ice-candidate"
    assert "signal" not in third.heard


async def test_remaining_peer_hears_who_left(visitors: Visitors, kind: str) -> None:
    gcom = await visitors.join("gcom")
    node = await visitors.join("node")
    await gcom.next("peer_joined")
    await node.disconnect()
    left = await gcom.next("peer_left")
    assert (left["peer_id"], left["name"]) == ("node", "node")
    assert left["reason"] in ("goodbye", "connection-lost")


async def test_senders_own_from_is_never_relayed(visitors: Visitors, kind: str) -> None:
    gcom = await visitors.join("gcom")
    node = await visitors.join("node")
    await node.emit("signal", {"from": "gcom", **OFFER})
    assert (await gcom.next("signal")) == {**OFFER, "from": "node"}


async def test_room_name_and_role_come_from_the_query(visitors: Visitors, kind: str) -> None:
    gcom = await visitors.join("gcom", role="ground station")
    assert (gcom.welcome["peer_id"], gcom.welcome["room"]) == ("gcom", gcom.welcome["room"])
    node = await visitors.join()
    about_gcom = {"peer_id": "gcom", "name": "gcom", "role": "ground station"}
    assert node.welcome["peers"] == [about_gcom]


async def test_room_name_and_role_come_from_auth_which_beats_the_query(
    visitors: Visitors, kind: str, room: str
) -> None:
    auth = {"room": f"{room}-auth", "name": "node", "role": ""}
    node = await visitors.join("gcom", role="camera", auth=auth)
    assert (node.welcome["peer_id"], node.welcome["room"]) == ("node", f"{room}-auth")
    gcom = await visitors.join(auth={"room": f"{room}-auth"})
    assert gcom.welcome["peers"] == [{"peer_id": "node", "name": "node", "role": "camera"}]


async def test_rooms_do_not_hear_each_other(visitors: Visitors, room: str) -> None:
    here, there = await visitors.join(), await visitors.join(room=f"{room}-b")
    assert here.welcome["room"] != there.welcome["room"]
    assert await here.call("signal", OFFER) == {"ok": True, "delivered": 0, "held": True}
    to = there.welcome["peer_id"]
    assert (await here.call("signal", {**OFFER, "to": to}))["error"]["code"] == "peer-not-found"
    assert there.heard == ["welcome"]


async def test_announce_newcomers_tells_only_those_present(
    visitors: Visitors, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path, {"rooms": {"announce": "newcomers"}}) as server:
        gcom = await visitors.join("gcom", url=server.url)
        node = await visitors.join("node", url=server.url)
        assert (await gcom.next("peer_joined"))["peer_id"] == "node"
        await gcom.call("signal", OFFER)
        await node.next("signal")
        assert node.heard == ["welcome", "signal"]
        assert node.welcome["peers"] == [{"peer_id": "gcom", "name": "gcom"}]
        await visitors.leave()


async def test_warning_names_the_peers_if_more_than_expected_join(
    visitors: Visitors, shared_server: ServerProcess, room: str
) -> None:
    for name in ("node", "gcom", "tablet"):
        await visitors.join(name)
    await shared_server.line(f"WARNING room {room}: 3 peers here, 2 expected: node, gcom, tablet")
