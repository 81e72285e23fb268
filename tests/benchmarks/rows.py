"""The rows of the table: what the load generator does for each, and the figure that is read off."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, Mapping, NamedTuple, Sequence

NODE = "node socket.io"
OURS = "ours"
PLAIN = "plain python-socketio"
SHARDED = "node socket.io, sharded adapter"
OFF = "ours, fleet off"
"""The columns that rows are judged by."""
Phase = Mapping[str, float]
"""What the generator, or a start, reports: figures by name."""


@dataclass(frozen=True)
class Run:
    """What happens to a fresh server. Rows whose runs are equal share one measurement."""

    phases: tuple[str, ...] = ()
    """Of the generator (generator/main.c); none: the server is only started."""
    ack: bool = False
    session: bool = False
    ping: bool = False
    to: bool = False
    tls: bool = False
    batch: int = 0
    """Signals a POST of long polling; 0: WebSocket."""
    fleet: str = ""
    """Two hosts and a Redis. `across`: one client of each pair on each host, the first to come on
    the first; `local`: all on the first; "": one server.
    """
    samples: int = field(default=1, compare=False)
    """Measurements in one round."""


class Row(NamedTuple):
    """A row. `least` and `goal` are factors of the least figure of `peers`, or `absolute`: the
    figure itself.
    """

    name: str
    """For --rows."""
    title: str
    run: Run
    figure: Callable[[Sequence[Phase]], float]
    least: float | None = None
    goal: float | None = None
    absolute: bool = False
    peers: tuple[str, ...] = (NODE,)


class Scale(NamedTuple):
    """How much is measured."""

    seconds: int = 2
    """Of each measured phase."""
    idle_seconds: int = 20
    pairs: int = 5000
    clients: int = 1000
    crowd: int = 6000
    starts: int = 5
    """In a round."""


def scaled(room: float) -> Scale:
    """A Scale whose crowds fit where a server may have only a part of the descriptors."""
    full = Scale()
    pairs, crowd = (int(most * room) // 100 * 100 for most in (full.pairs, full.crowd))
    return full._replace(pairs=pairs, crowd=crowd)


ONE_BY_ONE = "join:2:1"
"""So that it is known which host is the owner."""
QUICK = Scale(seconds=1, idle_seconds=3, pairs=100, clients=100, crowd=200, starts=2)
"""Whether everything works: no figures to quote."""


def rows(scale: Scale) -> list[Row]:
    """All rows, in the order of the table."""
    return [
        *_signals(scale),
        *_crowds(scale),
        *_latency(scale),
        *_rest(scale),
        *_across(scale),
        *_local(scale),
    ]


def _signals(scale: Scale) -> list[Row]:
    """What a signal costs: one pair, 32 signals under way in all."""
    sat = _saturated(scale, "join:2")
    one = _saturated(scale, "join:2", under_way=1)
    polling = _saturated(scale, "join:2", under_way=16)
    many = _saturated(scale, f"join:{2 * scale.pairs}:256")
    best = Run(sat, ack=True, session=True, ping=True, to=True)
    recommended = "session, ack, `to`, after a PING, us a signal"
    pairs = f"{scale.pairs:,} pairs, 32 under way"
    return [
        Row("recommended", recommended, best, _cpu, 0.65, 0.5),
        Row("plain", "plain, us a signal", Run(sat), _cpu, 0.62, 0.55),
        Row("ping", "plain after a PING", Run(sat, ping=True), _cpu, 0.66, 0.55),
        Row("ack", "ack", Run(sat, ack=True), _cpu, 0.55, 0.45),
        Row("session", "session", Run(sat, session=True), _cpu, 0.80, 0.65),
        Row("session-ack", "session, ack", Run(sat, ack=True, session=True), _cpu, 0.65, 0.5),
        Row("tls", "TLS", Run(sat, tls=True), _cpu, 0.70, 0.6),
        Row("tls-ack", "TLS, ack", Run(sat, tls=True, ack=True), _cpu, 0.75, 0.6),
        Row("polling-1", "polling, one signal a POST", Run(polling, batch=1), _cpu, 1.7, 1.2),
        Row("polling-8", "polling, eight signals a POST", Run(polling, batch=8), _cpu, 1.7, 1.2),
        Row("alone", "plain, one under way", Run(one), _cpu),
        Row("pairs", pairs, Run(many), _cpu, 0.6, 0.5),
        Row("pairs-ack", f"{pairs}, ack", Run(many, ack=True), _cpu, 0.6, 0.5),
        Row("throughput", "plain, signals a second", Run(sat), _rate),
    ]


def _crowds(scale: Scale) -> list[Row]:
    """What a client costs, alone, in a storm, and while others leave."""
    # The first two make the server load and allocate what is for all: a client is one of the rest.
    many = Run(("join:2", "idle:1", f"join:{scale.clients}", "idle:1"))
    crowd = Run((f"join:{scale.crowd}", "idle:1", f"swap:{scale.crowd}"))
    clients, come = f"{scale.clients:,} clients", f"{scale.crowd:,} come while as many leave"
    return [
        Row("memory", "an idle client, KiB", many, _client_kib, 28, 18, absolute=True),
        Row("memory-idle", "2 clients, KiB", many, lambda phases: phases[1]["rss_kib"]),
        Row("memory-many", f"{clients}, KiB", many, lambda phases: phases[3]["rss_kib"]),
        Row("connect", f"connecting, us a client of {scale.crowd:,}", crowd, _first, 1.6, 1),
        Row("connect-many", f"connecting, us a client of {scale.clients:,}", many, _newcomer),
        Row("storm", f"storm of {clients}, s", many, lambda phases: phases[2]["seconds"], 0.5, 0.5),
        Row("crowd", f"{come}, CPU against the first", crowd, _dearer, 1.3, 1.0, absolute=True),
        Row("crowd-in", f"{come}, got in", crowd, lambda phases: phases[2]["ready"]),
        Row("crowd-time", f"{come}, s", crowd, lambda phases: phases[2]["seconds"]),
    ]


def _latency(scale: Scale) -> list[Row]:
    """200 signals a second, which is a busy negotiation."""
    pace = "join:2", "pace:200:1", f"pace:200:{scale.seconds}"
    ack = Run(pace, ack=True)
    return [
        Row("p50", "200/s with acks, p50, us", ack, lambda phases: phases[-1]["p50_us"]),
        Row("p99", "200/s with acks, p99, us", ack, lambda phases: phases[-1]["p99_us"], 1.0, 1.0),
        Row("pace", "200/s with acks, us a signal", ack, _cpu),
        Row("pace-plain", "200/s plain, us a signal", Run(pace), _cpu),
    ]


def _rest(scale: Scale) -> list[Row]:
    """Starting, and doing nothing."""
    start = Run(samples=scale.starts)
    idle = Run(("join:2", "idle:1", f"idle:{scale.idle_seconds}"))
    return [
        Row("start", "exec to READY, ms", start, lambda phases: phases[0]["start_ms"], 2.1, 1.6),
        Row(
            "idle", "2 idle clients, % of a core", idle, lambda phases: phases[2]["server_percent"]
        ),
        Row(
            "wakeups",
            "2 idle clients, wake-ups a second",
            idle,
            lambda phases: phases[2]["wakeups"],
        ),
    ]


def _across(scale: Scale) -> list[Row]:
    """Peers on two hosts. The first client of a pair makes its host the room's owner."""
    sat = Run(_saturated(scale, ONE_BY_ONE), fleet="across")
    # Node compiles what it runs often: 200 signals would measure its interpreter.
    paced = ONE_BY_ONE, "sat:32:1", "pace:200:1", f"pace:200:{scale.seconds}"
    ack = Run(paced, ack=True, fleet="across")
    pair, pace = "across two hosts", "across two hosts, 200/s with acks"
    plain = f"{pair}, 200/s plain, us a signal"
    return [
        *_shared("across", f"{pair}, us a signal", sat),
        _beaten("across-ack", f"{pair}, ack", replace(sat, ack=True), _cpu),
        *_shared("across-pace", f"{pace}, us a signal", ack),
        _beaten("across-pace-plain", plain, replace(ack, ack=False), _cpu),
        _beaten("across-p50", f"{pace}, p50, us", ack, lambda phases: phases[-1]["p50_us"]),
        _beaten("across-p99", f"{pace}, p99, us", ack, lambda phases: phases[-1]["p99_us"]),
    ]


