"""Complaints about what passed, also in background tasks: each test asks for them at its end."""

from __future__ import annotations

_complaints: list[str] = []


def add(complaints: list[str]) -> None:
    """Store complaints until the test ends."""
    _complaints.extend(complaints)


def take() -> list[str]:
    """All complaints since the last call."""
    taken = _complaints[:]
    _complaints.clear()
    return taken
