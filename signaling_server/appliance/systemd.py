"""The service manager: what the server notifies it of, and the sockets that it passes back.

Notifications are datagrams to $NOTIFY_SOCKET (sd_notify(3)); inherited sockets come as LISTEN_*
(sd_listen_fds(3)). Without systemd, nothing here does anything.
"""

from __future__ import annotations

import array
import contextlib
import os
import select
import socket
import time
from typing import NamedTuple

import sdnotify

STORED_NAME = "listen"
"""FDNAME= under which the listening socket is stored."""
STATUS_CHARACTERS = 500
BARRIER_SECONDS = 5
FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START."""


class Notifier:
    """Notifies systemd of the state of the service; without $NOTIFY_SOCKET it does nothing."""

    def __init__(self) -> None:
        self._systemd = sdnotify.SystemdNotifier() if os.environ.get("NOTIFY_SOCKET") else None
        self._status = ""

    def close(self) -> None:
        """Close the socket to systemd."""
        if self._systemd and self._systemd.socket:
            self._systemd.socket.close()

    @property
    def active(self) -> bool:
        """Whether a service manager started this process."""
        return self._systemd is not None

    def ready(self) -> None:
        """The port answers, or a reload has ended."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins; ready() ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The service begins to stop."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """The service is alive."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Send the line for `systemctl status`, in ASCII, unless it is the same as the last one."""
        line = " ".join(text.encode("ascii", "replace").decode().split())[:STATUS_CHARACTERS]
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def store_listener(self, listener: socket.socket) -> None:
        """Put the listening socket into the store. Do so once: systemd keeps each copy."""
        self._hand_over(f"FDSTORE=1\nFDNAME={STORED_NAME}", listener.fileno())

    def drop_listener(self) -> None:
        """Empty the store; on return the address is free to be bound.

        You must close your own descriptor of the socket first. systemd handles messages in order
        but later, and until it has closed its copy a bind() fails with EADDRINUSE; so this waits
        for it, at most BARRIER_SECONDS.
        """
        if self.active:
            self._send(f"FDSTOREREMOVE=1\nFDNAME={STORED_NAME}")
            self._wait_until_read()

    def _wait_until_read(self) -> None:
        """BARRIER=1: systemd closes its end of a pipe when it has handled all earlier messages."""
        reader, writer = os.pipe()
        self._hand_over("BARRIER=1", writer)
        os.close(writer)
        poll = select.poll()
        poll.register(reader, 0)  # poll() reports a hang-up without being asked to
        poll.poll(BARRIER_SECONDS * 1000)
        os.close(reader)

    def _send(self, state: str) -> None:
        if self._systemd:
            self._systemd.notify(state)

    def _hand_over(self, state: str, descriptor: int) -> None:
        """Send a message with a descriptor, which sdnotify cannot. A lost systemd is no error."""
        if self._systemd and self._systemd.socket:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
            with contextlib.suppress(OSError):
                self._systemd.socket.sendmsg([state.encode()], [rights])


def watchdog_seconds() -> float | None:
    """The longest interval that systemd allows between two WATCHDOG=1; None: it does not watch."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    own_pid = str(os.getpid())
    if microseconds is None or os.environ.get("WATCHDOG_PID", own_pid) != own_pid:
        return None
    return int(microseconds) / 1e6


class Inherited(NamedTuple):
    """A listening socket from systemd: from the store (STORED_NAME), or from a .socket unit."""

    name: str
    socket: socket.socket


def inherited_listeners() -> list[Inherited]:
    """The listening sockets passed to this process. Closes any other descriptor passed.

    Removes LISTEN_* from the environment, so that no child process takes the sockets for its own.
    """
    passed = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("LISTEN_")}
    if passed.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(passed["LISTEN_FDS"])
    names = passed.get("LISTEN_FDNAMES", "").split(":") + ["unknown"] * count
    listeners = []
    for descriptor, name in zip(range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + count), names):
        listener = _as_listener(descriptor)
        if listener:
            listeners.append(Inherited(name, listener))
    return listeners


def _as_listener(descriptor: int) -> socket.socket | None:
    os.set_inheritable(descriptor, False)
    try:
        passed = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        return None
    if not passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        passed.close()
        return None
    return passed
