"""The video comes back by itself after every fault. For clients with a session it does not even
stop if the fault hits only the signaling.
"""

from __future__ import annotations

import pytest

from faults.faults import FAULTS, befall
from faults.stage import CLIENTS
from needs import require_javascript

NEVER_STOPS = 1.0
"""Seconds between two frames that do not count as a stop on a busy machine."""
SHORT_QUIET = 2.0

SHORT = ("node-restarts", "gcom-restarts", "server-killed", "dropout-1", "dropout-5")
EVERY_DAY = [(kind, fault) for kind in ("python", "today") for fault in SHORT] + [
    ("javascript", "gcom-first"),
    ("javascript", "server-killed"),
    ("page", "server-killed"),
    ("page", "dropout-15"),
]
MUST_NOT_STOP = [
    (kind, fault)
    for kind, fault in EVERY_DAY
    if CLIENTS[kind].has_session and not FAULTS[fault].stops
]
SOAK = [
    (kind, fault)
    for kind, clients in CLIENTS.items()
    for fault in FAULTS
    if not clients.plain and (kind, fault) not in EVERY_DAY
]


@pytest.mark.parametrize(
    ("kind", "fault"), [case for case in EVERY_DAY if case not in MUST_NOT_STOP]
)
def test_video_comes_back(kind: str, fault: str) -> None:
    check(kind, fault, SHORT_QUIET)


@pytest.mark.timed
@pytest.mark.parametrize(("kind", "fault"), MUST_NOT_STOP)
def test_video_does_not_stop(kind: str, fault: str) -> None:
    check(kind, fault, SHORT_QUIET)


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "fault"), SOAK)
def test_video_comes_back_from_rarer_faults(kind: str, fault: str) -> None:
    check(kind, fault, FAULTS[fault].quiet)


def check(kind: str, fault: str, quiet: float) -> None:
    """Strike clients with a fault: the video must come back, and no program may end by itself."""
    if kind != "python":
        require_javascript()
    outcome = befall(kind, fault, quiet)
    assert outcome.flows_after is not None, "the video did not come back"
    if CLIENTS[kind].has_session and not FAULTS[fault].stops:
        assert outcome.longest_gap < NEVER_STOPS
    if fault != "duplicate-name":  # the node that lost its name ends
        assert outcome.falls == 0
