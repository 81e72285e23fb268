"""The table in Markdown, and the chart, of what was measured."""

from __future__ import annotations

from statistics import median
from typing import Mapping, Sequence

from benchmarks.rows import NODE, OURS, Row

Values = Mapping[str, Mapping[str, Sequence[float]]]
"""By row and column; no values: the column does not do the row, or failed."""
CHARTED = ("recommended", "ack", "plain")
WIDTH, LEFT, BAR = 380, 390, 22


def table(rows: Sequence[Row], columns: Sequence[str], values: Values) -> str:
    """A line for each row: medians, least and most, and the factor of Node's in the same run."""
    head = ["figure", *columns, "at least / goal", "ours"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [_cell(values[row.name], column) for column in columns]
        lines.append([row.title, *cells, *_judged(row, values[row.name])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(values: Mapping[str, Sequence[float]], column: str) -> str:
    measured = values.get(column)
    if measured is None:
        return ""
    if not measured:
        return "failed"
    text, factor = _number(median(measured)), _factor(values, column)
    if len(measured) > 1:
        text += f" ({_number(min(measured))} - {_number(max(measured))})"
    return text if factor is None else f"{text} x {factor:.2f}"


def _factor(values: Mapping[str, Sequence[float]], column: str) -> float | None:
    """The ratio to Node's median."""
    node, ours = values.get(NODE), values.get(column)
    if column == NODE or not node or not ours or not median(node):
        return None
    return median(ours) / median(node)


def _judged(row: Row, values: Mapping[str, Sequence[float]]) -> tuple[str, str]:
    """The targets, and which of them we reach."""
    if row.least is None or row.goal is None:
        return "", ""
    targets = f"{row.least:g} / {row.goal:g}" if row.absolute else f"x {row.least} / {row.goal}"
    reached = _reached(row, values)
    if row.peers != (NODE,):
        targets += f" of {' and of '.join(row.peers)}"
    if reached is None:
        return targets, "not measured"
    verdict = "goal" if reached <= row.goal else "at least" if reached <= row.least else "missed"
    return targets, verdict if row.peers == (NODE,) else f"x {reached:.2f}: {verdict}"


def _reached(row: Row, values: Mapping[str, Sequence[float]]) -> float | None:
    """Our median, or its ratio to the least of the peers'; None: one of them was not measured."""
    ours, peers = values.get(OURS), [values.get(peer) for peer in row.peers]
    if not ours or row.absolute:
        return median(ours) if ours else None
    medians = [median(peer) for peer in peers if peer]
    return median(ours) / min(medians) if len(medians) == len(peers) and all(medians) else None


def _number(value: float) -> str:
    """Four digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def chart(rows: Sequence[Row], columns: Sequence[str], values: Values) -> str:
    """The CPU cost of a signal as bars in SVG: the recommended client's first."""
    bars = [
        (
            f"{column}: {row.title.split(', us')[0].replace('`', '')}",
            median(values[row.name][column]),
        )
        for row in rows
        if row.name in CHARTED
        for column in columns
        if values[row.name].get(column)
    ]
    most = max((value for _, value in bars), default=1)
    drawn = "".join(_bar(34 + BAR * line, *bar, most) for line, bar in enumerate(bars))
    title = "CPU microseconds for a relayed signal, one pair, saturated (less is better)"
    size = f"0 0 {LEFT + WIDTH + 90} {44 + BAR * len(bars)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" font-family="sans-serif" '
        'font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="10" y="20">{title}</text>{drawn}</svg>\n'
    )


def _bar(y: int, name: str, value: float, most: float) -> str:
    width, colour = WIDTH * value / most, "#0a6" if name.startswith(OURS) else "#888"
    return (
        f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end">{name}</text>'
        f'<rect x="{LEFT}" y="{y}" width="{width:.0f}" height="{BAR - 6}" fill="{colour}"/>'
        f'<text x="{LEFT + 6 + width:.0f}" y="{y + 14}">{value:.1f}</text>'
    )
