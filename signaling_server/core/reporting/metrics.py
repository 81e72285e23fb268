"""Counters of what the relay did, and their rendering for Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4)
"""

from __future__ import annotations

from collections import Counter
from typing import Counter as CounterOf
from typing import Iterable, Mapping, NamedTuple, Sequence

from signaling_server.core.histogram import Histogram
from signaling_server.core.protocol.events import (
    Disconnected,
    HeldSignalsExpired,
    HeldSignalsReplaced,
    PeerReplaced,
    PeerResumed,
    Refused,
    Rejected,
    SignalAccepted,
)
from signaling_server.core.protocol.messages import VALID_TYPES
from signaling_server.core.protocol.observer import Observer
from signaling_server.core.protocol.refusals import Refusals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Observer):
    """Counts facts. `last_signal` is when the last signal passed, on the clock of `record`."""

    def __init__(self) -> None:
        super().__init__(
            {
                SignalAccepted: self._signal,
                Rejected: self._rejection,
                Refused: self._refusal,
                Disconnected: self._disconnection,
                HeldSignalsExpired: self._expiry,
                HeldSignalsReplaced: self._expiry,
                PeerReplaced: self._replacement,
                PeerResumed: self._return,
            }
        )
        self.signals: CounterOf[str] = Counter()
        """Accepted signals by type."""
        self.rejections: CounterOf[str] = Counter()
        """Refusals by error code."""
        self.refusals = Refusals()
        """Callers that were refused before they were clients."""
        self.disconnections: CounterOf[str] = Counter()
        """Ends of connections by reason."""
        self.delivered = 0
        self.held = 0
        self.bytes = 0
        """Of accepted signals, as they came."""
        self.expired = 0
        self.replaced = 0
        self.resumed = 0
        self.last_signal: float | None = None
        self.last_error = ""

    def _signal(self, fact: SignalAccepted, now: float) -> None:
        _, _, _, (kind, _, size, _), delivered, held = fact  # at once: this is the hot path
        self.signals[kind] += 1
        self.delivered += delivered
        self.held += held
        self.bytes += size
        self.last_signal = now

    def _rejection(self, fact: Rejected, now: float) -> None:
        self.rejections[fact.code] += 1
        self.last_error = f"{fact.code}: {fact.message}"

    def _refusal(self, fact: Refused, now: float) -> None:
        refusal = self.refusals.note(fact.code, fact.address, now, fact.detail)
        self.last_error = f"{fact.code}: {refusal.why}"

    def _disconnection(self, fact: Disconnected, now: float) -> None:
        self.disconnections[fact.reason] += 1

    def _expiry(self, fact: HeldSignalsExpired | HeldSignalsReplaced, now: float) -> None:
        self.expired += fact.signals

    def _replacement(self, fact: PeerReplaced, now: float) -> None:
        self.replaced += 1

    def _return(self, fact: PeerResumed, now: float) -> None:
        self.resumed += 1


class Readings(NamedTuple):
    """What is measured at the moment of asking."""

    peers: int
    rooms: int
    queue_high_water: int
    """Most packets that ever waited for one client."""
    tasks: int
    """Tasks of the event loop."""
    loop_lag: float
    """Seconds that the event loop was late."""
    memory: int
    """Bytes of RAM of this process."""
    cpu: float
    """Seconds of CPU that this process has used."""
    build: Mapping[str, str]
    """Such as {"version": "1.0.0", "python": "3.11.2"}."""


class Family(NamedTuple):
    """A metric that a part of the server adds."""

    name: str
    kind: str
    """`gauge` or `counter`."""
    text: str
    samples: Sequence[tuple[Mapping[str, str], float]]
    """(labels, value)."""

    @property
    def rows(self) -> Iterable[str]:
        """Its lines on the page."""
        yield from _head(self.name, self.kind, self.text)
        for labels, value in self.samples:
            yield f"{self.name}{_labels(labels) if labels else ''} {value}"


def render(
    metrics: Metrics,
    handshakes: Histogram,
    first_frames: Histogram,
    readings: Readings,
    more: Sequence[Family] = (),
) -> str:
    """The page of /metrics."""
    signals = {kind: metrics.signals[kind] for kind in VALID_TYPES}
    rows = [
        *_single("hawkeye_peers", "gauge", "Peers with a connection.", readings.peers),
        *_single("hawkeye_rooms", "gauge", "Rooms with a peer in them.", readings.rooms),
        *_by("hawkeye_signals_total", "type", "Accepted signals.", signals),
        *_count("delivered", "Copies of signals written to a connection.", metrics.delivered),
        *_count("held", "Copies of signals that had to wait.", metrics.held),
        *_count("expired", "Held signals dropped: nobody joined in time.", metrics.expired),
        *_by("hawkeye_rejected_total", "code", "Refusals by error code.", metrics.rejections),
        *_by(
            "hawkeye_refused_total",
            "code",
            "Callers refused before they were clients.",
            metrics.refusals.counts,
        ),
        *_by(
            "hawkeye_disconnected_total",
            "reason",
            "Ends of connections by reason.",
            metrics.disconnections,
        ),
        *_count("signal_bytes", "Bytes of accepted signals.", metrics.bytes),
        *_count("takeovers", "Connections replaced by a newer one.", metrics.replaced),
        *_count("resumes", "Sessions that came back in time.", metrics.resumed),
        *_single(
            "hawkeye_queue_high_water",
            "gauge",
            "Most packets that ever waited for one client.",
            readings.queue_high_water,
        ),
        *_histogram(
            "hawkeye_handshake_seconds", "From both being here to the first answer.", handshakes
        ),
        *_histogram(
            "hawkeye_first_frame_seconds",
            "From both being here to the first frame that a receiver reports.",
            first_frames,
        ),
        *_single("hawkeye_tasks", "gauge", "Tasks of the event loop.", readings.tasks),
        *_single(
            "hawkeye_event_loop_lag_seconds",
            "gauge",
            "How late the event loop was.",
            readings.loop_lag,
        ),
        *_single("process_resident_memory_bytes", "gauge", "RAM of this process.", readings.memory),
        *_single("process_cpu_seconds_total", "counter", "CPU time used.", readings.cpu),
        *_head("hawkeye_build_info", "gauge", "What is running; always 1."),
        f"hawkeye_build_info{_labels(readings.build)} 1",
        *(row for family in more for row in family.rows),
    ]
    return "\n".join(rows) + "\n"


def _head(name: str, kind: str, text: str) -> Iterable[str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _single(name: str, kind: str, text: str, value: float) -> Iterable[str]:
    return *_head(name, kind, text), f"{name} {value}"


def _count(what: str, text: str, value: int) -> Iterable[str]:
    return _single(f"hawkeye_{what}_total", "counter", text, value)


def _by(name: str, label: str, text: str, values: Mapping[str, int]) -> Iterable[str]:
    yield from _head(name, "counter", text)
    for key in sorted(values):
        yield f"{name}{_labels({label: key})} {values[key]}"


def _histogram(name: str, text: str, histogram: Histogram) -> Iterable[str]:
    yield from _head(name, "histogram", text)
    for bound, count in zip(histogram.bounds, histogram.counts):
        yield f"{name}_bucket{_labels({'le': str(bound)})} {count}"
    yield f"{name}_bucket{_labels({'le': '+Inf'})} {histogram.count}"
    yield f"{name}_sum {histogram.sum}"
    yield f"{name}_count {histogram.count}"


def _labels(pairs: Mapping[str, str]) -> str:
    escape = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
    return "{" + ",".join(f'{name}="{pairs[name].translate(escape)}"' for name in pairs) + "}"
