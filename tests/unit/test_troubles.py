"""What a monitoring system is told."""

from __future__ import annotations

from typing import Any

import pytest

from signaling_server.cli.troubles import NOW_SECONDS, troubles

FINDING = {"code": "no-answer", "text": "gcom has not answered."}


def report(pairs: Any = (), diagnosis: Any = (), **more: Any) -> dict[str, Any]:
    return {"rooms": [{"room": "drone-1", "pairs": pairs, "diagnosis": diagnosis}], **more}


def pair(state: str, *findings: Any) -> dict[str, Any]:
    return {"peers": ["node", "gcom"], "state": state, "diagnosis": findings}


@pytest.mark.parametrize("state", ["waiting", "negotiating", "answered", "connected", "unknown"])
def test_call_that_is_not_stalled_is_no_trouble(state: str) -> None:
    note = {**FINDING, "severity": "note"}
    found = {**report([pair(state, FINDING, note)], [note]), "diagnosis": [note]}
    assert troubles(found) == []


def test_stalled_call_is_told_with_the_reason() -> None:
    said = "room drone-1: node - gcom is stalled"
    assert troubles(report([pair("stalled", FINDING)])) == [f"{said}: gcom has not answered."]
    assert troubles(report([pair("stalled")])) == [said]


def test_alarms_and_refused_signals_are_troubles_wherever_they_are() -> None:
    alarm = {**FINDING, "severity": "alarm"}
    refused = {"code": "refused", "text": "6 signals of node were refused."}
    found = report([pair("negotiating", alarm)], [refused])
    found["diagnosis"] = [{**alarm, "text": "A wrong token."}]
    assert troubles(found) == [
        "A wrong token.",
        "room drone-1: 6 signals of node were refused.",
        "room drone-1: gcom has not answered.",
    ]


def test_caller_that_was_refused_just_now_is_a_trouble() -> None:
    refusal = {"address": "192.0.2.9", "text": "use 3", "seconds_ago": NOW_SECONDS - 0.1}
    old = {**refusal, "seconds_ago": NOW_SECONDS}
    assert troubles(report(refusals=[refusal, refusal, old])) == ["refused 192.0.2.9: use 3"]
    assert troubles(report(refusals=[old])) == []
