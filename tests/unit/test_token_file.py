"""The file of tokens: what it states, and which mistakes are reported."""

from __future__ import annotations

import contextlib

import pytest

from signaling_server.core.config.token_file import file_line
from signaling_server.core.config.token_file import parse_tokens as parse
from signaling_server.core.protocol import auth
from signaling_server.core.protocol.auth import Grant, digest, new_token
from signaling_server.errors import ConfigError, Rejection

RELEASED = 1_793_491_200.0
NOW = RELEASED + 86400
TOKEN, TOKEN_ID = new_token(bytes(range(auth.ID_BYTES + auth.SECRET_BYTES)))
OTHER, OTHER_ID = new_token(bytes(range(100, 100 + auth.ID_BYTES + auth.SECRET_BYTES)))


@pytest.mark.parametrize("role", [None, "streaming-node", '"quoted": \\ {', "Gr\u00fc\u00dfe"])
@pytest.mark.parametrize("rooms", [(), ("drone-1",), ("drone-1", "12")])
def test_line_for_the_file_reads_back_as_its_grant(
    role: str | None, rooms: tuple[str, ...]
) -> None:
    line = file_line(TOKEN, TOKEN_ID, "no", role, rooms)
    assert TOKEN not in line
    found = parse("tokens.yaml", f"tokens:\n{line}\n", RELEASED).check(TOKEN, NOW)
    assert found == Grant(TOKEN_ID, digest(TOKEN), "no", role, rooms)


FULL = f"""
tokens:
  - id: {TOKEN_ID}
    sha256: "{digest(TOKEN)}"
    name: gcom
    role: pilot
    rooms: [drone-1]
    can: [signal, status]
    expires: %s
  - {{id: {OTHER_ID}, sha256: "{digest(OTHER)}", name: node}}
"""


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("2027-01-31", 1_801_353_600),
        ("2027-01-31T12:00:00Z", 1_801_396_800),
        ("2027-01-31 12:00:00+02:00", 1_801_389_600),
    ],
)
def test_file_states_everything_that_a_grant_holds(date: str, moment: float) -> None:
    found = parse("tokens.yaml", FULL % date, RELEASED)
    assert found.check(TOKEN, NOW) == Grant(
        TOKEN_ID, digest(TOKEN), "gcom", "pilot", ("drone-1",), ("signal", "status"), moment
    )
    assert found.check(OTHER, NOW).name == "node"


@pytest.mark.parametrize("content", ["", "tokens:", "tokens: []", "# none yet\n"])
def test_file_without_tokens_grants_nothing(content: str) -> None:
    assert len(parse("tokens.yaml", content, RELEASED)) == 0


GOOD = f'id: abc, sha256: "{digest(TOKEN)}", name: gcom'


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("token: []", "tokens.yaml:1:1: unknown key token; did you mean tokens?"),
        ("tokens: {}", "tokens is a mapping, but must be a list of tokens"),
        ("tokens: [x]", "tokens[0] is x, but must be a mapping of"),
        ("tokens:\n  - {name: a}", "tokens.yaml:2:5: tokens[0] has no id and no sha256"),
        (f"tokens: [{{{GOOD}, nam: x}}]", "unknown key nam; did you mean name?"),
        (f"tokens: [{{{GOOD}, name: b}}]", "duplicate key name"),
        (f"tokens: [{{{GOOD}, can: [fly]}}]", "tokens[0].can[0] is fly, but must be signal"),
        (f"tokens: [{{{GOOD}, can: []}}]", "tokens[0].can is an empty list"),
        (f"tokens: [{{{GOOD}, rooms: []}}]", "tokens[0].rooms is an empty list"),
        (f"tokens: [{{{GOOD}, rooms: [a b]}}]", "tokens[0].rooms[0] is a b, but must be"),
        (f"tokens: [{{{GOOD}, expires: soon}}]", "tokens[0].expires is soon, but must be a date"),
        (f"tokens: [{{{GOOD}, role: ''}}]", 'tokens[0].role is "", but must be 1 to 64'),
        ("tokens: [{id: A, sha256: x, name: '/'}]", "tokens[0].id is A"),
        (f"tokens: [{{{GOOD}}}, {{{GOOD}}}]", "the id abc is used more than once"),
    ],
)
def test_mistake_in_the_file_is_reported_with_its_position(content: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse("tokens.yaml", content, RELEASED)
    assert complaint in str(raised.value)
    assert str(raised.value).startswith("tokens.yaml:")
    assert digest(TOKEN) not in str(raised.value)


# --- a file that is cut short -------------------------------------------------------------------

BLOCK = f"""tokens:
  - rooms: [drone-1]
    id: {OTHER_ID}
    can:
      - status
    sha256: "{digest(OTHER)}"
    name: gcom
    expires: 2027-01-31
  - rooms: [drone-1, drone-2]
    name: node-1
    id: {TOKEN_ID}
    expires: 2027-01-31
    sha256: {digest(TOKEN)}
"""
MARKED = f"""tokens:
  - id: {TOKEN_ID}
    sha256: "{digest(TOKEN)}"
    name: node-1
    rooms:
      - drone-1
    expires: 2027-01-31T12:00:00Z
...
"""
LINES = f"tokens:\n{file_line(TOKEN, TOKEN_ID, 'node-1', 'pilot', ['drone-1', 'drone-2'])}\n"


@pytest.mark.parametrize("whole", [BLOCK, MARKED, LINES], ids=["block", "end marker", "lines"])
def test_no_token_allows_more_wherever_its_file_is_cut(whole: str) -> None:
    granted = parse("tokens.yaml", whole, RELEASED)
    accepted = 0
    for size in range(len(whole)):
        try:
            left = parse("tokens.yaml", whole[:size], RELEASED)
        except ConfigError:
            continue
        accepted += 1
        for token in (TOKEN, OTHER):
            with contextlib.suppress(Rejection):
                assert left.check(token, NOW) == granted.check(token, NOW), whole[:size]
    assert accepted


@pytest.mark.parametrize("last", ["name: gcom", "rooms: [a]", "[a]: b"])
def test_last_token_that_may_have_lost_a_line_is_refused(last: str) -> None:
    content = f"tokens:\n  - id: abc\n    sha256: {digest(TOKEN)}\n    {last}\n"
    with pytest.raises(ConfigError) as refusal:
        parse("tokens.yaml", content, RELEASED)
    assert "the last token may have lost a line" in str(refusal.value.complaints[-1])
