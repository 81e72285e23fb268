"""Socket.IO packets as they arrive: only what we speak gets in, and a signal keeps its own text.

Socket.IO protocol v5: `2["event",argument]`, `21["event",argument]` with an ack id; 5 and 6 carry
binary attachments, which python-socketio would collect without a bound.
"""

from __future__ import annotations

import json
import re
from typing import Any

from socketio import packet

from signaling_server.errors import Rejection, SignalingError

MAX_ACK_DIGITS = 16
"""2^53, the highest number that a JavaScript client counts to, has 16 digits."""

RESERVED = frozenset({"connect", "connect_error", "disconnect"})
"""Events that only a library may fire: python-socketio would call our handlers for them."""
_KINDS = tuple("012")
"""CONNECT, DISCONNECT, EVENT; we ask for no ACK."""
_EVENT = re.compile(rf'(?:/,)?(\d{{0,{MAX_ACK_DIGITS}}})[ \t\n\r]*\[[ \t\n\r]*(?=")')
_BINARY_EVENT = re.compile(rf"5\d*-(?:/,)?(\d{{1,{MAX_ACK_DIGITS}}})\[")
_COMMA = re.compile(r"[ \t\n\r]*(,?)")
_scan_once = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class BadPacket(SignalingError):
    """Not a packet that a client of ours sends."""


class Arguments(str):
    """The JSON text of an event's arguments: what stands between the event's name and the `]`."""


def ack_id_of_binary(text: str) -> str:
    """The ack id of a binary event, which is refused undecoded; empty: no answer is wanted."""
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
