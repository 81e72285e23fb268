"""The types of `ice_servers` and `turn.urls`: STUN and TURN servers in the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from signaling_server.core.config.field_types import (
    Complaints,
    FieldType,
    ListOf,
    ScalarOr,
    mapping_items,
    string,
)
from signaling_server.core.config.yaml_tree import Node

_AUTHORITY = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?"
_STUN = rf"stuns?:{_AUTHORITY}"  # RFC 7064
_TURN = rf"turns?:{_AUTHORITY}(\?transport=(udp|tcp))?"  # RFC 7065

_TURN_URL = string("a TURN URL such as turn:10.0.0.1:3478?transport=udp", _TURN)
_URL = string("a URL such as stun:10.0.0.1:3478 or turn:10.0.0.1:3478", f"{_STUN}|{_TURN}")
_FIELDS: dict[str, FieldType] = {
    "urls": ScalarOr(_URL, ListOf(_URL, "a URL or a list of URLs", least=1)),
    "username": string("text"),
    "credential": string("text", secret=True),
}

TURN_URLS = ListOf(_TURN_URL, "a list of TURN URLs")


@dataclass(frozen=True)
class IceServer:
    """An RTCIceServer of the W3C's WebRTC: one STUN or TURN server."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)

    def payload(self) -> dict[str, Any]:
        """{urls: [...], username?, credential?}"""
        login = {"username": self.username, "credential": self.credential}
        return {"urls": list(self.urls), **{name: text for name, text in login.items() if text}}


class _IceServerType:
    """A mapping of urls, username and credential, read as an IceServer."""

    def read(self, node: Node, key: str, complaints: Complaints) -> IceServer | None:
        before = len(complaints.all)
        members: dict[str, Any] = {
            name: _FIELDS[name].read(value, f"{key}.{name}", complaints)
            for name, value in mapping_items(node, key, _FIELDS, (), complaints)
        }
        if len(complaints.all) > before:
            return None
        urls = members.pop("urls", ())
        server = IceServer((urls,) if isinstance(urls, str) else urls, **members)
        if not server.urls:
            complaints.add(node.place, key, f"{key} has no urls")
        elif any(url.startswith("turn") for url in server.urls) and len(members) < 2:
            # https://www.w3.org/TR/webrtc/#dom-rtciceserver: else RTCPeerConnection throws
            complaints.add(
                node.place, key, f"{key} is a TURN server: it needs username and credential"
            )
        return server


ICE_SERVERS = ListOf(_IceServerType(), "a list of mappings of urls, username and credential")
