from __future__ import annotations

import json

from scenarios.scene import Scene
from sdps import candidate
from signaling_server.core.insight.insight import Insight
from signaling_server.core.protocol.events import Joined, Refused, Rejected, SignalAccepted
from signaling_server.core.protocol.hello import Hello
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.core.protocol.rtc_report import ConnectionReport
from signaling_server.core.protocol.scope import Scope
from signaling_server.core.reporting.metrics import Metrics
from signaling_server.core.reporting.status_report import build


def seen(scene: Scene) -> dict:  # type: ignore[type-arg]
    metrics, insight = Metrics(), Insight()
    for fact in scene.facts:
        metrics.record(fact, scene.now)  # type: ignore[arg-type]
        insight.record(fact, scene.now)  # type: ignore[arg-type]
    insight.digest(scene.now)
    return build(scene.relay, metrics, insight, "1.2.3", 61.26, ["a warning"], scene.now + 2)


def test_unused_server() -> None:
    assert seen(Scene()) == {
        "server": {"version": "1.2.3", "uptime_seconds": 61.3, "warnings": ["a warning"]},
        "headline": None,
        "counters": {
            "signals": 0,
            "delivered": 0,
            "held": 0,
            "expired": 0,
            "rejected": 0,
            "takeovers": 0,
            "resumes": 0,
        },
        "rooms": [],
        "diagnosis": [],
        "events": [],
        "refusals": [],
    }


def test_refused_callers_are_listed_newest_first() -> None:
    metrics = Metrics()
    for address, at in (("10.0.0.1", 5.0), ("10.0.0.1", 6.0), ("10.0.0.2", 7.5)):
        metrics.record(Refused(address, "old-client", "it is old"), at)
    found = build(Scene().relay, metrics, Insight(), "1.2.3", 61.26, [], 10.0)["refusals"]
    assert [(one["address"], one["times"], one["seconds_ago"]) for one in found] == [
        ("10.0.0.2", 1, 2.5),
        ("10.0.0.1", 2, 4.0),
    ]
    assert found[0]["code"] == "old-client"
    assert found[0]["text"].startswith("it is old; use 3 or newer")


def test_pair_shows_the_stages_that_have_happened() -> None:
    scene = Scene()
    scene.join("n", name="node", role="streaming-node")
    scene.join("g", name="gcom", session="key")
    scene.say("n", "offer", to="gcom")
    found = seen(scene)
    (room,) = found["rooms"]
    assert [peer["peer_id"] for peer in room["peers"]] == ["node", "gcom"]
    assert room["peers"][0] == {
        "peer_id": "node",
        "name": "node",
        "role": "streaming-node",
        "address": "address-of-n",
        "transport": "websocket",
        "state": "present",
        "connected_seconds": 2.0,
        "signals": 1,
        "refused": 0,
    }
    (pair,) = room["pairs"]
    stages = [(stage["stage"], stage["by"], stage["seconds_ago"]) for stage in pair["stages"]]
    assert stages == [("both-here", None, 2.0), ("offer", "node", 2.0)]
    assert found["counters"]["signals"] == found["counters"]["delivered"] == 1
    assert found["events"][0]["text"] == "node sent an offer to gcom"


def test_peer_shows_which_rule_named_it() -> None:
    scene = Scene()
    scene._handle(Joined("n", Hello("default", "node", by_rule="names[0]")))
    assert seen(scene)["rooms"][0]["peers"][0]["named_by"] == "names[0]"


def test_stage_shows_what_is_known_beside_its_time() -> None:
    scene, insight = Scene(), Insight()
    scene.join("n", name="node")
    scene.join("g", name="gcom")
    for fact in scene.facts:
        insight.record(fact, scene.now)  # type: ignore[arg-type]
    insight.digest(scene.now)
    data = {"candidate": candidate("10.0.0.1")}
    signal = parse_signal(json.dumps({"type": "ice-candidate", "data": data}), 1000, 9)
    insight.record(SignalAccepted("n", "node", "default", signal, 1, 0), scene.now)
    ends = {
        "local": {"type": "host", "protocol": "udp", "address": "10.0.0.1"},
        "remote": {"type": "host", "protocol": "udp", "address": "10.0.0.2"},
    }
    stats = {"round_trip_ms": 12.5, "frames_per_second": 30.0}
    report = ConnectionReport("connected", ends, "node", stats)
    insight.report("default", "gcom", report, scene.now + 1)
    insight.digest(scene.now)
    found = build(scene.relay, Metrics(), insight, "1.2.3", 1.0, [], scene.now + 3)
    (pair,) = found["rooms"][0]["pairs"]
    assert (pair["state"], pair["last_activity"], pair["diagnosis"]) == ("connected", 3.0, [])
    assert pair["path"] == "direct: host udp 10.0.0.1 -> 10.0.0.2"
    assert pair["candidate_kinds"] == {"node": {"host private": 1}, "gcom": {}}
    assert pair["stats"] == {"gcom": {**stats, "at": 2.0}}
    assert pair["first_frame_seconds"] == 1.0
    _, candidates, connected = pair["stages"]
    assert candidates == {
        "stage": "candidates",
        "by": "node",
        "count": 1,
        "kinds": {"host private": 1},
        "last_ago": 3.0,
        "complete": False,
        "seconds_ago": 3.0,
    }
    assert connected == {
        "stage": "connected",
        "by": None,
        "reports": {"gcom": "connected"},
        "candidate_pairs": {"gcom": ends},
        "seconds_ago": 2.0,
    }


