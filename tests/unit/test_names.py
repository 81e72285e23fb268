from __future__ import annotations

import pytest

from signaling_server.core.names import NAME


@pytest.mark.parametrize("text", ["gcom", "drone-1", "A.b_C-9", "x" * 64])
def test_name_is_letters_digits_and_three_marks(text: str) -> None:
    assert NAME.fullmatch(text)


@pytest.mark.parametrize("text", ["", "two words", "drone/1", "dröne", "x" * 65, "line\n"])
def test_anything_else_is_no_name(text: str) -> None:
    assert not NAME.fullmatch(text)
