"""What tests need of the machine. A test without it fails, and says how to get it.

It does not skip: a run that left tests out looks like a run in which all of them passed.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (
    *("tests/appliance", "tests/arm64", "tests/browser", "tests/faults", "tests/fleet"),
    "tests/outside",
)
"""The headings of .ci/debian-packages that are folders of tests."""


@functools.lru_cache(maxsize=None)
def missing(folder: str) -> str:
    """What this machine lacks for one of FOLDERS: a sentence for the user, or ""."""
    checked = subprocess.run(
        [ROOT / ".ci" / "needs", folder], stderr=subprocess.PIPE, text=True, check=False
    )
    return checked.stderr if checked.returncode else ""


def missing_for_javascript() -> str:
    """The same for tests with JavaScript clients."""
    if shutil.which("node") is None:
        return "JavaScript clients need node and npm: install them"
    if not (ROOT / "tests/js/node_modules/socket.io-client").is_dir():
        return "JavaScript clients need socket.io-client: run `make tests/js/node_modules`"
    return ""


def require_javascript() -> None:
    """Fail the test if JavaScript clients cannot run here."""
    sentence = missing_for_javascript()
    if sentence:
        pytest.fail(sentence, pytrace=False)
