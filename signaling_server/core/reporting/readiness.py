"""Whether a load balancer should send clients here: the rule of /readyz."""

from __future__ import annotations

from enum import Enum

from signaling_server.core.fleet.state import FleetState


class Phase(Enum):
    """What the server does."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"


def unready(phase: Phase, fleet: FleetState | None, needs_engine: bool) -> str:
    """Why no client should come: `starting`, `draining` or `alone`; "": they may.

    `needs_engine` is `fleet.ready_needs_engine`. A host that goes on alone has been without Redis
    for longer than `fleet.patience`; one that has never met the others is starting until then.
    """
    if phase is not Phase.SERVING:
        return str(phase.value)
    if fleet is None:
        return ""
    if not fleet.together:
        return "alone" if needs_engine else ""
    return "" if fleet.met else str(Phase.STARTING.value)
