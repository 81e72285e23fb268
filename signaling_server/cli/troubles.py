"""What `status --check` reports to a monitoring system: what is stalled or refused now."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

NOW_SECONDS = 60.0
"""A caller that was refused within this time is refused now: clients try again within 30 s."""
REFUSED = "refused"
"""The code of findings about clients whose signals are refused."""

Json = Mapping[str, Any]


def troubles(report: Json) -> list[str]:
    """A sentence for each trouble in /api/status; none if all is well."""
    found = [*_findings(report.get("diagnosis", ()))]
    for refusal in report.get("refusals", ()):
        if refusal["seconds_ago"] < NOW_SECONDS:
            found.append(f"refused {refusal['address']}: {refusal['text']}")
    for room in report["rooms"]:
        told = [*_findings(room["diagnosis"])]
        for pair in room["pairs"]:
            told += _pair(pair)
        found += [f"room {room['room']}: {each}" for each in told]
    return list(dict.fromkeys(found))


def _pair(pair: Json) -> Iterator[str]:
    if pair["state"] == "stalled":
        why = " ".join(finding["text"] for finding in pair["diagnosis"])
        yield f"{' - '.join(pair['peers'])} is stalled: {why}".rstrip(": ")
    else:
        yield from _findings(pair["diagnosis"])


def _findings(findings: Any) -> Iterator[str]:
    for finding in findings:
        if finding.get("severity") == "alarm" or finding["code"] == REFUSED:
            yield finding["text"]
