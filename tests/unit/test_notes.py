from __future__ import annotations

from signaling_server.core.insight.notes import NOTES, Note, Notes


def test_line_that_came_just_before_in_its_room_is_counted() -> None:
    notes = Notes()
    for at, room, text in ((1.0, "a", "x"), (2.0, "a", "y"), (3.0, "b", "x"), (4.0, "a", "x")):
        notes.add(at, room, text)
    assert notes.newest_first() == [
        Note(4.0, "a", "x", 2),
        Note(3.0, "b", "x"),
        Note(2.0, "a", "y"),
    ]


def test_late_line_goes_to_its_place() -> None:
    notes = Notes()
    for at in (1.0, 3.0, 2.0):
        notes.add(at, "a", f"at {at}")
    assert [note.at for note in notes.newest_first()] == [3.0, 2.0, 1.0]


def test_oldest_lines_go_and_a_late_one_is_the_oldest() -> None:
    notes = Notes()
    for number in range(NOTES + 5):
        notes.add(float(number), "a", str(number))
    notes.add(0.5, "a", "late")
    kept = notes.newest_first()
    assert len(kept) == NOTES
    assert kept[-1].text == "late"
