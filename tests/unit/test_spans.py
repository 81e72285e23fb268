from __future__ import annotations

from signaling_server.core.insight.spans import (
    AWAY,
    CALL,
    MOST,
    PRESENT,
    Span,
    Spans,
    crowding,
)


def test_peer_that_loses_its_link_and_returns_has_three_bars() -> None:
    spans = Spans()
    spans.be("gcom", PRESENT, 1.0)
    spans.be("gcom", AWAY, 5.0)
    assert spans.here == ["gcom"]
    spans.be("gcom", PRESENT, 8.0)
    spans.gone("gcom", 9.0)
    assert spans.all == [
        Span(("gcom",), PRESENT, 1.0, 5.0),
        Span(("gcom",), AWAY, 5.0, 8.0),
        Span(("gcom",), PRESENT, 8.0, 9.0),
    ]
    assert spans.here == []


def test_takeover_makes_no_new_bar() -> None:
    spans = Spans()
    spans.be("gcom", PRESENT, 1.0)
    spans.be("gcom", PRESENT, 2.0)
    assert spans.all == [Span(("gcom",), PRESENT, 1.0)]


def test_call_lasts_from_the_first_report_to_its_end() -> None:
    spans, peers = Spans(), ("gcom", "node")
    assert not spans.call(peers, False, 1.0)
    assert spans.call(peers, True, 2.0)
    assert not spans.call(peers, True, 3.0)
    assert spans.call(peers, False, 4.0)
    assert spans.all == [Span(peers, CALL, 2.0, 4.0)]


def test_call_goes_on_while_a_peer_is_away_and_is_unknown_when_it_has_left() -> None:
    spans = Spans()
    spans.be("node", PRESENT, 1.0)
    spans.be("gcom", PRESENT, 1.0)
    spans.call(("gcom", "node"), True, 2.0)
    spans.be("node", AWAY, 3.0)
    assert Span(("gcom", "node"), CALL, 2.0) in spans.all
    spans.gone("node", 4.0)
    assert Span(("gcom", "node"), CALL, 2.0, 4.0) in spans.all
    assert spans.here == ["gcom"]


def test_calls_with_two_others_are_two_bars() -> None:
    spans = Spans()
    spans.call(("gcom", "node"), True, 1.0)
    assert spans.call(("gcom", "node-2"), True, 2.0)
    assert len(spans.all) == 2


def test_bars_that_ended_long_ago_are_forgotten() -> None:
    spans = Spans()
    for peer, until in (("a", 5.0), ("b", 6.0)):
        spans.be(peer, PRESENT, 1.0)
        spans.gone(peer, until)
    spans.be("c", PRESENT, 1.0)
    spans.forget(6.0)
    assert [span.peers for span in spans.all] == [("b",), ("c",)]


def test_bars_of_a_client_that_comes_and_goes_do_not_displace_those_of_others() -> None:
    spans = Spans()
    spans.be("node", PRESENT, 0.0)
    spans.be("node", AWAY, 1.0)
    for at in range(2, 500, 2):
        spans.be("gcom", PRESENT, at)
        spans.gone("gcom", at + 1)
    assert len(spans.all) == MOST
    assert spans.all[:2] == [Span(("node",), PRESENT, 0.0, 1.0), Span(("node",), AWAY, 1.0)]
    assert spans.all[-1] == Span(("gcom",), PRESENT, 498, 499)


def test_peers_beyond_the_most_have_no_bar() -> None:
    spans = Spans()
    for number in range(MOST + 5):
        spans.be(f"peer-{number}", PRESENT, 1.0)
    assert len(spans.all) == MOST


def test_first_of_the_largest_group_is_dropped_first() -> None:
    assert crowding("abcbb", lambda letter: letter) == 1
