"""The documents: every relative link and anchor resolves, and prose wraps at 100 columns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COLUMNS = 100
"""The same as in .editorconfig."""
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$\n?", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`]*`")
LINK = re.compile(r"\]\(\s*([^)\s]+)\s*\)")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = LINK.sub("]", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """All anchors of a document; a heading that occurs again gets a number."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE):
        base = slug(heading)
        number = 0
        while (f"{base}-{number}" if number else base) in found:
            number += 1
        found.add(f"{base}-{number}" if number else base)
    return found


def links(text: str) -> Iterator[str]:
    """The targets of a document's links and pictures, less those to other sites."""
    for target in LINK.findall(CODE.sub("", FENCE.sub("", text))):
        if not re.match(r"[a-z]+:", target):
            yield target


def broken(document: Path, target: str) -> str:
    """What is wrong with a link; empty if nothing is."""
    path, _, anchor = target.partition("#")
    file = (document.parent / path).resolve() if path else document
    if not file.exists():
        return f"{target}: no such file"
    if not anchor:
        return ""
    known = anchors(file.read_text(encoding="utf-8")) if file.suffix == ".md" else set()
    return "" if anchor in known else f"{target}: no such heading"


def long_lines(text: str) -> list[str]:
    """Lines of prose that are too long. Tables, code and the targets of links do not count."""
    prose = FENCE.sub("", text).splitlines()
    return [
        line
        for line in prose
        if len(LINK.sub("]", line)) > COLUMNS and not line.startswith(("|", "!["))
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_and_anchor_resolves(document: Path) -> None:
    found = (broken(document, target) for target in links(document.read_text(encoding="utf-8")))
    assert list(filter(None, found)) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_prose_wraps_at_100_columns(document: Path) -> None:
    assert long_lines(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_document_has_one_title_and_is_found_from_an_index(document: Path) -> None:
    prose = FENCE.sub("", document.read_text(encoding="utf-8"))
    assert len(re.findall(r"^# ", prose, re.MULTILINE)) == 1
    assert document in reachable(ROOT / "README.md")


def reachable(start: Path) -> set[Path]:
    """The documents that links lead to from one of them."""
    found: set[Path] = set()
    ahead = [start]
    while ahead:
        document = ahead.pop()
        if document in found or document not in DOCUMENTS:
            continue
        found.add(document)
        for target in links(document.read_text(encoding="utf-8")):
            ahead.append((document.parent / target.partition("#")[0]).resolve())
    return found


def test_broken_links_and_anchors_are_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# One `/api/x`\n\n## One\n## One\n\n```\n# no heading\n```\n")
    assert anchors(document.read_text()) == {"one-apix", "one", "one-1"}
    assert broken(document, "#one-1") == ""
    assert broken(document, "a.md#one") == ""
    assert broken(document, "#two") == "#two: no such heading"
    assert broken(document, "b.md") == "b.md: no such file"
    text = "[a](b.md#c) `[x](y)` [d](https://e)\n```\n[f](g)\n```\n![h](i.png)"
    assert list(links(text)) == ["b.md#c", "i.png"]


def test_exposure_of_the_unit_is_the_same_wherever_it_is_named() -> None:
    analysis = (ROOT / "tests/appliance/test_build.py").read_text(encoding="utf-8")
    (allowed,) = re.findall(r"--threshold=(\d+)", analysis)
    for name in ("SECURITY.md", "docs/operations.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        told = re.findall(r"`systemd-analyze security`\)?\W+(\d\.\d)", text)
        assert told == [f"{int(allowed) / 10}"], name


def test_long_lines_are_found() -> None:
    line = "word " * 20 + "x"
    assert long_lines(f"{line}\n| {line}\n```\n{line}\n```\n[a]({'x' * 200})\n") == [line]
