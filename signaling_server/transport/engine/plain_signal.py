"""The text of a plain signal: the one message that takes the fast path.

    42["signal",{"type":"offer","data":{...}}]

4 is MESSAGE (Engine.IO v4), 2 is EVENT (Socket.IO v5). It is plain if it asks for no ack, names no
namespace and has no space before its argument. packets.py decodes every other spelling.
"""

from __future__ import annotations

EVENT = '2["signal",'
"""How the Socket.IO packet of a plain signal begins, in both directions."""
_MESSAGE = "4" + EVENT
_END = "]"
_ARGUMENT_AT = len(_MESSAGE)


def argument_of(message: str) -> str | None:
    """The JSON text of a plain signal's argument; None: the message is something else."""
    if message.startswith(_MESSAGE) and message.endswith(_END):
        return message[_ARGUMENT_AT:-1]
    return None
