"""Masks secrets in text that leaves the machine: those that are known, and what looks like one."""

from __future__ import annotations

import re
from typing import Iterable

from signaling_server.logs import masking

MASK = "***"
SHORTEST = 4
"""Shorter secrets are not looked for: they would mask half of the text, and are in none of it."""
_MORE = re.compile(
    r"""(?ix)
    ( a=ice-ufrag: | a=ice-pwd: | \bufrag\s+
    | \w://[^\s/:@]*: (?=[^\s/@]+@)                # the password in a URL
    ) [^\s"'\\@]+
    """
)
_PEM_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_PEM_ENDS = "-----END"


class Scrubber:
    """Masks line by line, because a private key has several."""

    def __init__(self, known: Iterable[str]) -> None:
        # The longest first: one secret may be a part of another.
        secrets = sorted({each for each in known if len(each) >= SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, secrets))) if secrets else None
        self._in_key = False

    def clean(self, line: str) -> str:
        """The line without secrets; one of a private key is masked as a whole."""
        begins = _PEM_BEGINS.search(line)
        if self._in_key or begins:
            self._in_key = _PEM_ENDS not in (line[begins.end() :] if begins else line)
            return MASK
        if self._known:
            line = self._known.sub(MASK, line)
        return masking.clean(_MORE.sub(lambda found: f"{found[1]}{MASK}", line))
