"""The servers of the tests as hosts of fleets, with `--fleet`.

With one host, each server is alone in a fleet of its own. With two, each server has a second host
beside it, and clients of the server connect to the two in turn: whatever a test says of two
clients holds across hosts, and what it says of a client that comes back holds at the other host.
"""

from __future__ import annotations

import itertools
import zlib
from pathlib import Path
from typing import Any, Iterator

REDIS: list[str] = []
"""The URL of the Redis of all fleets; empty without --fleet."""
TWO_HOSTS: list[bool] = []
"""Not empty with --fleet=2."""
_hosts: dict[str, Iterator[str]] = {}
"""By the URL of a server: the URLs of its hosts, in turn without end."""

HEALTHZ = "/healthz says whether the host is in its fleet"
OUTSIDE: dict[str, str] = {
    # Modules and tests that do not run with --fleet, and why.
    **dict.fromkeys(("test_cost", "test_honest", "test_passing", "test_paths"), "run no process"),
    "test_recorded": "its clients say numbers of signals, which begin anywhere in a fleet",
    "test_status_is_a_table_of_rooms_peers_and_diagnoses": "`status` has a line about the fleet",
    "test_reload_that_turns_tokens_on_applies_to_connected_clients": HEALTHZ,
    "test_health_gives_details_only_to_holders_of_a_status_token": HEALTHZ,
}
NOT_ON_TWO: dict[str, str] = {
    # Tests that do not run with --fleet=2 either.
    "test_failures_are_delayed_and_no_secret_is_logged": "each host delays failed log-ins",
    "test_full_server_answers_503_and_the_client_retries_until_it_joins": "limits are of a host",
    "test_peers_in_a_room_and_rooms_are_limited": "limits are of a host",
    "test_node_reconnects_by_itself_to_a_restarted_server": "both hosts would get its --port",
}


def outside(module: str, test: str) -> bool:
    """Whether a test does not run in the fleets that were asked for."""
    tests = {**OUTSIDE, **NOT_ON_TWO} if TWO_HOSTS else OUTSIDE
    return module in tests or test in tests


def section(folder: Path, name: str) -> dict[str, Any]:
    """The section `fleet` of a server whose configuration is in a folder."""
    if not REDIS:
        return {}
    prefix = f"t{zlib.crc32(str(folder).encode()):08x}"
    return {"fleet": {"url": REDIS[0], "prefix": prefix, "name": name}}


def begin(urls: list[str]) -> None:
    """Let clients of the first of these URLs connect to all of them in turn."""
    _hosts[urls[0]] = itertools.cycle(urls)


def end(url: str) -> None:
    """This server ends."""
    _hosts.pop(url, None)


def address(url: str) -> str:
    """The URL to which the next client connects that is to connect to this one."""
    for server, hosts in _hosts.items():
        if url.startswith(server) and not url[len(server) : len(server) + 1].isdigit():
            return next(hosts) + url[len(server) :]
    return url
