"""The validation itself: it notices what it is there to notice."""

from __future__ import annotations

import copy
import json
from typing import Any, Iterator

import pytest

from contract import found, watch
from contract.schemas import ACK, HEARD, SENT, closed, complaints, http_complaints

JOINED = {"peer_id": "gcom", "polite": True}
WELCOME: dict[str, Any] = {
    "peer_id": "gcom",
    "room": "drone-1",
    "peers": [{"peer_id": "node"}],
    "resumed": False,
    "ice_servers": [{"urls": ["stun:a"]}],
    "server": "hawkeye-signaling/1",
    "server_time": None,
}


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    """What these tests provoke does not count."""
    yield
    found.take()


def test_payload_as_it_should_be_has_no_complaint() -> None:
    assert complaints("peer_joined", HEARD, JOINED) == []
    assert complaints("welcome", HEARD, WELCOME) == []
    assert complaints("signal", HEARD, {"type": "offer", "data": {}, "from": "a", "x": 1}) == []
    assert complaints("signal", ACK, {"ok": True, "delivered": 1, "held": False}) == []


@pytest.mark.parametrize("change", [{"peer_id": 7}, {"polite": None}, {"held": 0}, {"new": 1}])
def test_wrong_and_unnamed_fields_are_noticed(change: dict[str, Any]) -> None:
    assert complaints("peer_joined", HEARD, {**JOINED, **change})


def test_unnamed_field_is_noticed_in_an_array_and_in_an_alternative() -> None:
    deep = copy.deepcopy(WELCOME)
    deep["peers"][0]["new"] = 1
    assert complaints("welcome", HEARD, deep)
    assert complaints("signal", ACK, {"ok": True, "delivered": 1, "held": False, "new": 1})


def test_missing_field_and_unknown_event_are_noticed() -> None:
    assert complaints("peer_joined", HEARD, {"peer_id": "gcom"})
    assert complaints("peer_vanished", HEARD, {})
    assert complaints("signal", SENT, {"type": "offer"})
    assert complaints("signal", SENT, {"type": "ice-candidate"}) == []


def test_maps_and_open_objects_stay_open() -> None:
    schema = {"type": "object", "properties": {"a": {}}, "additionalProperties": True}
    assert closed(schema) == schema
    assert closed({"type": "object", "additionalProperties": {"type": "integer"}}) == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
    }


def test_http_answers_are_judged_by_path_method_status_and_type() -> None:
    body = {"status": "ok", "instance": "a"}
    url, json_type = "http://h:1/healthz", "application/json; charset=utf-8"
    assert http_complaints("GET", url, 200, json_type, body) == []
    assert http_complaints("GET", f"{url}?a=1", 200, json_type, {**body, "new": 1})
    assert http_complaints("GET", url, 418, json_type, body)
    assert http_complaints("GET", url, 200, "text/css", body)
    assert http_complaints("GET", "http://h:1/elsewhere", 418, "", "") == []
    assert http_complaints("POST", url, 405, "", "") == []
    assert http_complaints("GET", "http://h:1/static/a.js", 200, "text/javascript", "") == []
    assert http_complaints("GET", "http://h:1/static/a.js", 200, "text/x", "")


def test_frames_are_read_in_both_directions() -> None:
    frames = watch.Frames()
    frames.sent('40{"room":7}')
    frames.received('40{"sid":"x"}')
    frames.sent('420["signal",{"type":"offer"}]')
    frames.received('430[{"ok":true,"delivered":1,"held":false}]')
    frames.received('42["peer_joined",{"peer_id":"a"}]')
    frames.received('44{"new":1}')
    frames.received('44/x,{"message":"Invalid namespace /x"}')
    frames.received("2")
    assert [each.split(":")[0] for each in found.take()] == [
        "sent signal",
        "heard peer_joined",
        "ack connect_error",  # without a message
        "ack connect_error",  # with a field that is not named
    ]
    frames.received(f'42["welcome",{json.dumps(WELCOME)}]')
    assert [each.split(":")[0] for each in found.take()] == ["sent connect"]


def test_frame_that_is_no_json_and_a_second_argument_are_noticed() -> None:
    frames = watch.Frames()
    frames.received('42["peer_left"')
    frames.received('42["error",{"code":"expired","message":"m"},1]')
    assert len(found.take()) == 2
    assert frames.judged == 1


def test_number_that_several_events_wait_for_is_not_judged() -> None:
    frames = watch.Frames()
    frames.sent('421["signal",{"type":7}]')
    frames.sent('421["signal",{"type":"ice-candidate"}]')
    for _ in range(2):
        frames.received('431[{"ok":true,"delivered":1,"held":false}]')
    assert found.take() == []
    assert frames.judged == 0


def test_complaint_that_is_provoked_has_to_be_there() -> None:
    found.add(["a", "b", "a"])
    found.provoked("a")
    assert found.take() == ["b"]
    with pytest.raises(AssertionError):
        found.provoked("a")


def test_what_the_server_refused_is_not_held_against_its_sender() -> None:
    refusal = {"ok": False, "error": {"code": "invalid-type", "message": "m"}}
    watch.answered("signal", {"type": 7}, refusal)
    watch.answered("no-such-event", {}, refusal)
    assert found.take() == []
    watch.answered("no-such-event", {}, {"ok": False, "error": {"code": "new", "message": "m"}})
    watch.refused_handshake({"code": "server-full", "message": "m"})
    assert len(found.take()) == 1


def test_body_that_is_no_json_is_noticed() -> None:
    watch.page("GET", "http://h:1/healthz", 200, "application/json", "{")
    assert len(found.take()) == 1
