"""A drone, a ground station and a relay, each a machine of its own: a network namespace; veth
pairs link them. Needs root and iproute2.

              media
    drone ───────────── ground
        \\               /
     drone-relay  ground-relay
          \\           /
              relay
"""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Sequence, TypeVar

Answer = TypeVar("Answer")

MACHINES = ("drone", "ground", "relay")
LINKS = {
    "media": ("drone", "ground"),
    "drone-relay": ("drone", "relay"),
    "ground-relay": ("ground", "relay"),
}
RADIO = ("media", "drone-relay")
"""The links by radio, if the relay is on the ground."""
CLONE_NEWNET = 0x40000000
SIGNALING = ("drone-relay", "ground-relay")

_numbers = itertools.count()


class Network:
    """The three machines. Use it as a context manager, which removes them."""

    def __init__(self) -> None:
        self._prefix = f"hawkeye-{os.getpid()}-{next(_numbers)}"

    def __enter__(self) -> Network:
        for machine in MACHINES:
            _ip("netns", "add", self._namespace(machine))
            self._on(machine, "link", "set", "lo", "up")
        for link, (one, other) in LINKS.items():
            ends = ("netns", self._namespace(one), "type", "veth")
            peer = ("peer", "name", link, "netns", self._namespace(other))
            _ip("link", "add", link, *ends, *peer)
            self.number(link)
            for machine in (one, other):
                self._on(machine, "link", "set", link, "up")
        return self

    def __exit__(self, *_: object) -> None:
        for machine in MACHINES:
            subprocess.run(("ip", "netns", "delete", self._namespace(machine)), check=False)

    def command(self, machine: str, *command: str) -> Sequence[str]:
        """The command that runs `command` on a machine."""
        return ("ip", "netns", "exec", self._namespace(machine), *command)

    def within(self, machine: str, ask: Callable[[], Answer]) -> Answer:
        """Call `ask` in a thread whose sockets are those of a machine."""
        namespace = Path("/run/netns") / self._namespace(machine)

        def enter_and_ask() -> Answer:
            descriptor = os.open(namespace, os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(descriptor)
            return ask()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(enter_and_ask).result()

    def url(self, machine: str) -> str:
        """The relay's URL as this machine reaches it."""
        return f"http://{_subnet(f'{machine}-relay')}.2:8080/"

    def cut(self, links: Sequence[str]) -> None:
        """Take links down at their far end, as a modem does that loses its carrier."""
        for link in links:
            self._on(LINKS[link][1], "link", "set", link, "down")

    def restore(self, links: Sequence[str]) -> None:
        """Bring links up again."""
        for link in links:
            self._on(LINKS[link][1], "link", "set", link, "up")

    def silence(self, links: Sequence[str]) -> None:
        """Drop all packets silently, as in the shadow of a hill."""
        for link in links:
            for machine in LINKS[link]:
                self._queue(machine, link, "add", "blackhole")

    def unsilence(self, links: Sequence[str]) -> None:
        """Let packets through again."""
        for link in links:
            for machine in LINKS[link]:
                self._queue(machine, link, "delete")

    def renumber(self, machine: str, links: Sequence[str]) -> None:
        """Give a machine another address on links, which breaks its connections."""
        for link in links:
            self._on(machine, "address", "flush", "dev", link)
            self._on(machine, "address", "add", f"{_subnet(link)}.9/24", "dev", link)

    def add_address(self, machine: str, address: str) -> None:
        """Give a machine an address of its own, on no link."""
        self._on(machine, "address", "add", f"{address}/32", "dev", "lo")

    def remove_address(self, machine: str, address: str) -> None:
        """Take such an address away: packets to it and from it vanish, and no program is told."""
        self._on(machine, "address", "delete", f"{address}/32", "dev", "lo")

    def lose_addresses(self, machine: str, link: str) -> None:
        """Take all addresses of a machine on a link away."""
        self._on(machine, "address", "flush", "dev", link)

    def number(self, link: str) -> None:
        """Give the machines at the ends of a link, which have none there, their addresses."""
        for number, machine in enumerate(LINKS[link], 1):
            self._on(machine, "address", "add", f"{_subnet(link)}.{number}/24", "dev", link)

    def _namespace(self, machine: str) -> str:
        return f"{self._prefix}-{machine}"

    def _on(self, machine: str, *arguments: str) -> None:
        _ip("-netns", self._namespace(machine), *arguments)

    def _queue(self, machine: str, link: str, change: str, *kind: str) -> None:
        tc = ("tc", "-netns", self._namespace(machine), "qdisc", change, "dev", link, "root")
        subprocess.run((*tc, *kind), check=True)


def _subnet(link: str) -> str:
    return f"10.77.{list(LINKS).index(link)}"


def _ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True)
