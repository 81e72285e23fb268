"""What people are told about an ICE server: in /api/status, the shell and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from signaling_server.core.ice.verdict import Said, Watched
from signaling_server.core.words import ago

if TYPE_CHECKING:
    from signaling_server.core.ice.question import Answer

CODE = "ice-server-silent"
"""The code of the finding about a silent server: docs/troubleshooting.md explains it."""
COST = "each client waits up to 5 s for it before a call connects"
WITHHOLD = "ice_check: {withhold: true}"
ADVICE = (
    "Without internet this is normal for a server on the internet: remove it from the "
    f"configuration, or set {WITHHOLD} to keep silent servers from clients."
)
REFUSES = "ice-server-refuses"
"""The same of one that refuses the credentials that clients get."""
CORRECT = (
    "Make turn.secret_file, or the credential, that of the TURN server, and set both clocks right."
)
BLAME = "; are the credentials, or turn.secret_file, those of that server, and its clock right?"
_CREDENTIALS = (401, 403, 441)
"""The errors that blame the credentials (RFC 8656, section 19); 438 asks for another nonce."""


def row(url: str, watched: Watched, now: float, withhold: bool, in_use: bool) -> dict[str, Any]:
    """{url, state, rtt_ms?, since, text}: a server in /api/status."""
    answer = watched.last.answer if watched.last else None
    rtt = answer.rtt if answer else None
    return {
        "url": url,
        "state": watched.state,
        **({} if rtt is None else {"rtt_ms": milliseconds(rtt)}),
        "since": round(now - watched.since, 1),
        "text": text(watched, now, withhold, in_use),
    }


def add(body: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add the servers to the body of /api/status, with a finding for each that costs clients time
    or refuses them; one that refuses them is the headline, unless there is a worse or equal one.

    Returns the body.
    """
    costly = [
        _finding(row, CODE, f"{row['text']}.", "note", ADVICE)
        for row in rows
        if row["text"].endswith(COST)
    ]
    refusing = [
        _finding(row, REFUSES, row["text"].replace(BLAME, "."), "warning", CORRECT)
        for row in rows
        if row["text"].endswith(BLAME)
    ]
    headline = body.get("headline")
    if refusing and (headline is None or headline["severity"] == "note"):
        worst = refusing[0]
        shown = {key: worst[key] for key in ("text", "advice", "severity", "code")}
        headline = {**shown, "room": None}
    return {
        **body,
        "headline": headline,
        "ice_servers": list(rows),
        "diagnosis": [*body.get("diagnosis", ()), *refusing, *costly],
    }


def refusals(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What `systemctl status` shows of the servers that refuse the credentials of clients."""
    found = add({}, rows)["diagnosis"]
    return [f"{each['text']} {each['advice']}" for each in found if each["code"] == REFUSES]


def _finding(
    row: dict[str, Any], code: str, text: str, severity: str, advice: str
) -> dict[str, Any]:
    return {
        "code": code,
        "text": f"{row['url']}: {text}",
        "peers": [],
        "severity": severity,
        "advice": advice,
        "side": None,
    }


def text(watched: Watched, now: float, withhold: bool, in_use: bool) -> str:
    """What is known of a server, to follow its URL."""
    said = watched.last
    if said is None:
        return "not asked yet"
    if watched.state == "silent":
        start = f"silent for {ago(now - watched.since)} ({said.reason})"
        if withhold and not in_use:
            return f"{start}: clients do not get it until it answers"
        kept = ", and a client reports a connection by it" if withhold else ""
        return f"{start}: {COST}{kept}"
    return outcome(said)


def outcome(said: Said) -> str:
    """The outcome of one question."""
    if said.answer is None:
        return f"{'not asked' if said.unasked else 'not reached'}: {said.reason}"
    if not said.answer.refusal:
        return "it answers"
    return f"it answers, but refuses: {said.answer.refusal}{_blame(said.answer)}"


def milliseconds(seconds: float) -> float:
    """With one decimal."""
    return round(seconds * 1000, 1)


def _blame(answer: Answer) -> str:
    if int(answer.refusal.partition(" ")[0]) not in _CREDENTIALS:
        return ""
    return BLAME
