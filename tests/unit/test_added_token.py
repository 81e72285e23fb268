"""A file of tokens with one more token keeps all that it had."""

from __future__ import annotations

import pytest

from signaling_server.core.config.added_token import with_token
from signaling_server.core.config.token_file import file_line, parse_tokens
from signaling_server.core.protocol import auth
from signaling_server.core.protocol.auth import new_token
from signaling_server.errors import ConfigError


def line(number: int) -> tuple[str, str]:
    """A token and its line."""
    token, token_id = new_token(bytes([number]) * (auth.ID_BYTES + auth.SECRET_BYTES))
    return token, file_line(token, token_id, f"peer-{number}", None, ())


OLD, OLD_LINE = line(1)
NEW, NEW_LINE = line(2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nobody yet\n",
        "tokens:\n",
        "# who may connect\ntokens:   # one a line\n",
        "tokens:",
    ],
)
def test_file_without_tokens_gets_its_first(text: str) -> None:
    whole = with_token("tokens.yaml", text, NEW_LINE)
    assert whole.startswith(text.rstrip())
    assert parse_tokens("tokens.yaml", whole, 0.0).check(NEW, 1.0).name == "peer-2"


@pytest.mark.parametrize("indentation", [0, 2, 4])
@pytest.mark.parametrize("end", ["", "\n", "\n\n# the last line\n"])
def test_line_follows_the_others_in_their_indentation(indentation: int, end: str) -> None:
    text = f"# mine\ntokens:\n{' ' * indentation}{OLD_LINE.strip()}{end}"
    whole = with_token("tokens.yaml", text, NEW_LINE)
    assert whole == f"{text.rstrip()}\n{' ' * indentation}{NEW_LINE.strip()}\n"
    tokens = parse_tokens("tokens.yaml", whole, 0.0)
    assert [tokens.check(token, 1.0).name for token in (OLD, NEW)] == ["peer-1", "peer-2"]


def test_block_style_is_followed_by_a_line() -> None:
    block = OLD_LINE.strip()[3:-1].replace(", ", "\n    ")
    with pytest.raises(ConfigError, match="may have lost a line"):
        with_token("tokens.yaml", f"tokens:\n  - {block}\n", NEW_LINE)
    whole = with_token("tokens.yaml", f"tokens:\n  - {block}\n...\n", NEW_LINE)
    tokens = parse_tokens("tokens.yaml", whole, 0.0)
    assert [tokens.check(token, 1.0).name for token in (OLD, NEW)] == ["peer-1", "peer-2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tokens: []\n", "tokens.yaml:1:9: write each token on a line of its own"),
        ("tokens: null\n", "tokens.yaml:2:8"),
        ("{}\n", "tokens.yaml:2:1"),
        ("names:\n", "names"),
        (f"tokens:\n{NEW_LINE}\n", "is used more than once"),
    ],
)
def test_file_that_cannot_take_a_line_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        with_token("tokens.yaml", text, NEW_LINE)
