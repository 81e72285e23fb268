"""The tables of protocol.md and http-api.md name what the schemas name."""

from __future__ import annotations

import re
from typing import Any, Iterator

import pytest

from contract.schemas import ASYNCAPI, DOCS, OPENAPI, document, events, inlined


def section(file: str, heading: str) -> str:
    """The text under a heading, up to the next one."""
    text = (DOCS / file).read_text(encoding="utf-8")
    start = re.search(rf"^#+ {re.escape(heading)}$", text, re.MULTILINE)
    assert start, heading
    return re.split(r"^#", text[start.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of its first table, less its head."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    for line in lines[2:]:
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def fields(notation: str) -> dict[str, bool]:
    """The fields of `{a, b?, c: [{d}]}` at its first level, and whether each is required."""
    inner = notation.strip().lstrip("[").rstrip("]").strip()
    assert inner.startswith("{"), notation
    depth, plain = 0, ""
    for sign in inner[1:-1]:
        depth -= sign in "}]"
        plain += sign if depth == 0 else ""
        depth += sign in "{["
    names = (part.split(":")[0].strip() for part in plain.split(","))
    return {name.rstrip("?"): not name.endswith("?") for name in names if name.strip(".")}


def described(schema: Any) -> dict[str, bool]:
    return {name: name in schema.get("required", ()) for name in schema["properties"]}


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def asyncapi(name: str) -> Any:
    return inlined(document(ASYNCAPI)["components"]["schemas"][name], ASYNCAPI)


def openapi(name: str) -> Any:
    return inlined(document(OPENAPI)["components"]["schemas"][name], OPENAPI)


EVENTS = {
    "welcome": "Welcome",
    "peer_joined": "PeerJoined",
    "peer_left": "PeerLeft",
    "token_expires": "TokenExpires",
}


def test_events_from_the_server_are_those_of_the_table_with_their_fields() -> None:
    table = {
        quoted(row[0])[0]: row[1] for row in rows(section("protocol.md", "Events from the server"))
    }
    assert set(table) == events("heard")
    for event, name in EVENTS.items():
        assert fields(quoted(table[event])[0]) == described(asyncapi(name)), event
    assert {"from", "seq"} < set(quoted(table["signal"]))
    assert {"from", "seq"} < set(asyncapi("Signal")["properties"])
    error = fields(quoted(table["error"])[0])
    assert set(asyncapi("Error")["required"]) == set(error)


def test_reasons_of_peer_left_are_those_of_the_text() -> None:
    text = re.search(
        r"- `reason` of `peer_left` is one of (.*?)\n- ",
        section("protocol.md", "Events from the server"),
        re.DOTALL,
    )
    assert text
    assert sorted(quoted(text[1])) == sorted(asyncapi("LeaveReason")["enum"])


def test_error_codes_are_those_of_the_table() -> None:
    text = section("protocol.md", "Error codes")
    listed = [code for row in rows(text) for code in quoted(row[0])]
    assert sorted(listed) == sorted(asyncapi("ErrorCode")["enum"])
    prose = text.partition("A handshake that can never succeed")[2].partition(". A CONNECT")[0]
    faults = set(re.findall(r"`([\w-]+)`", prose))
    assert faults == set(asyncapi("HandshakeFaultCode")["enum"])


def test_codes_of_a_handshake_for_now_are_those_of_the_table() -> None:
    table = rows(section("protocol.md", "Error codes"))
    said = {code for row in table if "HTTP 503" in row[1] for code in quoted(row[0])}
    assert said == set(asyncapi("HandshakeRefusal")["properties"]["code"]["enum"])


def test_acknowledgements_are_those_of_the_text() -> None:
    signal, ice_servers, report = (
        section("protocol.md", f"`{event}`") for event in ("signal", "ice_servers", "report")
    )
    accepted, refused = re.findall(r"^{ok: .*}$", signal, re.MULTILINE)
    assert fields(accepted) == described(asyncapi("SignalAck")["anyOf"][1])
    assert fields(refused) == described(asyncapi("Refusal"))
    notation = quoted(ice_servers.partition("acknowledgement is")[2])[0]
    assert fields(notation) == described(asyncapi("IceServersAck")["anyOf"][1])
    notation = quoted(report.partition("acknowledgement is")[2])[0]
    assert fields(notation) == described(asyncapi("ReportAck")["anyOf"][1])


def test_signal_is_that_of_the_text() -> None:
    notation = section("protocol.md", "`signal`").split("```")[1]
    schema = asyncapi("SentSignal")
    assert set(fields(notation.strip())) == set(schema["properties"])
    assert re.findall(r'"([\w-]+)"', notation) == schema["properties"]["type"]["enum"]


def test_report_is_that_of_the_text() -> None:
    notation = section("protocol.md", "`report`").split("```")[1].replace("\n", "")
    schema = asyncapi("Report")
    assert fields(notation) == described(schema)
    assert re.findall(r'"(\w+)"', notation) == schema["properties"]["state"]["enum"]
    for field, path in (("local", ["candidate_pair", "properties", "local"]), ("stats", ["stats"])):
        inner = re.search(rf"{field}\?: ({{.*?}})", notation)
        assert inner
        assert fields(inner[1]) == described(at(schema["properties"], path)), field


def test_fields_of_connecting_are_those_of_the_table() -> None:
    listed = [quoted(row[0])[0] for row in rows(section("protocol.md", "Connecting"))]
    assert sorted(listed) == sorted(asyncapi("Auth")["properties"])


def test_paths_and_methods_are_those_of_the_table_and_the_text() -> None:
    text = (DOCS / "http-api.md").read_text(encoding="utf-8")
    table = [path for row in rows(text.split("\n## ")[0]) for path in quoted(row[0])]
    named = {re.sub(r"^/static/.*", "/static/{name}", path) for path in table}
    said = {path if " " in path else f"GET {path}" for path in named}
    options = re.search(r"^`OPTIONS` on (.*) answers 204", section("http-api.md", "Access"), re.M)
    assert options
    said |= {f"OPTIONS {path}" for path in quoted(options[1])}
    paths = document(OPENAPI)["paths"]
    published = {
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method in operations
        if method != "parameters"
    }
    assert said == published - {"GET /socket.io/"}


FLEET = ["properties", "fleet", "anyOf", 0]
STATUS = [
    ("server", ["properties", "server"]),
    ("headline", ["properties", "headline", "anyOf", 0]),
    ("counters", ["properties", "counters"]),
    ("rooms", ["properties", "rooms", "items"]),
    ("rooms[].peers", ["properties", "rooms", "items", "properties", "peers", "items"]),
    ("rooms[].last_seen", ["properties", "rooms", "items", "properties", "last_seen", "items"]),
    ("rooms[].pairs", ["properties", "rooms", "items", "properties", "pairs", "items"]),
    ("former_rooms", ["properties", "former_rooms", "items"]),
    ("events", ["properties", "events", "items"]),
    ("ice_servers", ["properties", "ice_servers", "items"]),
    ("refusals", ["properties", "refusals", "items"]),
    ("diagnosis", ["properties", "diagnosis", "items"]),
    ("fleet", FLEET),
    ("fleet.hosts", [*FLEET, "properties", "hosts", "items"]),
    ("fleet.elsewhere", [*FLEET, "properties", "elsewhere", "items"]),
]


def at(schema: Any, path: list[Any]) -> Any:
    for part in path:
        schema = schema[part]
    return schema


@pytest.mark.parametrize(("field", "path"), STATUS, ids=[field for field, _ in STATUS])
def test_status_has_the_fields_of_the_table(field: str, path: list[Any]) -> None:
    table = list(rows(section("http-api.md", "`/api/status`")))
    found = [quoted(row[1]) for row in table if quoted(row[0])[:1] == [field]]
    assert found
    notations = [each for cell in found for each in cell if each.lstrip("[").startswith("{")]
    said = fields(notations[0])
    schema = described(at(openapi("Status"), path))
    if field == "rooms":
        assert schema.pop("timeline")  # in a row of its own
    assert said == schema


def test_every_field_of_status_is_in_the_table() -> None:
    table = rows(section("http-api.md", "`/api/status`"))
    named = {re.split(r"[\[.]", quoted(row[0])[0])[0] for row in table if quoted(row[0])}
    assert named >= set(openapi("Status")["properties"])


def test_timeline_has_the_fields_of_its_table() -> None:
    table = {
        quoted(row[0])[0]: row[1] for row in rows(section("http-api.md", "The timeline of a room"))
    }
    timeline = openapi("Timeline")["properties"]
    assert set(table) | {"seconds"} == set(timeline)
    for field in ("events", "bars"):
        assert fields(quoted(table[field])[0]) == described(timeline[field]["items"])
    kinds = quoted(table["events"].partition("`kind`:")[2])
    assert sorted(kinds) == sorted(timeline["events"]["items"]["properties"]["kind"]["enum"])


@pytest.mark.parametrize(
    ("heading", "name"),
    [("`/healthz`", "Health"), ("`POST /api/pair`", "Paired")],
)
def test_body_has_the_fields_of_the_text(heading: str, name: str) -> None:
    notation = next(
        each for each in quoted(section("http-api.md", heading)) if re.match(r"{\w", each)
    )
    assert set(fields(notation)) == set(openapi(name)["properties"])


def test_notation_is_read_at_its_first_level() -> None:
    assert fields("[{a, b?, c: [{d?, e}], f: {g: {h}}, ...}]") == {
        "a": True,
        "b": False,
        "c": True,
        "f": True,
    }
