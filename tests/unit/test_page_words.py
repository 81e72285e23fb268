"""What the documents say that the status page shows, it shows; and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "signaling_server" / "web" / "static"
DOCUMENT = (ROOT / "docs" / "troubleshooting.md").read_text()
PAGE = "\n".join(file.read_text() for file in sorted(STATIC.glob("*.*")) if file.suffix != ".svg")


def chapter(title: str) -> str:
    return DOCUMENT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(table: str) -> list[str]:
    return re.findall(r"^\| ([^|]+?) \|", table, re.M)[2:]


def headlines_of_the_page() -> list[str]:
    """The texts of `stateOf` in headline.js, each number and word in `${}` as 3."""
    body = re.search(r"function stateOf\(.*?\n}\n", (STATIC / "headline.js").read_text(), re.S)
    assert body
    texts = re.findall(r"(?:text: |\? |: )[\"`]([A-Z$][^\"`]+)[\"`]", body[0])
    return [re.sub(r"\$\{[^}]+}", "3", text) for text in texts]


def test_each_headline_of_the_page_is_explained() -> None:
    shown = headlines_of_the_page()
    explained = re.sub(r"\d+", "3", ", ".join(first_cells(chapter("Headlines of the status page"))))
    assert len(shown) == 9
    assert [text for text in shown if text not in explained] == []


@pytest.mark.parametrize("title", ["Headlines of the status page", "Tokens"])
def test_each_explained_text_is_one_of_the_page(title: str) -> None:
    cells = [cell for cell in first_cells(chapter(title)) if not cell.startswith("`")]
    texts = [text for cell in cells for text in cell.split(", ") if not re.search(r"\d", text)]
    whole = [cell for cell in cells if cell in PAGE]
    assert cells
    assert [text for text in texts if not any(text in cell for cell in [PAGE, *whole])] == []


def test_parts_of_the_page_have_the_names_that_the_document_uses() -> None:
    names = ["Refused clients", "Remember on this device", "Forget the token on this device"]
    prose = " ".join(DOCUMENT.split())
    for name in names:
        assert f"*{name}*" in prose
        assert name in PAGE
