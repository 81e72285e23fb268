"""Complaints about what passed, also in background tasks: each test asks for them at its end."""

from __future__ import annotations

_complaints: list[str] = []


def add(complaints: list[str]) -> None:
    """Store complaints until the test ends."""
    _complaints.extend(complaints)


def provoked(complaint: str) -> None:
    """Drop a complaint that a test provokes on purpose; raises AssertionError if it is not there.

    Call it once the payload has passed.
    """
    left = [each for each in _complaints if each != complaint]
    assert len(left) < len(_complaints), f"nobody complains: {complaint}"
    _complaints[:] = left


def take() -> list[str]:
    """All complaints since the last call."""
    taken = _complaints[:]
    _complaints.clear()
    return taken
