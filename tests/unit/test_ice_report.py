"""What people are told about an ICE server."""

from __future__ import annotations

from typing import Any

import pytest

from signaling_server.core.ice import ice_report
from signaling_server.core.ice.question import Answer
from signaling_server.core.ice.verdict import Said, Watched

NO = Said(None, "no answer within 5 s")
URL = "stun:10.0.0.1"


def watched(*outcomes: Said) -> Watched:
    """A server that was asked every 20 s, from 0 on."""
    server = Watched(0.0)
    for number, said in enumerate(outcomes):
        server.heard(said, 20.0 * number, 20.0 * number, 60.0)
    return server


def row(server: Watched, withhold: bool = False, in_use: bool = False) -> dict[str, Any]:
    return ice_report.row(URL, server, 100.0, withhold, in_use)


@pytest.mark.parametrize(
    ("outcomes", "state", "text"),
    [
        ([], "unknown", "not asked yet"),
        ([NO], "unknown", "not reached: no answer within 5 s"),
        (
            [Said(None, "Too many open files", unasked=True)],
            "unknown",
            "not asked: Too many open files",
        ),
        ([Said(Answer(None))], "answers", "it answers"),
        (
            [Said(Answer(None, "486 Allocation Quota Reached"))],
            "answers",
            "it answers, but refuses: 486 Allocation Quota Reached",
        ),
        (
            [Said(Answer(None, "401 Unauthorized"))],
            "answers",
            "it answers, but refuses: 401 Unauthorized; are the credentials, or turn.secret_file, "
            "those of that server, and its clock right?",
        ),
        (
            [NO, NO, NO],
            "silent",
            "silent for 1 min (no answer within 5 s): "
            "each client waits up to 5 s for it before a call connects",
        ),
    ],
)
def test_text_says_what_is_known(outcomes: list[Said], state: str, text: str) -> None:
    found = row(watched(*outcomes))
    assert found == {"url": URL, "state": state, "since": 100.0, "text": text}


def test_stale_nonce_does_not_blame_the_credentials() -> None:
    text = row(watched(Said(Answer(None, "438 Stale nonce"))))["text"]
    assert text == "it answers, but refuses: 438 Stale nonce"


def refusing() -> dict[str, Any]:
    return row(watched(Said(Answer(None, "401 Unauthorized"))))


def test_server_that_refuses_the_credentials_is_a_warning_and_the_headline() -> None:
    text = f"{URL}: it answers, but refuses: 401 Unauthorized."
    note = {"severity": "note", "code": "alone"}
    for before in (None, note):
        body = ice_report.add({"headline": before, "diagnosis": []}, [refusing()])
        (finding,) = body["diagnosis"]
        assert (finding["code"], finding["severity"]) == ("ice-server-refuses", "warning")
        assert finding["text"] == text
        assert "turn.secret_file" in finding["advice"]
        assert body["headline"] == {
            **{key: finding[key] for key in ("text", "advice", "severity", "code")},
            "room": None,
        }
    assert ice_report.refusals([refusing()]) == [f"{text} {ice_report.CORRECT}"]


@pytest.mark.parametrize("severity", ["alarm", "warning"])
def test_headline_of_a_room_stays_before_that_of_an_ice_server(severity: str) -> None:
    headline = {"severity": severity}
    assert ice_report.add({"headline": headline}, [refusing()])["headline"] is headline


def test_server_that_answers_is_no_word_for_systemd() -> None:
    assert ice_report.refusals([row(watched(Said(Answer(None)))), row(watched(NO, NO, NO))]) == []
    assert ice_report.add({"headline": None}, [row(watched(NO, NO, NO))])["headline"] is None


def test_time_of_the_answer_is_in_milliseconds() -> None:
    assert row(watched(Said(Answer(0.01234))))["rtt_ms"] == 12.3


def test_silent_server_that_clients_do_not_get_costs_nothing() -> None:
    silent = watched(NO, NO, NO)
    withheld = row(silent, withhold=True)
    assert withheld["text"].endswith("within 5 s): clients do not get it until it answers")
    assert ice_report.add({}, [withheld])["diagnosis"] == []


def test_silent_server_that_carries_a_call_is_handed_out() -> None:
    kept = row(watched(NO, NO, NO), withhold=True, in_use=True)
    assert kept["text"].endswith("before a call connects, and a client reports a connection by it")
    assert ice_report.add({}, [kept])["diagnosis"] == []


def test_finding_names_the_key_and_the_cost() -> None:
    rows = [row(watched(NO, NO, NO)), row(watched(Said(Answer(None))))]
    body = ice_report.add({"rooms": [], "diagnosis": ["refused"]}, rows)
    assert body["rooms"] == []
    assert body["ice_servers"] == rows
    first, finding = body["diagnosis"]
    assert first == "refused"
    assert finding["text"] == f"{URL}: {rows[0]['text']}."
    assert "5 s" in finding["text"]
    assert "ice_check: {withhold: true}" in finding["advice"]
    assert (finding["code"], finding["severity"]) == ("ice-server-silent", "note")
