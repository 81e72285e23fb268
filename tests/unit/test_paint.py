from __future__ import annotations

import io

import pytest

from signaling_server.cli.paint import paint, wants_colours
from signaling_server.core.reporting.status_text import Line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "colours"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    stream: io.StringIO, environment: dict[str, str], colours: bool
) -> None:
    assert wants_colours(stream, environment) is colours


def test_style_is_painted_around_the_text() -> None:
    assert paint(Line("x", "alarm"), True) == "\x1b[1;31mx\x1b[0m"
    assert paint(Line("x", "alarm"), False) == "x"
    assert paint(Line("x"), True) == "x"
    assert paint(Line("", "dim"), True) == ""


def test_text_does_not_control_the_terminal() -> None:
    assert paint(Line("a\x1b[2J\nb", "dim"), True) == "\x1b[2ma?[2J?b\x1b[0m"
