"""Short-lived TURN credentials, as coturn checks them with `use-auth-secret`.

https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00: the username is
`expiry:name`, expiry in seconds since 1970; the password is base64(HMAC-SHA1(secret, username)).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.schema import Config
from signaling_server.version import RELEASED

FAR_AHEAD = RELEASED + 10 * 365 * 86400
"""The expiry of credentials, in seconds since 1970, while the clock of this server is not set."""


def ice_servers(
    settings: Config, secret: str, name: str, wall_clock: float
) -> tuple[list[dict[str, Any]], int | None]:
    """The ICE servers for a peer, and for how many seconds they are valid (None: no expiry).

    `secret` is what `turn.secret_file` holds, `name` the peer_id. A `wall_clock` before the build
    date has not been set: a TURN server whose clock is right would see credentials made by it as
    expired, so they get an expiry in the far future. The seconds stay `turn.ttl`, so that clients
    ask again soon.
    """
    servers = [server.payload() for server in settings.ice_servers]
    turn = settings.turn
    if not turn.urls:
        return servers, None
    expiry = FAR_AHEAD if wall_clock < RELEASED else wall_clock + turn.ttl
    username, password = credentials(secret, name, int(expiry))
    servers.append(IceServer(turn.urls, username, password).payload())
    return servers, turn.ttl


def credentials(secret: str, name: str, expiry: int) -> tuple[str, str]:
    """Username and password."""
    username = f"{expiry}:{name}"
    mac = hmac.new(secret.encode(), username.encode(), hashlib.sha1)
    return username, base64.b64encode(mac.digest()).decode()
