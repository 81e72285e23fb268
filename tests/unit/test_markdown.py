from __future__ import annotations

import pytest

from signaling_server.web.markdown import blocks, inline, render, slug


def link(text: str, target: str) -> str:
    return f"<{target}>{text}</>"


def rendered(text: str) -> list[str]:
    return [render(block, link) for block in blocks(text)]


def test_blocks_are_separated_by_empty_lines_headings_and_fences() -> None:
    text = "# One\ntext\nmore\n```\na\n\n# b\n```\n\n- item\n\nlast"
    assert [*blocks(text)] == [
        ["# One"],
        ["text", "more"],
        ["```", "a", "", "# b", "```"],
        ["- item"],
        ["last"],
    ]


def test_headings_have_the_anchors_of_github() -> None:
    assert rendered("## Is it `on`, [or](a.md#b) off?") == [
        '<h2 id="is-it-on-or-off">Is it <code>on</code>, <a.md#b>or</> off?</h2>'
    ]
    assert slug("`no-offer`") == "no-offer"


def test_paragraph_joins_its_lines_and_leaves_pictures_out() -> None:
    assert rendered("one\ntwo\n\n![a picture](x.png)") == ["<p>one two</p>", ""]


def test_text_within_a_block() -> None:
    assert inline("a < b & `<c>` **bold** *em* [to `d`](e) end", link) == (
        "a &lt; b &amp; <code>&lt;c&gt;</code> <strong>bold</strong> <em>em</em>"
        " <e>to <code>d</code></> end"
    )


def test_lists_of_both_kinds() -> None:
    assert rendered("- one\n  more\n- two") == ["<ul><li>one more</li><li>two</li></ul>"]
    assert rendered("1. one\n2. two") == ["<ol><li>one</li><li>two</li></ol>"]


def test_table_scrolls_by_itself() -> None:
    assert rendered("| a | b |\n| --- | --- |\n| `1` | x \\| y |") == [
        '<div class="wide"><table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr>'
        "</thead><tbody><tr><td><code>1</code></td><td>x | y</td></tr></tbody></table></div>"
    ]


def test_code_is_shown_as_it_is() -> None:
    assert rendered("```sh\na <b>\n```") == ["<pre><code>a &lt;b&gt;\n</code></pre>"]


@pytest.mark.parametrize(
    "text", ["> quoted", "    indented", "* star", "<b>html</b>", "[a]: b", "| a |\n| b |", "~~~"]
)
def test_what_it_does_not_know_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="unknown Markdown"):
        rendered(text)
