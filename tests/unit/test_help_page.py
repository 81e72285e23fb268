from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from signaling_server.web.help_page import help_html

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/troubleshooting.md"


def test_finding_is_headed_by_the_sentence_that_people_see() -> None:
    text = "# Why?\n\nIntro.\n\n## Who\n\n### `alone`\n*node is alone\nin a <room>.*\n\nJoin it.\n"
    assert help_html(text) == (
        '<h1 id="why">Why?</h1>\n<p>Intro.</p>\n'
        '<nav aria-label="On this page"><ul class="contents">'
        '<li><a href="#who">Who</a></li></ul></nav>\n'
        '<h2 id="who">Who</h2>\n'
        '<h3 id="alone">node is alone in a &lt;room&gt;. <code class="code">alone</code></h3>\n'
        "<p>Join it.</p>\n"
    )


def test_code_without_a_sentence_stays_the_heading() -> None:
    made = help_html("### `alone`\n\nJoin it.\n\n### `last`\n")
    assert '<h3 id="alone"><code>alone</code></h3>\n<p>Join it.</p>' in made
    assert '<h3 id="last"><code>last</code></h3>\n' in made


def test_other_documents_are_named_and_not_linked() -> None:
    text = "[This](#a), [the protocol](protocol.md#report), [elsewhere](https://example.org/)."
    assert (
        '<a href="#a">This</a>, the protocol (docs/protocol.md), '
        '<a href="https://example.org/" rel="noopener">elsewhere</a>.' in help_html(text)
    )


def test_picture_is_left_out() -> None:
    assert help_html("![x](y.png)\n\ntext\n").startswith("<p>text</p>")


def test_whole_document_is_rendered_and_its_links_resolve() -> None:
    made = help_html(DOCUMENT.read_text(encoding="utf-8"))
    ids = re.findall(r' id="([^"]+)"', made)
    assert len(ids) == len({*ids})
    assert {*re.findall(r'href="#([^"]+)"', made)} <= {*ids}
    assert "**" not in re.sub(r"<code>.*?</code>", "", made)


def test_build_writes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); "]
    command[-1] += "import runpy; sys.argv = ['x', sys.argv[1]]; "
    command[-1] += "runpy.run_module('signaling_server.web.help_page', run_name='__main__')"
    made = subprocess.run([*command, str(DOCUMENT)], stdout=subprocess.PIPE, check=True).stdout
    assert made.decode() == help_html(DOCUMENT.read_text(encoding="utf-8"))
