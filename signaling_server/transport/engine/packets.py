"""Packets as they arrive: the libraries see only what a client of this server sends.

Engine.IO v4: one digit, then its data; 4 is MESSAGE and carries a Socket.IO packet.
Socket.IO v5: `2["event",argument]`, `21["event",argument]` with an ack id; 5 and 6 announce binary
attachments, which python-socketio (all of 5.x) would collect without a bound.
An event keeps the text of its arguments: a signal is relayed as it was written.
"""

from __future__ import annotations

import json
import re
from typing import Any

from socketio import packet

from signaling_server.errors import Rejection, SignalingError

ENGINE_PACKET = re.compile(r"4\d|[1-6](?:probe)?\Z")
"""How an Engine.IO packet of a client begins: MESSAGE with a Socket.IO packet, or another kind.

python-engineio 4.x parses any other data as JSON, and does not survive deep nesting.
"""
MAX_PACKETS = 4096
"""Engine.IO packets in one POST. A client sends everything it has to say in one body: at 16, the
library's default, a burst of candidates would end its connection. The body is bounded in bytes.
"""
MAX_ACK_DIGITS = 16
"""2^53, the highest number that a JavaScript client counts to, has 16 digits."""

RESERVED = frozenset({"connect", "connect_error", "disconnect"})
"""Events that only the library may fire: python-socketio 5.x calls our handlers for them."""
_KINDS = tuple("012")
"""CONNECT, DISCONNECT, EVENT. The server never asks for an ACK."""
_EVENT = re.compile(rf'(?:/,)?(\d{{0,{MAX_ACK_DIGITS}}})[ \t\n\r]*\[[ \t\n\r]*(?=")')
_BINARY_EVENT = re.compile(rf"5\d*-(?:/,)?(\d{{1,{MAX_ACK_DIGITS}}})\[")
_NAMESPACE = re.compile(r"0(/[^,?]+)(?:\?[^,]*)?(?:,|\Z)")
_COMMA = re.compile(r"[ \t\n\r]*(,?)")
_scan_once = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class BadPacket(SignalingError):
    """Not a packet that a Socket.IO client sends to this server."""


class Arguments(str):
    """The JSON text of an event's arguments, from after the event's name to before the `]`."""


def namespace_of_connect(text: str) -> str:
    """The namespace other than `/` that a CONNECT asks for; "" if it is none."""
    found = _NAMESPACE.match(text)
    return found[1] if found else ""


def ack_id_of_binary(text: str) -> str:
    """The ack id of a binary event, which is refused undecoded; "" if it asks for no ack."""
    found = _BINARY_EVENT.match(text)
    return found[1] if found else ""


class GuardedPacket(packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet; decoding raises BadPacket, or Rejection `binary-not-allowed`.

    An event's data is [name, Arguments]: the arguments are not parsed here.
    """

    def decode(self, encoded_packet: Any) -> int:
        """Decode a packet; returns 0, the number of attachments to wait for."""
        if not isinstance(encoded_packet, str):
            raise BadPacket("binary data, or no Socket.IO packet")
        kind = encoded_packet[:1]
        if kind in ("5", "6"):
            raise Rejection("binary-not-allowed", "signals are text: binary events are not relayed")
        if kind not in _KINDS:
            raise BadPacket("not a packet that a client sends")
        try:
            if kind == "2":
                self._decode_event(encoded_packet)
            else:
                super().decode(encoded_packet)
        except (ValueError, RecursionError, StopIteration) as error:
            raise BadPacket("malformed Socket.IO packet") from error
        return 0

    def _decode_event(self, text: str) -> None:
        start = _EVENT.match(text, 1)
        if start is None:
            raise ValueError("no event")
        name, end = _scan_once(text, start.end())
        if name in RESERVED:
            raise ValueError("the name is reserved")
        comma = _COMMA.match(text, end)
        rest = text.rstrip()
        if (
            comma is None
            or not rest.endswith("]")
            or (not comma[1] and comma.end() != len(rest) - 1)
        ):
            raise ValueError("no event")
        self.packet_type = packet.EVENT
        self.namespace = None
        self.id = int(start[1]) if start[1] else None
        self.data = [name, Arguments(rest[comma.end() : -1])]
