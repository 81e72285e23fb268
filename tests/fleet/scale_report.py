"""What a simulated fleet has taken, and the text of it."""

from __future__ import annotations

from typing import Counter as CounterOf
from typing import NamedTuple

from fleet.counted_redis import RECORDS

MB = 1e6


class Span(NamedTuple):
    """What happened in a stretch of virtual time; or until now, if it is one end of it."""

    seconds: float
    cpu: float
    """Seconds of CPU time, of all hosts and clients together."""
    counts: CounterOf[str]
    """Of the clients: see fleet/callers.py."""
    commands: CounterOf[str]
    """To Redis."""
    bytes: CounterOf[str]
    """Published, by command."""
    records: CounterOf[str]
    """Between hosts, by kind."""

    def __sub__(self, before: Span) -> Span:
        counters = (now - then for now, then in zip(self[2:], before[2:]))
        return Span(self.seconds - before.seconds, self.cpu - before.cpu, *counters)


class Memory(NamedTuple):
    """Bytes of the budget of a host: of the fullest one, and on average."""

    budget: float = 0.0
    budget_mean: float = 0.0
    links: float = 0.0
    """Of these, what waits on its links or is not acknowledged."""
    links_mean: float = 0.0

    def most(self, other: Memory) -> Memory:
        """The greater of each."""
        return Memory(*map(max, self, other))


class Recovery(NamedTuple):
    """After a host has died."""

    pairs: int
    """That it concerned: at least one of the two was connected to it."""
    ended: int
    """Connections to it."""
    rooms: int
    """It owned them."""
    waits: list[float]
    """Seconds until each pair heard each other again."""
    lost: int
    """Pairs that did not."""
    span: Span

    def within(self, share: float) -> float:
        """Seconds within which so many of the pairs heard each other."""
        return self.waits[min(len(self.waits) - 1, int(share * len(self.waits)))]


class Report(NamedTuple):
    """One run."""

    hosts: int
    pairs: int
    expected: int
    """Signals of all calls."""
    together: int
    """Pairs that met."""
    crossing: int
    """Pairs on two hosts."""
    arrival: Span
    steady: Span
    memory: Memory
    grown: int
    """Bytes of the process that came with the clients."""
    resident: int
    """Bytes of the process at the end."""
    recovery: Recovery
    silent: int
    """Pairs that did not hear each other at the end."""
    cpu: float

    @property
    def sound(self) -> bool:
        """Whether all met, heard all of it in order, and came back."""
        counts = self.steady.counts
        wrong = counts["disordered"], counts["refused"], counts["unsaid"], counts["breaks"]
        return (
            self.together == self.pairs
            and counts["signals"] == counts["heard"] == counts["confirmed"] == self.expected
            and not any(wrong)
            and not self.recovery.span.counts["disordered"]
            and not self.recovery.lost
            and not self.silent
        )

    def text(self) -> str:
        """For people."""
        return "\n".join((*self._size(), *self._use(), *self._memory(), *self._recovery()))

    def _size(self) -> list[str]:
        claims = self.arrival.commands["EVALSHA claim"]
        return [
            f"{self.hosts} hosts, {self.pairs} pairs; {self.crossing} of them on two hosts "
            f"({self.crossing / self.pairs:.1%})",
            f"arrival: {self.together} pairs met; {claims} claims; {self.arrival.cpu:.1f} s of CPU",
        ]

    def _use(self) -> list[str]:
        steady, counts = self.steady, self.steady.counts
        seconds, signals = steady.seconds, max(1, counts["signals"])
        lines = [
            f"steady use, {seconds:g} s: {counts['signals']} signals, "
            f"{counts['signals'] / seconds:.0f}/s; {counts['heard']} heard, "
            f"{counts['confirmed']} confirmed, {counts['disordered']} out of order or twice",
            f"  {counts['crossing']} between hosts ({counts['crossing'] / signals:.1%}), "
            f"{counts['from_edges']} of them to the host of their room",
            f"  records between hosts: {_listed(steady.records, seconds)}",
            f"  batches: {steady.commands[RECORDS] / seconds:.1f}/s",
            f"  commands to Redis: {sum(steady.commands.values()) / seconds:.0f}/s",
            *(f"    {name}: {n / seconds:.1f}/s" for name, n in sorted(steady.commands.items())),
            f"  published: {_listed(steady.bytes, seconds)} bytes",
            f"  CPU: {steady.cpu:.1f} s, {steady.cpu / seconds:.2f} s a second of all hosts",
        ]
        return lines

    def _memory(self) -> list[str]:
        memory = self.memory
        return [
            f"memory by the budget of a host, at most: {memory.budget / MB:.2f} MB, on average "
            f"{memory.budget_mean / MB:.2f}; thereof links {memory.links / MB:.3f} MB, on average "
            f"{memory.links_mean / MB:.3f}",
            f"memory of the process: {self.resident / MB:.0f} MB in the end; "
            f"{self.grown / MB:.0f} MB came with the clients, {self.grown / MB / self.hosts:.1f} "
            f"MB a host, {self.grown / 2 / self.pairs:.0f} bytes a client, its simulation included",
        ]

    def _recovery(self) -> list[str]:
        recovery, span = self.recovery, self.recovery.span
        within = ", ".join(
            f"{share:.0%} within {recovery.within(share):.2f} s" for share in (0.5, 0.9, 0.99, 1)
        )
        breaks, count = span.counts["breaks"], sum(span.commands.values())
        return [
            f"a host dies: {recovery.ended} clients and {recovery.rooms} rooms of it, "
            f"{recovery.pairs} pairs concerned",
            f"  they hear each other again: {within}; {recovery.lost} do not",
            f"  {breaks} connections ended, {span.counts['welcomes']} welcomes, "
            f"{span.counts['resumed']} of them resumed",
            f"  commands to Redis in these {span.seconds:.2f} s: {count}",
            *(f"    {name}: {n}" for name, n in sorted(span.commands.items())),
            f"  CPU: {span.cpu:.1f} s of all hosts, {span.cpu / (self.hosts - 1):.2f} s each",
            f"in the end all greet each other: {self.silent} pairs do not hear each other",
            f"CPU of the whole simulation: {self.cpu:.1f} s",
        ]


def _listed(counter: CounterOf[str], seconds: float) -> str:
    return ", ".join(f"{name} {n / seconds:.1f}/s" for name, n in sorted(counter.items())) or "none"
