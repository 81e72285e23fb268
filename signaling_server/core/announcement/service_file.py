"""The file that makes Avahi announce this server by DNS-SD (RFC 6763; avahi.service(5)).

The TXT record has `version`, `tls` (0 or 1), `path` (of Socket.IO) and `room` (for clients that
name none).
"""

from __future__ import annotations

from typing import Mapping
from xml.sax.saxutils import escape

from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.addresses import parse_address

TYPE = "_hawkeye-sig._tcp"
"""At most 15 characters between `_` and `._tcp` (RFC 6335 5.1)."""
MARK = "Written by `hawkeye-signaling announce`, which leaves the file alone without this line."
TXT_BYTES = 255
"""Bytes of a string in a TXT record (RFC 1035 3.3)."""

_FILE = """\
<?xml version="1.0" standalone="no"?>
<!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<!-- {mark} -->
<service-group>
  <name replace-wildcards="yes">Hawkeye signaling on %h</name>
{services}
</service-group>
"""
_SERVICE = """\
  <service>
    <type>{type}</type>
    <port>{port}</port>{records}
  </service>"""


def service_file(config: Config, version: str) -> str:
    """The file's text; "" for a server that other machines do not reach."""
    address = parse_address(config.listen.host)
    if (address and address.is_loopback) or config.listen.port == 0:
        return ""
    tls = config.tls.certificate is not None
    txt = {
        "version": version,
        "tls": "1" if tls else "0",
        "path": config.socketio.path,
        "room": config.rooms.default,
    }
    services = (
        _service(TYPE, config.listen.port, txt),
        _service("_https._tcp" if tls else "_http._tcp", config.listen.port, {}),
    )
    return _FILE.format(mark=MARK, services="\n".join(services))


def is_ours(text: str) -> bool:
    """Whether a file that is there may be replaced."""
    return MARK in text


def _service(kind: str, port: int, txt: Mapping[str, str]) -> str:
    records = [f"{key}={value}" for key, value in txt.items()]
    lines = [
        f"\n    <txt-record>{escape(record)}</txt-record>"
        for record in records
        if len(record.encode()) <= TXT_BYTES
    ]
    return _SERVICE.format(type=kind, port=port, records="".join(lines))
