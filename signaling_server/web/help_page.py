"""The content of `/help`: docs/troubleshooting.md as HTML, so that it is there without internet.

    python3 -m signaling_server.web.help_page docs/troubleshooting.md > help.html

makes it when a package is built. Each finding's section is headed by the sentence that people see;
its code is the anchor, to which the status page links.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Iterator

from signaling_server.web.markdown import blocks, inline, render

_CODE = re.compile(r"### `([a-z-]+)`")
_SENTENCE = re.compile(r"\*(.+)\*")
_TITLE = re.compile(r'<h2 id="([^"]+)">(.*)</h2>')


def help_html(text: str) -> str:
    """The HTML of the document, with a table of contents after its introduction."""
    parts = [*_parts(text)]
    first = next((index for index, part in enumerate(parts) if part.startswith("<h2")), len(parts))
    titles = filter(None, map(_TITLE.fullmatch, parts))
    entries = "".join(f'<li><a href="#{title[1]}">{title[2]}</a></li>' for title in titles)
    contents = f'<nav aria-label="On this page"><ul class="contents">{entries}</ul></nav>'
    return "\n".join([*parts[:first], contents, *parts[first:]]) + "\n"


def _parts(text: str) -> Iterator[str]:
    """The blocks of the document as HTML; a code and the sentence below it are one heading."""
    waiting = [*blocks(text)]
    while waiting:
        block = waiting.pop(0)
        code = _CODE.fullmatch(block[0])
        sentence = _SENTENCE.fullmatch(" ".join(waiting[0])) if code and waiting else None
        if code and sentence:
            waiting.pop(0)
            words = inline(sentence[1], _link)
            yield f'<h3 id="{code[1]}">{words} <code class="code">{code[1]}</code></h3>'
            continue
        made = render(block, _link)
        if made:
            yield made


def _link(text: str, target: str) -> str:
    """Other documents are not on the server: their names are told instead."""
    path, _, anchor = target.partition("#")
    if not path:
        return f'<a href="#{anchor}">{text}</a>'
    if path.endswith(".md"):
        return f"{text} (docs/{path})"
    return f'<a href="{target}" rel="noopener">{text}</a>'


if __name__ == "__main__":  # pragma: no cover (run by a test in a process of its own)
    print(help_html(Path(sys.argv[1]).read_text(encoding="utf-8")), end="")
