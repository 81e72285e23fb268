"""A client that joins at another host: its `Joined` as the object of a Join record, and back.

The edge has judged its token, which never travels: the owner gets a voucher, that is the id, the
expiry, and a fingerprint of all that the token allows. The same token at two hosts with the same
file gives the same voucher; a host that revokes one sends its fingerprint to every owner.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Callable

from signaling_server.core.fleet.batch import BadRecord
from signaling_server.core.fleet.records import Join
from signaling_server.core.names import NAME
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hello import MAX_ROLE, MAX_SEEN, Hello

_SESSION = re.compile(r"[0-9a-f]{32}")
_TOKEN_ID = re.compile(r"[a-z0-9]{1,32}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
MOST_TEXT = 256
"""Characters of what is for people."""


def fingerprint(grant: Grant) -> str:
    """What tells a grant from any other, and from itself after a change of the file."""
    return hashlib.sha256(json.dumps(grant).encode()).hexdigest()


def voucher(grant: Grant) -> Grant:
    """What an owner knows of a grant: it allows nothing there, for the edge has judged."""
    return Grant(grant.id, fingerprint(grant), "", can=(), expires=grant.expires)


def is_voucher(grant: Grant) -> bool:
    """Whether another host has judged the token."""
    return not grant.can


def join_record(joined: Joined) -> Join:
    """What the edge sends of a client that it lets in."""
    hello = joined.hello
    vouched = voucher(joined.grant) if joined.grant else None
    about = {
        **hello._asdict(),
        "address": joined.address,
        "transport": joined.transport,
        "ice_servers": list(joined.ice_servers),
        "grant": [vouched.id, vouched.sha256, vouched.expires] if vouched else None,
        "token_expires": joined.token_expires,
        "server_time": joined.server_time,
    }
    return Join(joined.sid, about)


def joined_of(join: Join) -> Joined:
    """The event that the owner's relay gets, but for `holder`. Raises BadRecord."""
    about = join.about
    if about.keys() != _FIELDS.keys():
        raise BadRecord("a Join with other fields")
    for key, check in _FIELDS.items():
        if not check(about[key]):
            raise BadRecord(f"a Join with a bad {key}")
    grant = about["grant"]
    return Joined(
        join.sid,
        Hello(*(about[key] for key in Hello._fields)),
        address=about["address"],
        transport=about["transport"],
        ice_servers=about["ice_servers"],
        grant=Grant(grant[0], grant[1], "", can=(), expires=grant[2]) if grant else None,
        token_expires=about["token_expires"],
        server_time=about["server_time"],
    )


Check = Callable[[Any], bool]


def _matches(pattern: re.Pattern[str]) -> Check:
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


def _none_or(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _text(value: Any) -> bool:
    return type(value) is str and len(value) <= MOST_TEXT


def _role(value: Any) -> bool:
    return type(value) is str and len(value) <= MAX_ROLE and value.isprintable()


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _servers(value: Any) -> bool:
    return type(value) is list and all(type(each) is dict for each in value)


def _grant(value: Any) -> bool:
    checks = _matches(_TOKEN_ID), _matches(_FINGERPRINT), _none_or(_number)
    return (
        type(value) is list
        and len(value) == len(checks)
        and all(check(each) for check, each in zip(checks, value))
    )


_FIELDS: dict[str, Check] = {
    "room": _matches(NAME),
    "name": _none_or(_matches(NAME)),
    "role": _none_or(_role),
    "session": _none_or(_matches(_SESSION)),
    "seen": lambda value: type(value) is int and 0 <= value <= MAX_SEEN,
    "by_rule": _none_or(_text),
    "address": _text,
    "transport": lambda value: value in ("websocket", "polling"),
    "ice_servers": _servers,
    "grant": _none_or(_grant),
    "token_expires": _none_or(lambda value: type(value) is int),
    "server_time": _none_or(_number),
}
