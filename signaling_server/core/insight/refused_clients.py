"""Clients that were refused lately: how often, and why. What they do wrong is why nothing happens.

Worst case: TALLIES are kept; the one that was added to longest ago is forgotten. It takes no
message that repeats what a client sent: the facts bring it in the form that the log may have.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import NamedTuple

from signaling_server.core.insight.finding import Finding
from signaling_server.core.protocol.events import Refused, Rejected
from signaling_server.core.protocol.refusals import reason_of

TALLIES = 64
MINUTE = 60.0
COUNTED = 1000
"""Refusals of a client that are counted."""
OFTEN = 5
"""From so many in a minute on, what happens in a good call as well is worth a word."""
_USUAL = {"peer-not-found", "rate-limited", "hold-full"}
"""They happen in a good call: a peer has just left, or many candidates come at once."""
_NO_FAULT = {"name-in-use", "shutting-down", "replaced", "expired", "slow-consumer"}
"""Of another cause, of which other findings speak, or over in a moment."""
_AT_THE_DOOR = {"unauthorized", "invalid-name", "room-full", "server-full"}
"""Codes that refuse a client, not one of its signals."""


class _Key(NamedTuple):
    room: str
    who: str
    code: str


class _Tally:
    __slots__ = ("address", "code", "hint", "is_peer", "text", "times")

    def __init__(self, address: str, code: str, is_peer: bool) -> None:
        self.address = address
        self.code = code
        self.is_peer = is_peer
        self.text = ""
        self.hint = ""
        self.times: deque[float] = deque(maxlen=COUNTED)


class RefusedClients:
    """Counts refusals by client and reason."""

    def __init__(self) -> None:
        self._tallies: OrderedDict[_Key, _Tally] = OrderedDict()

    def rejected(self, fact: Rejected, now: float) -> None:
        """A client's signal, or the client itself, was refused."""
        if fact.code not in _NO_FAULT:
            who = fact.peer_id or fact.address
            key, is_peer = _Key(fact.room, who, fact.code), bool(fact.sid)
            self._add(key, fact.address, is_peer, fact.message, "", now)

    def refused(self, fact: Refused, now: float) -> None:
        """A caller was refused before it was a client."""
        reason = reason_of(fact.code, fact.detail)
        key = _Key("", fact.address, fact.code)
        self._add(key, fact.address, False, reason.why, reason.advice, now)

    def findings(self, now: float) -> list[tuple[str, str, Finding]]:
        """(room or "", peer_id or address, finding) of the last minute, newest first."""
        found = []
        for key, tally in reversed(self._tallies.items()):
            count = sum(now - at < MINUTE for at in tally.times)
            if count >= (OFTEN if _is_usual(key.code, tally.is_peer) else 1):
                found.append((key.room, key.who, _finding(key, tally, count)))
        return found

    def _add(
        self, key: _Key, address: str, is_peer: bool, text: str, hint: str, now: float
    ) -> None:
        tally = self._tallies.pop(key, None) or _Tally(address, key.code, is_peer)
        self._tallies[key] = tally
        tally.text, tally.hint, tally.address = text, hint, address
        tally.times.append(now)
        if len(self._tallies) > TALLIES:
            self._tallies.popitem(last=False)


def _is_usual(code: str, is_peer: bool) -> bool:
    """Whether it happens in a good call as well. A radio that drops out while a client connects
    leaves a caller without its CONNECT behind.
    """
    return code in _USUAL or (code == "invalid-format" and not is_peer)


def _finding(key: _Key, tally: _Tally, count: int) -> Finding:
    why = tally.text.rstrip(".")
    if tally.is_peer and key.code not in _AT_THE_DOOR:
        what = f"1 signal of {key.who} was" if count == 1 else f"{count} signals of {key.who} were"
        text = f"{what} refused in the last minute: {why}."
        return Finding("refused", text, (key.who,), side=key.who, hint=tally.hint)
    who = tally.address or "an unknown address"
    name = f" ({key.who})" if key.who not in ("", tally.address) else ""
    times = "once" if count == 1 else f"{count} times"
    text = f"A client at {who}{name} was refused {times} in the last minute: {why}."
    peers = (key.who,) if name else ()
    return Finding("refused", text, peers, side=key.who if name else "", hint=tally.hint)
