"""The listening socket: inherited from systemd, or opened and stored there.

systemd's file-descriptor store keeps the socket while no process of the service lives
(sd_pid_notify_with_fds(3)). Callers then wait in the kernel's backlog instead of being refused, so
that a restart, a crash or an upgrade loses none. The price: if listen.host or listen.port has
changed, the stored socket still occupies the old address, and clients connect to it and wait for
an answer that never comes. So it is released first, and systemd has to confirm that before
another socket is bound: the two addresses may overlap, as 0.0.0.0 and 127.0.0.1 do.
"""

from __future__ import annotations

import errno
import logging
import socket
from typing import Any, Tuple

from signaling_server.appliance.systemd import STORED_NAME, Notifier, inherited_listeners
from signaling_server.errors import StartError

log = logging.getLogger(__name__)

Address = Tuple[Any, ...]
"""As getpeername() returns it: host, port, and two more items for IPv6."""

ADVICE = {
    errno.EADDRINUSE: "stop the program that has the port (ss -ltnp), or set listen.port or --port "
    "(in a checkout: make run PORT=9000)",
    errno.EACCES: "choose a port from 1024 on, or have systemd open it (docs/operations.md)",
    errno.EADDRNOTAVAIL: "this machine has no such address: see ip address, or set listen.host",
    socket.EAI_NONAME: "no such address or name: set listen.host",
}
"""What to do about the reasons for which a port cannot be opened."""


def open_listener(host: str, port: int, backlog: int, notifier: Notifier) -> socket.socket:
    """The one listening socket for this address: inherited from systemd, or opened and stored.

    Releases inherited sockets for other addresses. Raises StartError.
    """
    try:
        family, address = _resolve(host, port)
        inherited = inherited_listeners()
        match = next((one for one in inherited if one.socket.getsockname() == address), None)
        others = [one for one in inherited if one is not match]
        if others:
            _release([other.socket for other in others], notifier)
        listener = match.socket if match else _bind(family, address)
        listener.listen(backlog)
    except OSError as error:
        reason = f"cannot listen on {host}, port {port}: {error.strerror}"
        raise StartError(reason, ADVICE.get(error.errno or 0, "")) from error
    listener.setblocking(False)
    # _release() has emptied the store, under whose one name the matching socket was stored too.
    if match is None or (others and match.name == STORED_NAME):
        notifier.store_listener(listener)
    return listener


def refuse_callers(notifier: Notifier) -> None:
    """Release the sockets that systemd stored: callers are refused at once instead of waiting."""
    _release([one.socket for one in inherited_listeners()], notifier)


def _release(listeners: list[socket.socket], notifier: Notifier) -> None:
    for listener in listeners:
        log.info("released the inherited socket on %s", listener.getsockname())
        listener.close()
    notifier.drop_listener()


def _resolve(host: str, port: int) -> tuple[int, Address]:
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = addresses[0]
    return family, address


def _bind(family: int, address: Address) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" is every address of the machine, whatever sysctl says about IPv4.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
