"""The Markdown that our documents use -> HTML: headings, paragraphs, lists, tables, code, links.

Only the document that we ship passes through it, when the package is built, so it need not be
complete: it raises ValueError at what it does not know, and a test renders the document.
"""

from __future__ import annotations

import html
import re
from typing import Callable, Iterator, Sequence

_HEADING = re.compile(r"(#{1,4}) (.*)")
_ITEM = re.compile(r"(?:-|\d+\.) (.*)")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_INLINE = re.compile(r"`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)|\*\*([^*]+)\*\*|\*([^*]+)\*")
_UNKNOWN = re.compile(r"\s{4}|>|~~~|<|[*+_] |\[[^\]]+\]:")
"""How a line begins that is meant as something else than text."""

Link = Callable[[str, str], str]
"""Makes HTML of a link: the HTML of its text, and its target."""


def blocks(text: str) -> Iterator[list[str]]:
    """The lines of a document, in blocks: a heading, a table, a list, code or a paragraph each."""
    block: list[str] = []
    in_code = False
    for line in text.splitlines():
        fence = line.startswith("```")
        ends = not in_code and (not line.strip() or _HEADING.fullmatch(line) or fence)
        if ends and block:
            yield block
            block = []
        if fence:
            in_code = not in_code
        if in_code or line.strip():
            block.append(line)
        if not in_code and (fence or _HEADING.fullmatch(line)):
            yield block
            block = []
    if block:
        yield block


def render(block: Sequence[str], link: Link) -> str:
    """The HTML of one block; "" for a picture, which is left out. Raises ValueError."""
    first = block[0]
    heading = _HEADING.fullmatch(first)
    if heading:
        level = len(heading[1])
        return f'<h{level} id="{slug(heading[2])}">{inline(heading[2], link)}</h{level}>'
    if first.startswith("```"):
        return f"<pre><code>{html.escape(chr(10).join(block[1:-1]))}\n</code></pre>"
    if first.startswith("|"):
        return _table(block, link)
    if _ITEM.fullmatch(first):
        return _list(block, link)
    if _UNKNOWN.match(first):
        raise ValueError(f"unknown Markdown: {first}")
    text = inline(" ".join(block), link)
    return f"<p>{text}</p>" if text else ""


def inline(text: str, link: Link) -> str:
    """The HTML of text within a block."""
    text = _IMAGE.sub("", text).strip()
    made, end = "", 0
    for found in _INLINE.finditer(text):
        made += html.escape(text[end : found.start()])
        code, label, target, strong, emphasis = found.groups()
        if code:
            made += f"<code>{html.escape(code)}</code>"
        elif label:
            made += link(inline(label, link), target)
        elif strong:
            made += f"<strong>{inline(strong, link)}</strong>"
        else:
            made += f"<em>{inline(emphasis, link)}</em>"
        end = found.end()
    return made + html.escape(text[end:])


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"\]\([^)]*\)", "]", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def _table(rows: Sequence[str], link: Link) -> str:
    if len(rows) < 3 or not re.fullmatch(r"[|:\- ]+", rows[1]):
        raise ValueError(f"unknown Markdown: {rows[0]}")
    head, *body = (_cells(row) for row in (rows[0], *rows[2:]))
    columns = "".join(f'<th scope="col">{inline(cell, link)}</th>' for cell in head)
    lines = (
        "<tr>" + "".join(f"<td>{inline(cell, link)}</td>" for cell in row) + "</tr>" for row in body
    )
    table = f"<table><thead><tr>{columns}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _cells(row: str) -> list[str]:
    """The cells of a row; `\\|` is a bar within one."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def _list(lines: Sequence[str], link: Link) -> str:
    items: list[str] = []
    for line in lines:
        item = _ITEM.fullmatch(line)
        if item:
            items.append(item[1])
        else:
            items[-1] += " " + line.strip()
    kind = "ul" if lines[0].startswith("-") else "ol"
    content = "".join(f"<li>{inline(item, link)}</li>" for item in items)
    return f"<{kind}>{content}</{kind}>"
