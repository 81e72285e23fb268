"""A real TURN server that is of no use to clients is named, and no longer when it is of use."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from faults.words import TURN, Room
from integration.server import ServerProcess, write_config
from outside.coturn import Coturn

SECRET = "north"


def ahead() -> list[str]:
    """The command that sets a program's clock 3 h ahead; faketime itself would outlive it."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return ["env", f"LD_PRELOAD={library}", "FAKETIME=+3h"]


def configuration(folder: Path, coturn: Coturn, secret: str) -> dict[str, Any]:
    (folder / "secret").write_text(secret)
    url = f"turn:127.0.0.1:{coturn.port}"
    return {"turn": {"urls": [url], "secret_file": str(folder / "secret"), "ttl": 3600}}


def said(server: ServerProcess, name: str, began: float) -> dict[str, Any]:
    """The finding of a failure, once it is there."""
    failure = TURN[name]
    found, at = Room(server.url, "").until(failure.code, failure.text, side=failure.side)
    print(f"SAID {name} {at - began:.1f} {found['text']}")
    assert found["advice"]
    assert at - began <= failure.within
    return found


def reload_until_gone(server: ServerProcess, name: str) -> None:
    server.send(signal.SIGHUP)
    Room(server.url, "").until_gone(TURN[name].code)
    print(f"GONE {name}")


def test_wrong_secret_is_the_headline_until_it_is_corrected(tmp_path: Path) -> None:
    with Coturn(tmp_path, SECRET, "--no-tls") as coturn:
        config = configuration(tmp_path, coturn, "south")
        with ServerProcess(tmp_path, config) as server:
            found = said(server, "turn-secret", time.monotonic())
            status = Room(server.url, "").status()
            assert status["headline"]["text"] == found["text"]
            assert [row["state"] for row in status["ice_servers"]] == ["answers"]
            configuration(tmp_path, coturn, SECRET)
            write_config(tmp_path, config)
            reload_until_gone(server, "turn-secret")
            assert Room(server.url, "").status()["headline"] is None


def test_clock_of_the_turn_server_that_is_ahead_is_blamed(tmp_path: Path) -> None:
    """It takes the credentials for expired."""
    with Coturn(tmp_path, SECRET, "--no-tls", before=ahead()) as coturn:
        port = coturn.port
        config = configuration(tmp_path, coturn, SECRET)
        with ServerProcess(tmp_path, config) as server:
            found = said(server, "turn-clock", time.monotonic())
            assert "both clocks" in found["advice"]
            coturn.stop()
            with Coturn(tmp_path, SECRET, "--no-tls", port=port):
                reload_until_gone(server, "turn-clock")


@pytest.fixture
def frozen() -> Any:
    """Freezes a TURN server; it goes on at the end of the test."""
    pids: list[int] = []

    def freeze(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        pids.append(pid)

    yield freeze
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_frozen_turn_server_is_named_until_it_answers(
    tmp_path: Path, frozen: Callable[[int], None]
) -> None:
    with Coturn(tmp_path, SECRET, "--no-tls") as coturn:
        frozen(coturn.pid)
        with ServerProcess(tmp_path, configuration(tmp_path, coturn, SECRET)) as server:
            said(server, "turn-silent", time.monotonic())
            os.kill(coturn.pid, signal.SIGCONT)
            Room(server.url, "").until_gone(TURN["turn-silent"].code)
            print("GONE turn-silent")
