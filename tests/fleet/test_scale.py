"""A small fleet of the simulation of scale: its figures follow from what is simulated."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from fleet.callers import BACK, CANDIDATES, SIGNALS, SIZES
from fleet.counted_redis import LINKS, RECORDS
from fleet.scale import Options, TimeIsUp, simulate
from fleet.scale_report import Report
from signaling_server.core.config.schema import Config
from signaling_server.core.fleet.link import BEAT, CONFIRM
from signaling_server.core.protocol.limits import OVERHEAD

HOSTS, PAIRS, SECONDS = 3, 60, 20
CALLS = PAIRS
"""Each pair calls once."""
CALL_BYTES = SIZES["offer"] + SIZES["answer"] + 2 * CANDIDATES * SIZES["ice-candidate"]
HEAD_BYTES = 250
"""Of a batch with one record, beside the signal: instance, generations, MAC, sid, name."""


def small(balancer: str, fault: str = "kill") -> Report:
    options = Options(HOSTS, PAIRS, SECONDS, period=SECONDS, balancer=balancer, fault=fault)
    return simulate(options)


@pytest.fixture(scope="module")
def report() -> Report:
    """Of a balancer that knows nothing of rooms."""
    return small("any")


class Placed(NamedTuple):
    """Where the seed has placed the clients."""

    crossing: int = 41
    """Pairs on two hosts."""
    killed: int = 44
    """Clients of the host that is killed."""
    concerned: int = 36
    """Pairs of which at least one is there."""
    owned: int = 27
    """Of these, whose room it owns."""


def test_all_pairs_meet_and_hear_each_signal_once_in_order(report: Report) -> None:
    counts = report.steady.counts
    assert report.together == PAIRS
    assert counts["signals"] == counts["heard"] == counts["confirmed"] == CALLS * SIGNALS
    assert (counts["disordered"], counts["refused"], counts["unsaid"], counts["breaks"]) == (0,) * 4
    assert report.silent == 0
    assert report.sound
    assert not report._replace(silent=1).sound


def test_each_host_asks_redis_once_for_each_room_that_its_clients_are_in(report: Report) -> None:
    assert report.crossing == Placed().crossing
    claims = report.arrival.commands["EVALSHA claim"]
    assert claims == 2 * Placed().crossing + (PAIRS - Placed().crossing)


def test_signal_crosses_once_and_its_answer_only_from_the_owner(report: Report) -> None:
    crossing = Placed().crossing * SIGNALS
    assert report.steady.counts["crossing"] == crossing
    assert report.steady.counts["from_edges"] == crossing / 2
    half = crossing / 2
    assert report.steady.records == {"say": half, "passed": half, "answered": half}


def test_redis_gets_beats_and_a_batch_for_each_record_and_nothing_else(report: Report) -> None:
    crossing = Placed().crossing * SIGNALS
    assert report.steady.commands == {
        RECORDS: crossing * 3 / 2,
        LINKS: HOSTS * (HOSTS - 1) * SECONDS,
        "EVALSHA beat": HOSTS * SECONDS,
        "EVALSHA hosts": HOSTS * SECONDS,
        "PING": HOSTS * SECONDS,
    }
    signals = Placed().crossing * CALL_BYTES
    published = report.steady.bytes[RECORDS]
    assert signals < published < signals + crossing * 3 / 2 * HEAD_BYTES


def test_budgets_are_charged_what_is_kept_for_sessions_and_what_is_on_links(report: Report) -> None:
    kept = CALLS * (CALL_BYTES + SIGNALS * OVERHEAD)
    links = report.memory.links_mean * HOSTS
    assert 0 < links < kept / 10
    assert kept <= round(report.memory.budget_mean * HOSTS) <= kept + links
    assert report.memory.budget_mean < report.memory.budget < 2 * report.memory.budget_mean


def test_all_that_a_killed_host_concerns_hear_each_other_again(report: Report) -> None:
    placed, recovery = Placed(), report.recovery
    assert recovery[:3] == (placed.concerned, placed.killed, placed.owned)
    assert (len(recovery.waits), recovery.lost) == (placed.concerned, 0)
    partners = placed.owned - (placed.killed - placed.concerned)
    counts = recovery.span.counts
    assert counts["welcomes"] == placed.killed + partners
    assert counts["resumed"] == placed.concerned - placed.owned  # their owner lives, and kept it
    assert counts["disordered"] == 0


def test_it_takes_no_longer_than_to_see_the_death_and_to_come_back(report: Report) -> None:
    assert BACK[0] <= report.recovery.waits[0]
    assert report.recovery.waits[-1] < BEAT + CONFIRM + BACK[1] + 0.1
    assert report.recovery.within(0.5) == report.recovery.waits[PAIRS * 3 // 10]
    assert report.recovery.span.commands["EVALSHA bury"] >= 2  # the last one finds no room


def test_without_power_it_takes_until_the_lease_ends_and_clients_miss_the_ping() -> None:
    waits, config = small("any", "power").recovery.waits, Config()
    assert len(waits) == Placed().concerned
    ping, lease = config.socketio, config.fleet.lease
    # A host that dies just after a beat: its lease ends, and the others look once a second.
    assert max(lease - BEAT, ping.ping_timeout) + BACK[0] <= waits[0]
    noticed = max(lease + 2 * BEAT, ping.ping_interval + ping.ping_timeout)
    assert waits[-1] < noticed + BACK[1] + 0.1


def test_with_a_hash_on_the_room_nothing_crosses(report: Report) -> None:
    hashed = small("room")
    assert hashed.sound
    assert hashed.crossing == hashed.steady.counts["crossing"] == 0
    assert hashed.arrival.commands["EVALSHA claim"] == PAIRS
    assert not hashed.steady.records
    assert hashed.steady.commands[RECORDS] == 0
    assert hashed.steady.commands[LINKS] == report.steady.commands[LINKS]
    recovery = hashed.recovery
    assert recovery.pairs == recovery.rooms == recovery.ended / 2
    assert recovery.span.counts["resumed"] == 0


def test_text_has_the_figures(report: Report) -> None:
    text = report.text()
    assert "3 hosts, 60 pairs; 41 of them on two hosts (68.3%)" in text
    assert f"steady use, 20 s: {CALLS * SIGNALS} signals, 66/s" in text
    assert "a host dies: 44 clients and 27 rooms of it, 36 pairs concerned" in text
    assert f"100% within {report.recovery.waits[-1]:.2f} s; 0 do not" in text


def test_it_gives_up_when_it_takes_too_much_cpu_time() -> None:
    with pytest.raises(TimeIsUp, match="the hosts meet"):
        simulate(Options(HOSTS, PAIRS, cpu_seconds=0.0))
