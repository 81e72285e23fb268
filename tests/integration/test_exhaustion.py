"""A server whose descriptors are really used up, and one that reads a long file of tokens."""

from __future__ import annotations

import http.client
import itertools
import resource
import signal
import time
from pathlib import Path

import pytest

from integration.credentials import new_token, write_tokens
from integration.server import ServerProcess

MANY = 8000
PATIENCE = 60.0


def lowest_free(pid: int) -> int:
    """The number that the next descriptor of a process gets."""
    used = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in itertools.count() if number not in used)


def status(caller: http.client.HTTPConnection, path: str) -> int:
    caller.request("GET", path)
    answer = caller.getresponse()
    answer.read()
    return answer.status


@pytest.mark.parametrize("path", ["/gcom", "/call", "/static/page.css"])
def test_page_without_a_descriptor_for_it_is_a_503_and_no_traceback(
    tmp_path: Path, path: str
) -> None:
    with ServerProcess(tmp_path) as server:
        caller = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
        assert status(caller, path) == 200
        limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        # Again: what the server closes only after its answer has a descriptor for the next one.
        for _ in range(100):
            lowest = lowest_free(server.pid)
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (lowest, limits[1]))
            if status(caller, path) == 503:
                break
        else:
            pytest.fail("a page was always served")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
        assert status(caller, path) == 200
        caller.close()
    assert not [line for line in server.lines if "Traceback" in line]


def test_long_file_of_tokens_is_read_while_others_are_served(tmp_path: Path) -> None:
    lines = [new_token(f"node-{number}")[1] for number in range(MANY)]
    tokens = write_tokens(tmp_path, lines[:1])
    with ServerProcess(tmp_path, {"auth": {"tokens_file": tokens}}) as server:
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)

        def answer() -> float:
            since = time.monotonic()
            kept.request("GET", "/healthz")
            assert kept.getresponse().read()
            return time.monotonic() - since

        idle = max(answer() for _ in range(100))
        write_tokens(tmp_path, lines)
        server.send(signal.SIGHUP)
        times = []
        end = time.monotonic() + PATIENCE
        while not any("configuration reloaded" in line for line in server.lines):
            times.append(answer())
            assert time.monotonic() < end, server.lines
        kept.close()
    assert len(times) >= 20
    print(
        f"\n{MANY} tokens: {len(times)} requests while they are read, the longest "
        f"{1000 * max(times):.0f} ms; of 100 before, {1000 * idle:.0f} ms"
    )
