"""The last lines for people: what happened, in the order of time."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import NamedTuple

NOTES = 100
REPEATS = 3
"""Notes at the end among which a repetition is looked for: two sides send candidates in turn."""


class Note(NamedTuple):
    """A line for people, the last time `at`; it came `times` times at about that time."""

    at: float
    room: str
    text: str
    times: int = 1


class Notes:
    """The last NOTES lines."""

    def __init__(self) -> None:
        self._notes: deque[Note] = deque(maxlen=NOTES)

    def newest_first(self) -> list[Note]:
        """All lines."""
        return list(reversed(self._notes))

    def add(self, at: float, room: str, text: str) -> None:
        """Add a line; one that came just before in its room is counted, not repeated.

        Rooms are read in turns, so a line may be older than the last ones: it goes to its place.
        """
        times = 1
        recent = (note for note in reversed(self._notes) if note.room == room)
        for note in islice(recent, REPEATS):
            if note.text == text:
                times += note.times
                self._notes.remove(note)
                break
        later = 0
        while later < len(self._notes) and self._notes[-1 - later].at > at:
            later += 1
        if len(self._notes) == NOTES:
            self._notes.popleft()
        self._notes.insert(max(0, len(self._notes) - later), Note(at, room, text, times))
