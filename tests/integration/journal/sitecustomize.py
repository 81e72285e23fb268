"""A journald for a server that is tested: what is sent to it appears on the server's stderr.

Python imports this module at its start if its folder is in PYTHONPATH. An entry becomes one line,
`PRIORITY MESSAGE | FIELD=value ...`, with the fields in the order in which they came. Fields that
name a place in the code are left out.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

JOURNAL = "/run/systemd/journal/socket"
OF_THE_CODE = {"LOGGER", "CODE_FILE", "CODE_LINE", "SYSLOG_IDENTIFIER"}

_access = os.access
_sendto = socket.socket.sendto


def fields_of(entry: bytes) -> dict[str, str]:
    """The fields of a datagram: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/."""
    fields = {}
    while entry:
        line, _, entry = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack_from("<Q", entry)
            value, entry = entry[8 : 8 + size], entry[8 + size + 1 :]
        if name.decode() not in OF_THE_CODE:
            fields[name.decode()] = value.decode().replace("\n", "\\n")
    return fields


def access(path: Any, *arguments: Any, **options: Any) -> bool:
    """os.access, to which the journal is there."""
    return path == JOURNAL or _access(path, *arguments, **options)


def sendto(sender: socket.socket, data: Any, *arguments: Any) -> int:
    """socket.sendto, which writes what goes to the journal on stderr."""
    if arguments[-1] != JOURNAL:
        return _sendto(sender, data, *arguments)
    fields = fields_of(bytes(data))
    head = f"{fields.pop('PRIORITY')} {fields.pop('MESSAGE')}"
    tail = " ".join(f"{name}={value}" for name, value in fields.items())
    os.write(2, (f"{head} | {tail}" if tail else head).encode() + b"\n")
    return len(data)


os.access = access  # type: ignore[assignment]
socket.socket.sendto = sendto  # type: ignore[method-assign,assignment]
