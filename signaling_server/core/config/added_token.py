"""The text of a file of tokens with one more token at its end."""

from __future__ import annotations

import re

from signaling_server.core.config.token_file import parse_tokens
from signaling_server.core.config.yaml_tree import Mapping, Node, Sequence, read
from signaling_server.errors import Complaint, ConfigError

INDENTATION = 2


def with_token(file: str, text: str, line: str) -> str:
    """The file's text with a line of `token_file.file_line` at its end, indented like the others.

    Raises ConfigError if the text is no file of tokens, or lists them on one line, as in
    `tokens: [...]`.
    """
    parse_tokens(file, text, 0.0)
    listed = _value(read(file, text))
    indentation = INDENTATION
    if isinstance(listed, Sequence):
        indentation = listed.place.column - 1
        if not text.splitlines()[listed.place.line - 1].startswith("-", indentation):
            advice = "write each token on a line of its own, as `- {id: ...}` below `tokens:`"
            raise ConfigError([Complaint(*listed.place, advice)])
    # A line `...` shows that the text is whole; the new last line, in braces, shows it by itself.
    head = re.sub(r"(^|\n)\.\.\.\s*$", r"\1", text).rstrip()
    head += "\n" if head else ""
    key = "" if listed else "tokens:\n"
    whole = f"{head}{key}{' ' * indentation}{line.strip()}\n"
    parse_tokens(file, whole, 0.0)
    return whole


def _value(root: Node | None) -> Node | None:
    """The value of `tokens`, the only key of the file."""
    return root.pairs[0][1] if isinstance(root, Mapping) and root.pairs else None
