"""Short-lived TURN credentials, as coturn checks them with `use-auth-secret`.

https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00: the username is
`expiry:name`, expiry in seconds since 1970; the password is base64(HMAC-SHA1(secret, username)).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from typing import AbstractSet, Any

from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.schema import Config
from signaling_server.version import RELEASED

FAR_AHEAD = RELEASED + 10 * 365 * 86400
"""The expiry of credentials, in seconds since 1970, while the clock of this server is not set."""


def ice_servers(
    settings: Config,
    secret: str,
    name: str,
    wall_clock: float,
    withheld: AbstractSet[str] = frozenset(),
) -> tuple[list[dict[str, Any]], int | None]:
    """The ICE servers for a peer, and for how many seconds they are valid (None: no expiry).

    `secret` is what `turn.secret_file` holds, `name` the peer_id, `withheld` the URLs that the peer
    is not to get.
    """
    servers = [
        replace(server, urls=tuple(url for url in server.urls if url not in withheld)).payload()
        for server in configured(settings, secret, name, wall_clock)
        if not withheld >= {*server.urls}
    ]
    return servers, settings.turn.ttl if settings.turn.urls else None


def configured(settings: Config, secret: str, name: str, wall_clock: float) -> list[IceServer]:
    """All ICE servers of the configuration, with credentials for `name`.

    A `wall_clock` before the build date has not been set: a TURN server whose clock is right would
    see credentials made by it as expired, so they get an expiry in the far future. The seconds that
    clients are told stay `turn.ttl`, so that they ask again soon.
    """
    turn = settings.turn
    if not turn.urls:
        return list(settings.ice_servers)
    expiry = FAR_AHEAD if wall_clock < RELEASED else wall_clock + turn.ttl
    return [
        *settings.ice_servers,
        IceServer(turn.urls, *credentials(secret, name, int(expiry))),
    ]


def credentials(secret: str, name: str, expiry: int) -> tuple[str, str]:
    """Username and password."""
    username = f"{expiry}:{name}"
    mac = hmac.new(secret.encode(), username.encode(), hashlib.sha1)
    return username, base64.b64encode(mac.digest()).decode()
