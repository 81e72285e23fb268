"""The service manager: what we tell it (sd_notify(3)), and the sockets it keeps for us.

systemd's file-descriptor store holds the listening socket while no process of ours lives, so that
a restart, a crash or an upgrade refuses no connection. Outside systemd everything here is silent.
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

STORED_NAME = "listen"  # FDNAME= of our listening socket
STATUS_CHARACTERS = 500
BARRIER_SECONDS = 5
FIRST_DESCRIPTOR = 3  # SD_LISTEN_FDS_START


class Notifier:
    """Tells systemd how the service is. Without $NOTIFY_SOCKET every call does nothing."""

    def __init__(self) -> None:
        self._systemd = sdnotify.SystemdNotifier() if os.environ.get("NOTIFY_SOCKET") else None
        self._status = ""

    def close(self) -> None:
        """Say no more."""
        if self._systemd and self._systemd.socket:
            self._systemd.socket.close()

    @property
    def active(self) -> bool:
        """Whether a service manager listens."""
        return self._systemd is not None

    def ready(self) -> None:
        """The port answers; also the end of a reload."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """A reload begins; ready() ends it."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def watchdog(self) -> None:
        self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`, sent when it differs from the last one."""
        line = " ".join(text.encode("ascii", "replace").decode().split())[:STATUS_CHARACTERS]
        if line != self._status:
            self._status = line
            self._tell(f"STATUS={line}")

    def store_listener(self, listener: socket.socket) -> None:
        """Leave a listening socket in the store, once: what is stored twice is kept twice."""
        self._hand_over(f"FDSTORE=1\nFDNAME={STORED_NAME}", listener.fileno())

    def drop_listener(self) -> None:
        """Empty the store; on return the address can be bound anew.

        Close your own descriptor of the socket first.
        """
        if self.active:
            self._tell(f"FDSTOREREMOVE=1\nFDNAME={STORED_NAME}")
            self._wait_until_read()

    def _wait_until_read(self) -> None:
        """systemd closes its end of the pipe when it has handled all that was sent before."""
        reader, writer = os.pipe()
        self._hand_over("BARRIER=1", writer)
        os.close(writer)
        poll = select.poll()
        poll.register(reader, 0)  # the hang-up is reported unasked
        poll.poll(BARRIER_SECONDS * 1000)
        os.close(reader)

    def _tell(self, state: str) -> None:
        if self._systemd:
            self._systemd.notify(state)

    def _hand_over(self, state: str, descriptor: int) -> None:
        """What sdnotify cannot: a message with a descriptor. A lost service manager is no error."""
        if self._systemd and self._systemd.socket:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
            with contextlib.suppress(OSError):
                self._systemd.socket.sendmsg([state.encode()], [rights])


def watchdog_seconds() -> float | None:
    """How long systemd waits for a sign of life; None: it does not watch this process."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    us = str(os.getpid())
    if microseconds is None or os.environ.get("WATCHDOG_PID", us) != us:
        return None
    return int(microseconds) / 1e6


class Inherited(NamedTuple):
    """A listening socket from systemd: out of the store (STORED_NAME), or of a .socket unit."""

    name: str
    socket: socket.socket


def inherited_listeners() -> list[Inherited]:
    """The listening sockets passed to this process; what else was passed is closed.

    Takes LISTEN_* out of the environment: the sockets are ours now, and no child's.
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
        found = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        return None
    if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        found.close()
        return None
    return found