def test_absent_peer_is_shown_as_away() -> None:
    scene = Scene()
    scene.join("g", name="gcom", session="key")
    scene.lose("g")
    assert seen(scene)["rooms"][0]["peers"][0]["state"] == "away"


def test_repeated_event_is_one_line() -> None:
    scene = Scene()
    scene.join("n", name="node")
    scene.facts += [Rejected("n", "node", "default", "a", "too-large", "too large")] * 3
    assert seen(scene)["events"][0]["text"].endswith("(3 times)")


def test_room_unknown_to_insight_still_shows_its_peers() -> None:
    scene = Scene()
    scene.join("n", name="node")
    scene.facts.clear()
    (room,) = seen(scene)["rooms"]
    assert [peer["connected_seconds"] for peer in room["peers"]] == [0.0]
    assert (room["pairs"], room["diagnosis"]) == ([], [])


def test_no_body_of_a_signal_is_shown() -> None:
    scene = Scene()
    scene.join("n", name="node")
    delivered = scene.say("n", "offer", secret="a=ice-pwd:planted")
    assert isinstance(delivered, SignalAccepted)
    scene.facts.append(delivered._replace(signal=replace_body(delivered)))
    assert "planted" not in str(seen(scene))


def replace_body(delivered: SignalAccepted):  # type: ignore[no-untyped-def]
    body = '{"type":"offer","data":{"sdp":"v=0\\r\\na=ice-pwd:planted"}'
    return delivered.signal._replace(body=body)


def test_finding_says_what_to_do_how_bad_it_is_and_who_has_to_act() -> None:
    scene = Scene()
    scene.join("n", name="node")
    scene.join("g", name="gcom")
    scene.say("n", "offer", to="gcom", ufrag="abcd")
    found = seen(scene)
    (finding,) = found["rooms"][0]["pairs"][0]["diagnosis"]
    assert finding == {
        "code": "unreadable-sdp",
        "text": "The offer from node contains no readable SDP.",
        "peers": ["node"],
        "severity": "alarm",
        "advice": "Send the SDP as text in data.sdp, unchanged.",
        "side": "node",
    }
    assert found["headline"] == {
        "text": finding["text"],
        "advice": finding["advice"],
        "severity": "alarm",
        "room": "default",
        "code": "unreadable-sdp",
    }


def test_refused_client_that_is_in_no_room_is_a_finding_of_the_server() -> None:
    scene = Scene()
    scene.facts.append(Rejected("", "spy", "hidden", "10.0.0.9", "unauthorized", "unknown token"))
    found = seen(scene)
    (finding,) = found["diagnosis"]
    assert (finding["code"], finding["side"]) == ("refused", "spy")
    text = "A client at 10.0.0.9 (spy) was refused once in the last minute: unknown token."
    assert finding["text"] == text
    assert (found["headline"]["room"], found["headline"]["text"]) == (None, text)


def test_peers_that_went_are_listed() -> None:
    scene = Scene()
    scene.join("n", name="node", role="streaming-node")
    scene.join("g", name="gcom")
    scene.lose("n")
    (room,) = seen(scene)["rooms"]
    assert room["last_seen"] == [
        {
            "peer_id": "node",
            "role": "streaming-node",
            "seconds_ago": 2.0,
            "how": "lost",
            "address": "address-of-n",
            "in_call_seconds": None,
        }
    ]


def test_status_of_a_scope_tells_of_no_other_room() -> None:
    scene, metrics, insight = Scene(), Metrics(), Insight()
    for room in ("mine", "other"):
        scene.join(f"sid-{room}", name=f"gcom-{room}", room=room)
    scene.facts.append(Refused("10.0.0.1", "old-client", "it is old"))
    for fact in scene.facts:
        metrics.record(fact, scene.now)  # type: ignore[arg-type]
        insight.record(fact, scene.now)  # type: ignore[arg-type]
    known = scene.relay, metrics, insight, "1.2.3", 61.26, [], scene.now + 2
    assert "gcom-other" in json.dumps(build(*known))
    found = build(*known, Scope(("mine",)))
    assert [room["room"] for room in found["rooms"]] == ["mine"]
    assert [event["room"] for event in found["events"]] == ["mine"]
    assert (found["diagnosis"], found["refusals"]) == ([], [])
    assert "other" not in json.dumps(found["rooms"])


def test_peer_of_another_host_has_its_name() -> None:
    scene = Scene()
    scene.join("n", name="node")
    scene.join("g", name="gcom")
    relay = scene.relay
    sids = {peer.peer_id: peer.sid for peer in relay.peers.values()}
    found = build(relay, Metrics(), Insight(), "1", 1.0, [], scene.now, hosts={sids["gcom"]: "b"})
    peers = found["rooms"][0]["peers"]
    assert [(peer["peer_id"], peer.get("host")) for peer in peers] == [
        ("node", None),
        ("gcom", "b"),
    ]
