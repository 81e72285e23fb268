"""A call between streaming-node and gcom, for tests of what insight makes of it."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator

from sdps import candidate, sdp
from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.roles import NODE, VIEWER
from signaling_server.core.insight.sdp import Description, parse_candidate, parse_description
from signaling_server.core.insight.side import Side
from signaling_server.core.protocol.rtc_report import ConnectionReport

NAMES = ("streaming-node", "gcom")
Rule = Callable[[Pair, float], Iterator[Finding]]


class Call:
    """streaming-node and gcom have been here since 100.0; a test says what passes."""

    def __init__(self, kinds: Iterable[str] = (NODE, VIEWER), standing: bool = False) -> None:
        sides = [
            Side(name, kind, f"10.{place}.0.5")
            for place, (name, kind) in enumerate(zip(NAMES, kinds))
        ]
        self.pair = Pair(sides[0], sides[1], 100.0, standing)
        self.now = 100.0

    def offer(self, by: str = "streaming-node", text: str | None = None, **fields: Any) -> None:
        fields = {"direction": "sendonly", "ufrag": by[0], **fields}
        offer = parse_description(sdp(**fields) if text is None else text)
        self.pair.offered(by, offer, self.now)

    def answer(self, by: str = "gcom", text: str | None = None, **fields: Any) -> None:
        fields = {"direction": "recvonly", "setup": "active", "ufrag": by[0], **fields}
        answer = parse_description(sdp(**fields) if text is None else text)
        self.pair.answered(by, answer, self.now)

    def describe(self, kind: str, by: str, description: Description) -> None:
        """An offer or an answer, as it was read."""
        (self.pair.offered if kind == "offer" else self.pair.answered)(by, description, self.now)

    def candidates(self, by: str, *lines: str) -> None:
        """All of them, and the end."""
        for line in lines:
            self.pair.sent_candidate(by, parse_candidate(line), self.now)
        self.pair.sent_candidate(by, None, self.now)

    def report(self, by: str, state: str, **stats: float) -> float | None:
        return self.pair.reported(by, ConnectionReport(state, {}, "", stats), self.now)

    def negotiate(self, node: str = "10.0.0.1", gcom: str = "10.0.0.2", **offer: Any) -> None:
        """Offer, answer and a candidate of each."""
        self.offer(**offer)
        self.answer(ufrag=f"g{self.now}", origin=f"{self.now} 1")
        for name, address in zip(NAMES, (node, gcom)):
            self.candidates(name, candidate(address))

    def connect(self) -> None:
        """The two negotiate, and both report that they are connected."""
        self.negotiate()
        for name in NAMES:
            self.report(name, "connected")

    def found(self, rule: Rule, wait: float = 0.0) -> list[Finding]:
        """What a rule finds."""
        self.now += wait
        return list(rule(self.pair, self.now))

    def texts(self, rule: Rule, wait: float = 0.0) -> list[str]:
        """What a rule says."""
        return [finding.text for finding in self.found(rule, wait)]
