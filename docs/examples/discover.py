# SPDX-License-Identifier: MIT
"""Find a hawkeye-signaling server in this network by DNS-SD, for streaming_node.py and gcom.py.

pip install zeroconf
python discover.py                                 # the servers that are found, a URL a line
python gcom.py --discover "name=gcom&role=gcom"    # connect to the one that is found
"""

from __future__ import annotations

import ipaddress
import sys
import time
from dataclasses import dataclass

from zeroconf import ServiceBrowser, ServiceInfo, Zeroconf

TYPE = "_hawkeye-sig._tcp.local."
FIRST_SECONDS = 10
"""How long to wait for the first server."""
MORE_SECONDS = 1
"""How long to wait for others after it."""
PATH = "/socket.io"


@dataclass(frozen=True)
class Server:
    """A server that announces itself; `room` is for clients that name none."""

    url: str
    path: str
    room: str
    version: str


def find(first: float = FIRST_SECONDS, more: float = MORE_SECONDS) -> list[Server]:
    """The servers in this network, by their URLs."""
    zeroconf = Zeroconf()
    found: dict[str, Server] = {}

    class Listener:
        def add_service(self, _: Zeroconf, kind: str, name: str) -> None:
            info = zeroconf.get_service_info(kind, name)
            server = described(info) if info else None
            if server:
                found[name] = server

        update_service = add_service

        def remove_service(self, _: Zeroconf, kind: str, name: str) -> None:
            found.pop(name, None)

    ServiceBrowser(zeroconf, TYPE, Listener())
    try:
        deadline = time.monotonic() + first
        while time.monotonic() < deadline and not found:
            time.sleep(0.05)
        time.sleep(more)
    finally:
        zeroconf.close()
    return sorted(found.values(), key=lambda server: server.url)


def described(info: ServiceInfo) -> Server | None:
    """What a server says of itself; None if it says no address that can be used in a URL."""
    addresses = [ipaddress.ip_address(text.split("%")[0]) for text in info.parsed_addresses()]
    usable = [each for each in addresses if not (each.version == 6 and each.is_link_local)]
    if not usable:
        return None
    address = min(usable, key=lambda each: (each.is_loopback, each.version))
    txt = {key.decode(): (value or b"").decode() for key, value in info.properties.items()}
    scheme = "https" if txt.get("tls") == "1" else "http"
    host = f"[{address}]" if address.version == 6 else str(address)
    url = f"{scheme}://{host}:{info.port}"
    return Server(url, txt.get("path", PATH), txt.get("room", ""), txt.get("version", ""))


def server_url(query: str) -> str:
    """The URL of the server in this network. Exits unless there is exactly one."""
    servers = find()
    if len(servers) != 1:
        urls = ", ".join(server.url for server in servers)
        sys.exit(f"several servers, name one: {urls}" if servers else "no server in this network")
    if servers[0].path != PATH:
        sys.exit(f"{servers[0].url} has the path {servers[0].path}: set it in signaling.py")
    return f"{servers[0].url}/?{query}" if query else servers[0].url


if __name__ == "__main__":
    for server in find():
        print(server.url)
