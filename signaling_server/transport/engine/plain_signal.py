"""The text of a plain signal: the one message that takes the fast path.

    42["signal",{"type":"offer","data":{...}}]
    4217["signal",{"type":"offer","data":{...}}]

4 is MESSAGE (Engine.IO v4), 2 is EVENT (Socket.IO v5), 17 is the id of the ack that it asks for.
It is plain if it names no namespace, has no space before its argument, and spells its id without a
leading zero in at most MAX_ACK_DIGITS. packets.py decodes every other spelling.
"""

from __future__ import annotations

import re
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
_WITH_ACK = re.compile(r'42(0|[1-9][0-9]{0,15})\["signal",')
"""At most 16 digits, like packets.MAX_ACK_DIGITS: the argument begins within 28 characters."""

PlainSignal = Tuple[str, str]
"""The JSON text of the argument, and the id of the ack; "": it asks for none."""


def plain_signal(message: str) -> PlainSignal | None:
    """The parts of a plain signal; None: the message is something else."""
    if not message.endswith(_END):
        return None
    if message.startswith(PLAIN):
        return message[ARGUMENT_AT:-1], ""
    found = _WITH_ACK.match(message)
    return (message[found.end() : -1], found[1]) if found else None
