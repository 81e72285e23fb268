"""Connections of redis-py, with every option stated.

redis-py 8 changed two defaults (RESP3, a timeout of 5 s for each read), either of which breaks a
subscriber that hears nothing for a while. So no default is relied on.
"""

from __future__ import annotations

import inspect
import socket
from typing import Any, NamedTuple

from redis.asyncio import connection as library

from signaling_server.core.config.fleet_types import RedisUrl

STEP_SECONDS = 1.0
"""For each step of connecting: a black hole answers none of them."""


_SOCKET_OPTIONS = {socket.TCP_USER_TIMEOUT: 10_000} if hasattr(socket, "TCP_USER_TIMEOUT") else {}
"""Milliseconds until Linux drops what a black hole has not acknowledged (tcp(7)): a closed
connection would else keep its unsent bytes for a quarter of an hour."""


class Access(NamedTuple):
    """How to reach and enter a Redis."""

    url: RedisUrl
    password: str = ""
    ca_file: str | None = None

    def at(self, host: str, port: int) -> Access:
        """The same elsewhere."""
        url = self.url
        moved = RedisUrl(url.scheme, host, port, url.path, url.user, url.password, url.database)
        return self._replace(url=moved)

    def sentinel(self, host: str, port: int) -> Access:
        """A sentinel: it has no databases, and users and passwords of its own."""
        return self._replace(url=RedisUrl(self.url.scheme, host, port), password="")

    def __str__(self) -> str:
        return str(RedisUrl(*self.url_parts()))

    def url_parts(self) -> tuple[str, str, int, str]:
        """scheme, host, port and path: nothing that is secret."""
        return self.url.scheme, self.url.host, self.url.port, self.url.path


def connection(access: Access, name: str) -> Any:
    """An unopened connection of redis-py; Redis shows `name`, if any, in CLIENT LIST."""
    url = access.url
    options: dict[str, Any] = {
        "db": url.database,
        "username": url.user or None,
        "password": access.password or None,
        "client_name": name or None,
        "socket_connect_timeout": STEP_SECONDS,
        "socket_timeout": None,  # redis_connection.py has the deadlines
        "socket_read_size": 65536,
        "retry": None,
        "retry_on_timeout": False,
        "retry_on_error": [],
        "health_check_interval": 0,
        "encoding": "utf-8",
        "encoding_errors": "replace",  # what is no UTF-8 is no batch either, and ends nothing
        "decode_responses": True,
        "redis_connect_func": None,
        "credential_provider": None,
        "protocol": 2,
        "lib_name": "",
        "lib_version": "",
        "driver_info": None,
        "legacy_responses": True,
        "maint_notifications_config": None,
    }
    kind: Any = library.UnixDomainSocketConnection
    if url.scheme == "unix":
        options["path"] = url.path
    else:
        kind = library.Connection
        options.update(
            host=url.host,
            port=url.port,
            socket_keepalive=True,
            socket_keepalive_options=_SOCKET_OPTIONS,
            socket_type=0,
        )
    if url.scheme == "rediss":
        kind = library.SSLConnection
        options.update(
            ssl_keyfile=None,
            ssl_certfile=None,
            ssl_cert_reqs="required",
            ssl_ca_certs=access.ca_file,
            ssl_ca_data=None,
            ssl_check_hostname=True,
        )
    return kind(**_known_to(kind, options))


def _known_to(kind: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Those options that this release of redis-py has."""
    known: set[str] = set()
    for base in kind.__mro__:
        parameters = inspect.signature(base.__init__).parameters
        known |= {*parameters}
        if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
            break
    if "driver_info" in known:  # which deprecates them
        known -= {"lib_name", "lib_version"}
    return {name: value for name, value in options.items() if name in known}
