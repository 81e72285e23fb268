"""`hawkeye-signaling probe`: prints each step of a handshake through a running server."""

from __future__ import annotations

import asyncio
import json

from signaling_server.cli.probe import Step, probe
from signaling_server.cli.remote import RemoteServer


def run(server: RemoteServer, as_json: bool) -> int:
    """Print the steps; returns 0, or 1 if one failed. Raises NoAnswerError if none can begin."""
    steps: list[Step] = []

    def report(step: Step) -> None:
        steps.append(step)
        if not as_json:
            mark = f"FAILED: {step.trouble}" if step.trouble else "ok"
            print(f"{step.name:32} {step.milliseconds:8.1f} ms  {mark}", flush=True)

    url, tls = server.base(), server.tls()
    asyncio.run(probe(url, server.socketio_path, server.token, tls, report))
    passed = not steps[-1].trouble
    if as_json:
        print(json.dumps({"ok": passed, "steps": [step._asdict() for step in steps]}, indent=2))
    else:
        print(f"signaling {'works' if passed else 'does not work'} at {server.url}")
    return 0 if passed else 1
