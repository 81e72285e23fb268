"""What a server that starts does without: it costs time and memory on an onboard computer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADS = """
import json, sys
from signaling_server.cli import main
from signaling_server import process
from signaling_server.appliance import startup
from signaling_server.logs import pipe
print(json.dumps([*sys.modules]))
"""


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules that `serve` loads before it reads its configuration."""
    said = subprocess.run([sys.executable, "-c", LOADS], stdout=subprocess.PIPE, check=True).stdout
    return {*json.loads(said)}


def test_there_is_something_to_look_at(loaded: set[str]) -> None:
    assert {"aiohttp.web", "signaling_server.app", "signaling_server.web.pages"} <= loaded


@pytest.mark.parametrize(
    "module",
    [
        "difflib",  # two rooms with similar names
        "segno",  # /api/qr
        "redis",  # a fleet
        "signaling_server.fleet.fleet",
        "signaling_server.fleet.redis_engine",
        "signaling_server.appliance.ice_asker",  # a STUN server in the configuration
        "signaling_server.appliance.ice_channel",
        "signaling_server.core.ice.question",
        "signaling_server.core.ice.stun",
        "signaling_server.web.help_page",  # made when the package is built
        "signaling_server.web.markdown",
        "signaling_server.cli.probe",  # commands
        "signaling_server.cli.status",
        "signaling_server.appliance.authority",
    ],
)
def test_server_starts_without_what_it_may_never_need(module: str, loaded: set[str]) -> None:
    assert module not in loaded
