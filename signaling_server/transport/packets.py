"""Socket.IO packets as they arrive: only what we speak gets in, and a signal keeps its own text.

Socket.IO protocol v5: `2["event",argument]`, `21["event",argument]` with an ack id; 5 and 6 carry
binary attachments, which python-socketio would collect without a bound.
"""

from __future__ import annotations

import json
import re
from typing import Any

from engineio import payload
from socketio import packet

from signaling_server.errors import Rejection, SignalingError

MAX_ACK_DIGITS = 16
"""2^53, the highest number that a JavaScript client counts to, has 16 digits."""

# A client that polls sends all that it has to say in one body: at 16 packets, the default, a burst
# of candidates ends its connection. The bytes of a body are bounded by `max_http_buffer_size`.
payload.Payload.max_decode_packets = 4096

_EVENT = re.compile(rf'(?:/,)?(\d{{0,{MAX_ACK_DIGITS}}})[ \t\n\r]*\[[ \t\n\r]*(?=")')
_COMMA = re.compile(r"[ \t\n\r]*(,?)")
_scan_once = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class BadPacket(SignalingError):
    """Not a packet that a client of ours sends."""


class Arguments(str):
    """The JSON text of an event's arguments: what stands between the event's name and the `]`."""


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
