"""The text of a plain signal: the one message that takes the fast path.

    42["signal",{"type":"offer","data":{...}}]
    4217["signal",{"type":"offer","data":{...}}]

4 is MESSAGE (Engine.IO v4), 2 is EVENT (Socket.IO v5), 17 is the id of the ack that it asks for.
It is plain if it names no namespace, has no space before its argument, and spells its id without a
leading zero in at most MAX_ACK_DIGITS. packets.py decodes every other spelling.
"""

from __future__ import annotations

from typing import Tuple

EVENT = '2["signal",'
"""How the Socket.IO packet of a plain signal without an ack begins, in both directions."""
MESSAGE = "4"
"""How a message of Engine.IO begins, before the Socket.IO packet that it carries."""
PLAIN = MESSAGE + EVENT
"""How its message begins."""
_END = "]"
ARGUMENT_AT = len(PLAIN)
"""Where its argument begins; it ends before the last character."""
_EVENT_KIND, _NAME = PLAIN[:2], PLAIN[2:]
"""What is before the id of an ack, and behind it."""
_WITHIN = ARGUMENT_AT + 16
"""Where the argument begins at the latest: an id has at most packets.MAX_ACK_DIGITS digits."""

PlainSignal = Tuple[str, str]
"""The JSON text of the argument, and the id of the ack; "": it asks for none."""


def plain_signal(message: str) -> PlainSignal | None:
    """The parts of a plain signal; None: the message is something else."""
    if not message.endswith(_END):
        return None
    if message.startswith(PLAIN):
        return message[ARGUMENT_AT:-1], ""
    at = message.find(_NAME, 2, _WITHIN)
    ack_id = message[2:at]
    if (
        at < 0
        or not message.startswith(_EVENT_KIND)
        or not (ack_id.isdigit() and ack_id.isascii())
        or (ack_id[0] == "0" and at > 3)
    ):
        return None
    return message[at + len(_NAME) : -1], ack_id
