"""Two ends of a link and a channel that loses, repeats, delays and mixes up what it carries.

Either host may forget all, and what it sent before may still arrive after. What is demanded: what
an end handles from one end of the other, between two ends of the link, is a prefix of what was put
in there, in order, once; nothing is handled twice in any life; and when the channel is good and
the hosts stay, all that is put in arrives.
"""

from __future__ import annotations

from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from signaling_server.core.fleet.batch import parse_batch
from signaling_server.core.fleet.link import Ended, Handle, Link, Output, Transmit
from signaling_server.core.fleet.mac import signer
from signaling_server.core.fleet.records import Say
from signaling_server.core.protocol.limits import Budget

SIGN = signer(b"secret")
SILENCE = 4.5
HOST = st.sampled_from([0, 1])
INDEX = st.one_of(st.integers(0, 8), st.integers(0, 40))


class LinkModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.ids = count(1)
        self.numbers = count(1)
        self.budgets = [Budget(10**9), Budget(10**9)]
        self.links = [self.link(0), self.link(1)]
        self.flying: list[list[str]] = [[], []]
        """To each host."""
        self.past: list[str] = []
        """All that was ever sent."""
        self.spans: list[list[int]] = [[], []]
        """What each host put in since its link ended last."""
        self.sent_in: dict[int, list[int]] = {}
        """The span (a list that grows) in which each number was put in."""
        self.taken: list[list[int]] = [[], []]
        """What each host handled since its link ended last."""
        self.ever: list[int] = []

    def link(self, host: int) -> Link:
        return Link(
            f"host{host}",
            f"host{1 - host}",
            lambda: f"g{next(self.ids)}",
            SIGN,
            self.budgets[host],
            10**6,
            SILENCE,
            self.now,
        )

    def carry_out(self, host: int, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Transmit):
                self.flying[1 - host].append(output.text)
                self.past.append(output.text)
            elif isinstance(output, Ended):
                self.taken[host], self.spans[host] = [], []
            elif isinstance(output, Handle):
                self.handle(host, int(output.record.body[1:]))

    def handle(self, host: int, number: int) -> None:
        assert number not in self.ever
        self.ever.append(number)
        self.taken[host].append(number)
        assert self.taken[host] == self.sent_in[number][: len(self.taken[host])]

    def deliver(self, host: int, text: str) -> None:
        batch = parse_batch(text, SIGN)
        if batch.sender == f"host{1 - host}":
            self.carry_out(host, self.links[host].received(batch, self.now))

    @initialize(met=st.booleans())
    def they_may_have_met(self, met: bool) -> None:
        if met:
            self.become_good()

    @rule(host=HOST)
    def something_is_said_and_arrives(self, host: int) -> None:
        self.put(host, 1)
        self.flush(host)
        self.all_arrives(1 - host)

    @rule(host=HOST, many=st.integers(1, 3))
    def put(self, host: int, many: int) -> None:
        for _ in range(many):
            number = next(self.numbers)
            self.sent_in[number] = self.spans[host]
            self.spans[host].append(number)
            self.links[host].put(Say("sid", "", "offer", None, 1, f"{{{number}"))

    @rule(host=HOST)
    def flush(self, host: int) -> None:
        self.carry_out(host, self.links[host].flush())

    @rule(host=HOST, index=INDEX, lose=st.booleans())
    def something_arrives_or_is_lost(self, host: int, index: int, lose: bool) -> None:
        if self.flying[host]:
            text = self.flying[host].pop(index % len(self.flying[host]))
            if not lose:
                self.deliver(host, text)

    @rule(host=HOST)
    def all_arrives(self, host: int) -> None:
        flying, self.flying[host] = self.flying[host], []
        for text in flying:
            self.deliver(host, text)

    @rule(host=HOST, index=INDEX)
    def something_old_arrives_again(self, host: int, index: int) -> None:
        if self.past:
            self.deliver(host, self.past[-1 - index % len(self.past)])

    @rule(host=HOST)
    def a_host_forgets(self, host: int) -> None:
        self.budgets[host] = Budget(10**9)
        self.links[host] = self.link(host)
        self.taken[host], self.spans[host] = [], []

    @rule(host=HOST)
    def redis_is_back(self, host: int) -> None:
        self.carry_out(host, self.links[host].resend())

    @rule(host=HOST)
    def nobody_listened(self, host: int) -> None:
        self.links[host].unheard(self.now)

    @rule(seconds=st.sampled_from([0.1, 0.3, 1.0, 1.0, 5.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for host in (0, 1):
            self.carry_out(host, self.links[host].tick(self.now))

    @rule()
    def all_is_good_for_a_while(self) -> None:
        self.become_good()
        for host in (0, 1):
            self.put(host, 2)
        spans = [list(span) for span in self.spans]
        self.become_good()
        assert [link.up for link in self.links] == [True, True]
        assert self.taken == spans[::-1]
        assert [link.unacknowledged for link in self.links] == [0, 0]

    def become_good(self) -> None:
        """A channel that carries what it is given, and time for the two to find each other."""
        for _ in range(6):
            self.now += 1.0
            for host in (0, 1):
                self.carry_out(host, self.links[host].tick(self.now))
            while any(self.flying):
                self.all_arrives(0)
                self.all_arrives(1)
            for host in (0, 1):
                self.flush(host)

    @invariant()
    def what_waits_is_paid_for(self) -> None:
        for link, budget in zip(self.links, self.budgets):
            assert budget.used == link.unacknowledged
            assert (budget.used > 0) == bool(link._out.kept or link._out.pending)


TestLinkModel = LinkModel.TestCase
