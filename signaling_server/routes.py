"""Which path of the server leads where."""

from __future__ import annotations

from typing import Callable

from aiohttp import web

from signaling_server.appliance.pairing import Pairing
from signaling_server.appliance.reachable import Reachable
from signaling_server.core.config.live import Settings
from signaling_server.core.protocol.events import Fact
from signaling_server.core.protocol.relay import Relay
from signaling_server.self_report import SelfReport
from signaling_server.transport.admission import address_of
from signaling_server.transport.server import Transport
from signaling_server.web import api, client_addresses, pages, pair_device
from signaling_server.web.access import Access


def routes(
    settings: Settings,
    transport: Transport,
    report: SelfReport,
    reachable: Reachable,
    record: Callable[[Fact], None],
    pairs: Pairing,
    relay: Relay,
) -> list[web.RouteDef]:
    """All routes. `record` is told of refused callers."""

    def status_enabled() -> bool:
        return settings.current.status.enabled

    def is_present(room: str | None, name: str) -> bool:
        return relay.is_present(room or settings.current.rooms.default, name)

    access = Access(settings, transport.penalty, record, address_of)
    bare = settings.current.socketio.path.rstrip("/")
    path = f"{bare}/"
    return [
        *api.routes(
            refusal=access.refusal,
            scope=access.scope,
            status_enabled=status_enabled,
            health=report.health,
            unready=report.unready,
            status=report.status,
            metrics=report.metrics,
        ),
        *client_addresses.routes(access.refusal, status_enabled, reachable.report),
        *pair_device.routes(pairs.exchange, access.wrong, is_present),
        *pages.routes(status_enabled, path, report.open_status_lines),
        *(
            web.route(method, each, transport.handle_request)
            for method in ("GET", "POST", "OPTIONS")
            for each in filter(None, (path, bare))  # some clients leave the slash out
        ),
    ]
