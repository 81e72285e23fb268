"""What the server did when it was recorded, it does still: one fixed play, compared with its files.

The play knows the server from outside only: its command line, its port and its log. `recorded/`
holds, a line an event, what came of it: every frame of every client (wire.txt), /api/status,
/metrics, and the log, plain and with the fields that go to the journal. integration/recording.py
says what is left out because it differs from run to run.

Where a change is meant, write the files anew and read the difference in git:

    HAWKEYE_RECORD=1 python -m pytest tests/integration/test_recorded.py
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any, Awaitable, Callable

import pytest

from integration import narrow_plays, plays
from integration.play import Play
from integration.recording import RECORD, Recording, difference
from integration.server import ServerProcess


@pytest.mark.parametrize("format", ["plain", "journal"])
async def test_server_does_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    journal = str(Path(__file__).with_name("journal"))
    if format == "journal":
        monkeypatch.setenv("PYTHONPATH", journal, prepend=os.pathsep)
    recording = Recording()
    trouble: Exception | None = None
    try:
        await _play_all(recording, tmp_path, format)
    except Exception as error:
        if RECORD in os.environ:
            raise
        trouble = error  # what differs tells more, and comes first
    found = {
        "wire.txt": recording.wire,
        "status.txt": recording.status,
        "metrics.txt": recording.metrics,
        f"log-{format}.txt": recording.log,
    }
    differences = [
        line for name in found for line in difference(name, recording.normal(found[name]))
    ]
    assert not differences, "\n".join(["it is not as recorded:", *differences])
    if trouble is not None:
        raise trouble


async def _play_all(recording: Recording, folder: Path, format: str) -> None:
    token, guarded = narrow_plays.with_tokens(folder)
    all_plays: list[tuple[str, dict[str, Any], Callable[[Play], Awaitable[None]]]] = [
        ("A server with time to spare", plays.SPACIOUS, plays.spacious),
        ("A server with narrow limits", narrow_plays.NARROW, narrow_plays.narrow),
        ("A server with tokens and TURN", guarded, functools.partial(narrow_plays.guarded, token)),
        ("A server that waits for no CONNECT", narrow_plays.IMPATIENT, narrow_plays.impatient),
    ]
    for title, config, play in all_plays:
        recording.act(title)
        recording.log += ["", f"# {title}"]
        server = ServerProcess(folder, {**config, "logging": {"format": format}})
        try:
            with server:
                async with Play(recording, server) as on_stage:
                    await play(on_stage)
        finally:
            recording.log += server.lines
