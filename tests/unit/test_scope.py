"""Which rooms a reader of the status may see."""

from __future__ import annotations

import pytest

from signaling_server.core.protocol.scope import ALL, Scope


@pytest.mark.parametrize(
    ("scope", "room", "covered"),
    [(ALL, "drone-1", True), (Scope(("a", "b")), "b", True), (Scope(("a", "b")), "c", False)],
)
def test_token_without_rooms_covers_all_and_another_those_that_it_names(
    scope: Scope, room: str, covered: bool
) -> None:
    assert scope.covers(room) is covered


def test_only_a_whole_scope_has_what_is_in_no_room() -> None:
    assert ALL.is_whole
    assert not Scope(("a",)).is_whole
