"""One question to one server, without I/O: is there a STUN or TURN server that answers?

STUN: a Binding request. TURN: an Allocate request; the server refuses it with 401 and its realm and
nonce, it is repeated with the credentials, and what was allocated is released by a Refresh with a
lifetime of 0 (RFC 8656, sections 7 and 8). Every response to it is an answer: a server that refuses
costs a client no time. What it refuses for is told.
"""

from __future__ import annotations

import struct
from typing import Callable, NamedTuple

from signaling_server.core.ice import stun
from signaling_server.core.ice.stun_url import Target

RETRANSMIT_SECONDS = (0.5, 1.0, 2.0)
"""Over UDP, after how long a request is sent again (RFC 8489, section 6.2.1)."""
_UDP = struct.pack("!B3x", 17)
"""REQUESTED-TRANSPORT: the relayed address is to be one of UDP."""
_UNAUTHENTICATED = 401
_STALE_NONCE = 438
_MAX_STALE = 2
"""So many times a server may call a nonce stale, before that is its answer."""
_MAX_REASON = 64


class Answer(NamedTuple):
    """The server is there. `refusal`: such as "401 Unauthorized"; "" if it refuses nothing.

    `rtt` is in seconds; None if it is not known which of several copies was answered.
    """

    rtt: float | None
    refusal: str = ""


class Question:
    """The exchange with one server.

    Until it is `done`, send what `next_request` returns; while no response comes, send `again`;
    give what comes to `receive`, and when that returns True send the next request. If you give up
    before it is done, send `farewell`.
    """

    def __init__(self, target: Target, random: Callable[[int], bytes]) -> None:
        self._target = target
        self._random = random
        self._method = stun.ALLOCATE if target.turn else stun.BINDING
        self._request = self._transaction = self._realm = self._nonce = b""
        self._sent_at = 0.0
        self._copies = 0
        self._stale = 0
        self._rtt: float | None = None
        self.answer: Answer | None = None
        """What the server said, once it is known: before the question is done, if all that is left
        is to release what was allocated."""
        self.done = False

    def next_request(self, now: float) -> bytes:
        """The request to send now."""
        self._transaction = self._random(stun.TRANSACTION_BYTES)
        self._sent_at, self._copies = now, 1
        attributes: list[tuple[int, bytes]] = []
        if self._method == stun.ALLOCATE:
            attributes.append((stun.REQUESTED_TRANSPORT, _UDP))
        elif self._method == stun.REFRESH:
            attributes.append((stun.LIFETIME, struct.pack("!I", 0)))
        key = None
        if self._nonce:
            name = self._target.username
            key = stun.long_term_key(name, self._realm, self._target.password)
            attributes.append((stun.USERNAME, name.encode()))
            attributes.append((stun.REALM, self._realm))
            attributes.append((stun.NONCE, self._nonce))
        self._request = stun.request(self._method, self._transaction, attributes, key)
        return self._request

    def again(self) -> bytes:
        """The same request: the last copy of it, or the response to it, may have been lost."""
        self._copies += 1
        return self._request

    def receive(self, data: bytes, now: float) -> bool:
        """Take what has come; False if it is no response to the last request."""
        response = stun.response(data)
        if response is None or (response.transaction, response.method) != (
            self._transaction,
            self._method,
        ):
            return False
        if self._rtt is None and self._copies == 1:
            self._rtt = now - self._sent_at
        if response.kind == stun.SUCCESS:
            self._accepted()
        elif not self._may_try_again(response):
            self._refused(response)
        return True

    def farewell(self, now: float) -> bytes:
        """The request that releases what may have been allocated; b"" if nothing can have been."""
        if self.done or not self._nonce:
            return b""
        self._method = stun.REFRESH
        return self.next_request(now)

    def _accepted(self) -> None:
        self.answer = self.answer or Answer(self._rtt)
        if self._method == stun.ALLOCATE:
            self._method = stun.REFRESH
        else:
            self.done = True

    def _may_try_again(self, response: stun.Message) -> bool:
        """With the credentials, or with a newer nonce."""
        nonce = response.attributes.get(stun.NONCE, b"")
        realm = response.attributes.get(stun.REALM, self._realm)
        code, _ = response.error
        stale = code == _STALE_NONCE and self._stale < _MAX_STALE
        asked = code == _UNAUTHENTICATED and not self._nonce
        if not (self._target.turn and nonce and (stale or asked)):
            return False
        self._stale += stale
        self._realm, self._nonce = realm, nonce
        return True

    def _refused(self, response: stun.Message) -> None:
        code, reason = response.error
        told = "".join(sign for sign in reason if sign.isprintable())[:_MAX_REASON]
        self.answer = self.answer or Answer(self._rtt, f"{code} {told}".strip())
        self.done = True
