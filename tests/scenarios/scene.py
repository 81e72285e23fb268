"""A stage for the relay's rules: clients join, speak and leave, and each hears its own trace.

A trace is a list of short lines, such as `welcome [node]`, `joined gcom polite held=2`,
`offer #1 from node`, `left gcom goodbye`, `error expired`, `closed replaced`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any, Callable

from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.events import (
    Close,
    Event,
    Forward,
    Joined,
    Left,
    Output,
    Reconfigured,
    Revoked,
    Send,
    SignalAccepted,
    Signalled,
    StillAlive,
    Ticked,
)
from signaling_server.core.protocol.hello import Hello, session_hash
from signaling_server.core.protocol.messages import parse_signal
from signaling_server.core.protocol.relay import Relay


def settings(**sections: dict[str, Any]) -> Config:
    """The default configuration with some keys changed: settings(rooms={"max_peers": 2})."""
    base = Config()
    changed = {name: replace(getattr(base, name), **keys) for name, keys in sections.items()}
    return replace(base, **changed)


class Scene:
    """A relay, a clock, and what everybody hears. Clients are known by their sid."""

    def __init__(self, jump: Callable[[], int] = int, **sections: dict[str, Any]) -> None:
        self.relay = Relay(settings(**sections), jump)
        self.now = 1000.0
        self.facts: list[Output] = []
        self.payloads: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self._traces: dict[str, list[str]] = defaultdict(list)
        self._numbers = 0

    def join(
        self,
        sid: str,
        name: str | None = None,
        room: str = "default",
        role: str | None = None,
        session: str | None = None,
        seen: int = 0,
        by_rule: str | None = None,
        **more: Any,
    ) -> None:
        """A connection says hello; raises Rejection. `more`: further fields of Joined."""
        public = session_hash(session) if session else None  # as the door does
        hello = Hello(room, name, role, public, seen, by_rule)
        fields = {"address": f"address-of-{sid}", "transport": "websocket", **more}
        self._handle(Joined(sid, hello, **fields))

    def show_life(self, *sids: str) -> None:
        """Connections that were replaced show that their clients live."""
        for sid in sids:
            self._handle(StillAlive(sid))

    def revoke(self, *grants: Any) -> None:
        """Grants are no longer valid."""
        self._handle(Revoked(set(grants)))

    def say(
        self,
        sid: str,
        kind: str = "offer",
        to: str | None = None,
        ufrag: str = "",
        **fields: Any,
    ) -> SignalAccepted:
        """A connection sends a signal, numbered from 1 on; raises Rejection."""
        data = {"number": self._numbers + 1, **ice(kind, ufrag)}
        message: dict[str, Any] = {"type": kind, "data": data, **fields}
        if to:
            message["to"] = to
        signal = parse_signal(json.dumps(message), 262144, 64)
        for fact in self._handle(Signalled(sid, signal)):
            if isinstance(fact, SignalAccepted):
                self._numbers += 1
                return fact
        raise AssertionError("the relay passed the signal over")

    def leave(self, sid: str) -> None:
        """A connection ends with a goodbye."""
        self._handle(Left(sid, "goodbye", goodbye=True))

    def lose(self, sid: str) -> None:
        """A connection breaks."""
        self._handle(Left(sid, "ping-timeout", goodbye=False))

    def wait(self, seconds: float) -> None:
        """Let time pass; the relay is woken when it asked to be."""
        end = self.now + seconds
        while True:
            deadline = self.relay.next_deadline()
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self._handle(Ticked())
        self.now = end

    def dissolve(self, room: str) -> None:
        """The room is another host's."""
        self._carry_out(self.relay.dissolve(room))

    def tick(self) -> None:
        """Wake the relay though it did not ask for it."""
        self._handle(Ticked())

    def reconfigure(self, **sections: dict[str, Any]) -> None:
        """The configuration was read again."""
        self._handle(Reconfigured(settings(**sections)))

    def heard(self, sid: str) -> list[str]:
        """What a connection heard since it was asked last."""
        trace, self._traces[sid] = self._traces[sid], []
        return trace

    def facts_of(self, kind: type) -> list[Any]:
        """All facts of a kind, so far."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def _handle(self, event: Event) -> list[Output]:
        return self._carry_out(self.relay.handle(event, self.now))

    def _carry_out(self, outputs: list[Output]) -> list[Output]:
        for output in outputs:
            if isinstance(output, Forward):
                self._hear(output.sid, "signal", _as_sent(output))
            elif isinstance(output, Send):
                self._hear(output.sid, output.event, output.payload)
            elif isinstance(output, Close):
                self._traces[output.sid].append(f"closed {output.code}")
            else:
                self.facts.append(output)
        return outputs

    def _hear(self, sid: str, event: str, payload: dict[str, Any]) -> None:
        self.payloads[sid].append((event, payload))
        self._traces[sid].append(_LINES[event](payload))


def ice(kind: str, ufrag: str) -> dict[str, str]:
    """How a description or a candidate says which ICE session it belongs to."""
    if not ufrag:
        return {}
    if kind == "ice-candidate":
        return {"usernameFragment": ufrag}
    return {"sdp": f"v=0\r\na=ice-ufrag:{ufrag}\r\n"}


def _as_sent(forward: Forward) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(forward.signal.body + "}")
    return {**message, "from": forward.sender, **({"seq": forward.seq} if forward.seq else {})}


def _welcome(payload: dict[str, Any]) -> str:
    peers = " ".join(peer["peer_id"] for peer in payload["peers"])
    return f"welcome{' back' if payload['resumed'] else ''} [{peers}]"


def _joined(payload: dict[str, Any]) -> str:
    line = f"joined {payload['peer_id']} {'polite' if payload['polite'] else 'impolite'}"
    if payload.get("rejoined"):
        line += " rejoined"
    return line + (f" held={payload['held']}" if "held" in payload else "")


def _signal(payload: dict[str, Any]) -> str:
    line = f"{payload['type']} #{payload['data']['number']} from {payload['from']}"
    return line + (f" seq={payload['seq']}" if "seq" in payload else "")


_LINES = {
    "welcome": _welcome,
    "peer_joined": _joined,
    "peer_left": lambda payload: f"left {payload['peer_id']} {payload['reason']}",
    "signal": _signal,
    "error": lambda payload: f"error {payload['code']}",
}
