"""`hawkeye-signaling probe`: prints each step of a handshake through a running server."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Sequence

from signaling_server.appliance.ice_asker import PATIENCE
from signaling_server.cli.ice_notes import ask_all, row
from signaling_server.cli.paint import paint
from signaling_server.cli.probe import Step, probe
from signaling_server.cli.remote import RemoteServer
from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.ice.stun_url import Target, targets
from signaling_server.core.reporting.status_text import Line


def run(servers: Sequence[RemoteServer], as_json: bool) -> int:
    """Print the steps; returns 0, or 1 if one failed. Raises NoAnswerError if none can begin.

    With two servers, the clients meet over two hosts of a fleet.
    """
    steps: list[Step] = []

    def report(step: Step) -> None:
        steps.append(step)
        if not as_json:
            mark = f"FAILED: {step.trouble}" if step.trouble else "ok"
            print(f"{step.name:32} {step.milliseconds:8.1f} ms  {mark}", flush=True)

    first = servers[0]
    urls, tls = [server.base() for server in servers], first.tls()
    given = asyncio.run(probe(urls, first.socketio_path, first.token, tls, report))
    passed = not steps[-1].trouble
    wanted = _targets(given)
    said = asyncio.run(ask_all(wanted, PATIENCE))
    rows = [row(*each) for each in zip(wanted, said)]
    if as_json:
        told = {"ok": passed, "steps": [step._asdict() for step in steps], "ice_servers": rows}
        print(json.dumps(told, indent=2))
    else:
        for each in rows:
            print(_line(each))
        where = " and ".join(server.url for server in servers)
        print(f"signaling {'works' if passed else 'does not work'} at {where}")
    return 0 if passed else 1


def _targets(given: list[dict[str, Any]]) -> list[Target]:
    """Whom to ask, of what `welcome` holds; what no configuration could hold is passed over."""
    found: list[Target] = []
    for server in given:
        login = server.get("username"), server.get("credential")
        try:
            found += targets([IceServer(tuple(server["urls"]), *login)]).values()
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _line(server: dict[str, Any]) -> str:
    """One ICE server, as seen from this machine."""
    rtt = f"{server['rtt_ms']:8.1f} ms" if "rtt_ms" in server else " " * 11
    cost = "" if server["answers"] else "; clients wait up to 5 s for it"
    return paint(Line(f"{server['url']:32} {rtt}  {server['text']}{cost}"), colours=False)