def _shared(name: str, title: str, run: Run) -> list[Row]:
    """CPU of both hosts and Redis together, then of each."""
    return [
        _beaten(name, f"{title}: hosts and Redis", run, _cpu),
        Row(f"{name}-owner", f"{title}: owner", run, lambda phases: phases[-1]["cpu0_us"]),
        Row(f"{name}-edge", f"{title}: edge", run, lambda phases: phases[-1]["cpu1_us"]),
        Row(f"{name}-redis", f"{title}: Redis", run, lambda phases: phases[-1]["cpu2_us"]),
    ]


def _beaten(name: str, title: str, run: Run, figure: Callable[[Sequence[Phase]], float]) -> Row:
    """One in which we have to be below every other fleet."""
    return Row(name, title, run, figure, 1.0, 1.0, peers=(NODE, SHARDED, PLAIN))


def _local(scale: Scale) -> list[Row]:
    """Peers on one host of two, against one host without a fleet."""
    run = Run(_saturated(scale, ONE_BY_ONE), fleet="local")
    local = "both on one of two hosts"
    return [
        Row("local", f"{local}, us a signal", run, _cpu, 1.05, 1.0, peers=(OFF,)),
        Row("local-ack", f"{local}, ack", replace(run, ack=True), _cpu, 1.05, 1.0, peers=(OFF,)),
    ]


def _saturated(scale: Scale, join: str, under_way: int = 32) -> tuple[str, ...]:
    return join, f"sat:{under_way}:1", f"sat:{under_way}:{scale.seconds}"


def _cpu(phases: Sequence[Phase]) -> float:
    """Of the last phase: the one before warms up."""
    return phases[-1]["cpu_us"]


def _rate(phases: Sequence[Phase]) -> float:
    return phases[-1]["per_second"]


def _client_kib(phases: Sequence[Phase]) -> float:
    return (phases[3]["rss_kib"] - phases[1]["rss_kib"]) / phases[2]["clients"]


def _first(phases: Sequence[Phase]) -> float:
    return phases[0]["cpu_us"]


def _newcomer(phases: Sequence[Phase]) -> float:
    return phases[2]["cpu_us"]


def _dearer(phases: Sequence[Phase]) -> float:
    return _newcomer(phases) / _first(phases)
