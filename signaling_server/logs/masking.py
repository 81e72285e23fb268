"""The second line of defence of a log line: what a client may have put into it.

It cannot end a line, fake one or colour a terminal, and what looks like a secret is masked. The
first line of defence is not to log bodies and tokens.
"""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"""(?ix)
    ( (?: (?<![a-z0-9]) | (?<=%[0-9a-f]{2}) ) hs_[a-z0-9.-]+_     # a token of this server
    | ice-pwd: | \bbearer\ +
    | (?:token|password|secret|credential|session) (?:=|%3d)      # in a URL
    ) [^\s"'\\&,;<>]+
    | ( (?P<q>\\?["']) (?:token|password|secret|credential|session) (?P=q) \s*:\s*
        (?P<v>\\?["']) ) (?: (?!(?P=v)) (?:\\.|[^\\]) )*          # in JSON and in a repr
    """
)


def clean(text: str) -> str:
    """One printable line without secrets; newlines, escapes and the like as Python writes them."""
    text = _SECRET.sub(lambda found: f"{found[1] or found[2]}***", text)
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
