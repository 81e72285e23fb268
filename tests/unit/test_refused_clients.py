from __future__ import annotations

import pytest

from signaling_server.core.insight.refused_clients import MINUTE, OFTEN, TALLIES, RefusedClients
from signaling_server.core.protocol.events import Refused, Rejected

WRONG_TYPE = 'type must be one of offer, answer, ice-candidate; this one is "Offer"'


def signal(code: str = "invalid-type", text: str = WRONG_TYPE, who: str = "node") -> Rejected:
    return Rejected(f"sid-{who}", who, "drone-1", "10.0.0.5", code, text)


def test_signals_of_a_peer_are_summed_and_forgotten_after_a_minute() -> None:
    refused = RefusedClients()
    for at in range(6):
        refused.rejected(signal(), float(at))
    ((room, who, finding),) = refused.findings(6.0)
    assert (room, who, finding.side, finding.severity) == ("drone-1", "node", "node", "warning")
    assert finding.text == f"6 signals of node were refused in the last minute: {WRONG_TYPE}."
    ((_, _, finding),) = refused.findings(5.0 + MINUTE - 0.1)
    assert finding.text == f"1 signal of node was refused in the last minute: {WRONG_TYPE}."
    assert refused.findings(5.0 + MINUTE) == []


def test_client_that_may_not_enter() -> None:
    refused = RefusedClients()
    for at in (1.0, 2.0):
        refused.rejected(
            Rejected("", "gcom", "drone-1", "10.0.0.9", "unauthorized", "unknown token"), at
        )
    ((_, _, finding),) = refused.findings(3.0)
    assert finding.text == (
        "A client at 10.0.0.9 (gcom) was refused 2 times in the last minute: unknown token."
    )
    assert finding.peers == ("gcom",)


@pytest.mark.parametrize(
    ("address", "where"), [("10.0.0.9", "10.0.0.9"), ("", "an unknown address")]
)
def test_client_without_a_name(address: str, where: str) -> None:
    refused = RefusedClients()
    refused.rejected(Rejected("", "", "", address, "unauthorized", "unknown token"), 1.0)
    ((_, _, finding),) = refused.findings(3.0)
    text = f"A client at {where} was refused once in the last minute: unknown token."
    assert (finding.text, finding.side, finding.peers) == (text, "", ())


def test_caller_of_the_wrong_kind_is_told_with_what_to_do() -> None:
    refused = RefusedClients()
    refused.refused(Refused("10.0.0.9", "jsonp"), 1.0)
    ((room, who, finding),) = refused.findings(1.0)
    assert (room, who, finding.advice) == (
        "",
        "10.0.0.9",
        "use WebSocket or ordinary polling: turn forceJSONP off",
    )


@pytest.mark.parametrize("code", ["name-in-use", "shutting-down", "replaced"])
def test_refusals_of_which_other_findings_speak_do_not_count(code: str) -> None:
    refused = RefusedClients()
    refused.rejected(signal(code), 1.0)
    assert refused.findings(1.0) == []


def test_what_happens_in_a_good_call_counts_only_if_it_is_frequent() -> None:
    refused = RefusedClients()
    for _ in range(OFTEN):
        assert refused.findings(1.0) == []
        refused.rejected(signal("peer-not-found", "no other peer x is in the room"), 1.0)
    assert refused.findings(1.0)


def test_caller_without_its_connect_counts_only_if_it_is_frequent() -> None:
    refused = RefusedClients()
    silent = Rejected("", "", "", "10.0.0.2", "invalid-format", "no CONNECT in 5 s")
    for _ in range(OFTEN):
        assert refused.findings(1.0) == []
        refused.rejected(silent, 1.0)
    assert refused.findings(1.0)


def test_memory_is_bounded_and_the_newest_come_first() -> None:
    refused = RefusedClients()
    for number in range(TALLIES + 5):
        refused.rejected(signal(who=f"peer-{number}"), 1.0)
    found = refused.findings(1.0)
    assert len(found) == TALLIES
    assert found[0][1] == f"peer-{TALLIES + 4}"
