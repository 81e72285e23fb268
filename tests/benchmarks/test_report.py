"""The table says what was measured, against what, and whether it is enough."""

from __future__ import annotations

import pytest

from benchmarks.measure import InvalidMeasurementError, check
from benchmarks.report import chart, table
from benchmarks.results import Results
from benchmarks.rows import NODE, OURS, PLAIN, QUICK, Phase, Row, Run, Scale, rows
from benchmarks.servers import Server

ACK = Row("ack", "ack", Run(), lambda phases: phases[0]["cpu_us"], 0.55, 0.45)
KIB = ACK._replace(name="memory", least=28, goal=18, absolute=True)
FINE = {"lost": 0, "acks_missing": 0, "errors": 0, "refused": 0, "ready": 2, "clients": 2}


def line(row: Row, node: list[float], ours: list[float]) -> list[str]:
    """The cells of a row behind its title: Node, ours, the targets, the verdict."""
    text = table([row], [NODE, OURS], {row.name: {NODE: node, OURS: ours}})
    return [cell.strip() for cell in text.splitlines()[-1].split("|")[2:-1]]


def test_row_shows_medians_least_and_most_and_the_factor_of_nodes_figure() -> None:
    cells = line(ACK, [30, 20, 40], [15, 12, 18])
    assert cells == ["30 (20 - 40)", "15 (12 - 18) x 0.50", "x 0.55 / 0.45", "at least"]


@pytest.mark.parametrize(("us", "verdict"), [(4, "goal"), (5, "at least"), (6, "missed")])
def test_factor_of_nodes_figure_is_judged(us: float, verdict: str) -> None:
    assert line(ACK, [10], [us])[-1] == verdict


@pytest.mark.parametrize(("kib", "verdict"), [(18, "goal"), (28, "at least"), (29, "missed")])
def test_absolute_target_is_judged_without_node(kib: float, verdict: str) -> None:
    assert line(KIB, [1], [kib])[-2:] == ["28 / 18", verdict]


@pytest.mark.parametrize("row", [ACK, KIB])
def test_failed_measurements_are_no_figures(row: Row) -> None:
    assert line(row, [10], [])[1::2] == ["failed", "not measured"]


def test_row_that_a_column_does_not_do_is_empty() -> None:
    text = table([ACK], [NODE, "raw"], {"ack": {NODE: [10.0]}})
    assert text.splitlines()[-1].startswith("| ack | 10 |  |")


def test_rows_have_names_of_their_own_and_share_runs_at_every_scale() -> None:
    for scale in (QUICK, Scale()):
        names = [row.name for row in rows(scale)]
        assert len(names) == len(set(names))
        assert len({row.run for row in rows(scale)}) < len(names)


@pytest.mark.parametrize("wrong", ["lost", "acks_missing", "errors", "refused"])
def test_run_that_loses_anything_is_invalid(wrong: str) -> None:
    phase: Phase = {"phase": "join:2", **FINE, wrong: 1}  # type: ignore[dict-item]
    with pytest.raises(InvalidMeasurementError, match=f"{wrong} 1"):
        check(phase, "")


def test_swap_that_not_all_get_into_is_a_figure() -> None:
    phase: Phase = {"phase": "swap:2", **FINE, "ready": 1, "refused": 1}  # type: ignore[dict-item]
    check(phase, "")


def test_noise_of_others_is_remarked() -> None:
    results = Results(foreign_percent=[1, 20, 30])
    assert results.remarks() == ["others took 20 % of core 0: measure again on a quiet machine"]
    assert Results(foreign_percent=[1, 2, 30]).remarks() == []


def test_chart_has_a_bar_for_each_column_of_a_charted_row() -> None:
    drawn = chart([ACK, KIB], [NODE, OURS], {"ack": {NODE: [30], OURS: [15]}, "memory": {}})
    assert drawn.count("<rect") == 3
    assert 'fill="#0a6"' in drawn


FLEETS = ACK._replace(name="across", least=1.0, goal=1.0, peers=(NODE, PLAIN))


@pytest.mark.parametrize(
    ("node", "plain", "ours", "verdict"),
    [(20, 10, 9, "x 0.90: goal"), (10, 20, 11, "x 1.10: missed"), (20, 10, 11, "x 1.10: missed")],
)
def test_row_with_several_peers_is_judged_by_the_least_of_them(
    node: float, plain: float, ours: float, verdict: str
) -> None:
    text = table(
        [FLEETS], [NODE, OURS, PLAIN], {"across": {NODE: [node], OURS: [ours], PLAIN: [plain]}}
    )
    cells = [cell.strip() for cell in text.splitlines()[-1].split("|")[5:-1]]
    assert cells == [f"x 1.0 / 1.0 of {NODE} and of {PLAIN}", verdict]


@pytest.mark.parametrize("plain", [{}, {PLAIN: []}, {PLAIN: [0.0]}])
def test_row_is_not_judged_without_one_of_its_peers(plain: dict[str, list[float]]) -> None:
    values = {NODE: [10.0], OURS: [5.0], **plain}
    assert table([FLEETS], [NODE, OURS], {"across": values}).endswith("| not measured |")


@pytest.mark.parametrize(
    ("server", "across", "plain"),
    [
        (Server(["x"]), False, True),
        (Server(["x"], host=lambda url, name: ["x"]), True, True),
        (Server(["x"], host=lambda url, name: ["x"], rows=frozenset(["across"])), True, False),
    ],
)
def test_fleets_are_measured_of_servers_that_can_be_one(
    server: Server, across: bool, plain: bool
) -> None:
    by_name = {row.name: row for row in rows(QUICK)}
    assert server.does(by_name["across"]) is across
    assert server.does(by_name["plain"]) is plain


def test_cpu_of_a_fleet_is_shown_together_and_of_each() -> None:
    phase = {"cpu_us": 60.0, "cpu0_us": 30.0, "cpu1_us": 20.0, "cpu2_us": 10.0}
    parts = [row for row in rows(QUICK) if row.name.startswith("across-pace")][:4]
    assert [row.name for row in parts] == [
        "across-pace",
        *("across-pace-owner", "across-pace-edge", "across-pace-redis"),
    ]
    assert [row.figure([phase]) for row in parts] == [60, 30, 20, 10]
