"""One end of the link between two hosts: what is put in arrives in order, once, or the link ends.

The channel below loses, repeats and delays batches, and either host may forget all at any time.
Each end has a generation, a random id that it makes anew whenever the link ends. A host says hello
until each knows that the other knows both generations; only then are there data (a host that
forgot the link would take a batch that is sent again for the first one). From then on

- a batch for another generation than mine is dropped, and so is one of a generation that is not
  the known one, but for a hello: the other host has forgotten the link, and it ends;
- the batches are numbered. A number that was handled is dropped; one too high asks for what is
  missing; what is not acknowledged is kept, and sent again.

So what was handled is at any time a prefix of what was put in, since the link was up last. When it
ends, all that was bound to it ends (`Ended`), and it starts anew by itself.

Worst case: `limit` bytes are not acknowledged: then `full`, and the caller must put no more in, or
end the link. What is put in is charged to the budget that all share.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Union

from signaling_server.core.fleet.batch import (
    RECORD,
    VERSION,
    BadRecord,
    Batch,
    Sign,
    encode_batch,
    encode_record,
    parse_records,
)
from signaling_server.core.fleet.outgoing import Outgoing
from signaling_server.core.fleet.records import (
    Again,
    Beat,
    Bye,
    Control,
    HelloHost,
    Record,
)
from signaling_server.core.protocol.limits import Budget

BEAT = 1.0
"""Seconds between two signs of life."""
CONFIRM = 0.5
"""Seconds after which a host that did not listen is tried again: it may have reconnected."""
ASK_AGAIN = 0.2
"""Seconds between two requests for what is missing."""
ACK_BATCHES, ACK_BYTES = 64, 262_144
"""What is handled before it is acknowledged, where nothing goes the other way meanwhile."""
_CONTROLS = HelloHost, Beat, Bye, Again


class Transmit(NamedTuple):
    """Publish this on the channel of the other host."""

    text: str


class Handle(NamedTuple):
    """The other host says this."""

    record: Any
    """A Record."""


class Ended(NamedTuple):
    """All that was bound to the link ends; it starts anew."""

    reason: str


Output = Union[Transmit, Handle, Ended]


class Link:
    """This host's end. `generation` makes a new random id; `now` is in seconds, monotonic.
    `wake` is called when something waits for the next `flush`."""

    def __init__(
        self,
        me: str,
        peer: str,
        generation: Callable[[], str],
        sign: Sign,
        budget: Budget,
        limit: int,
        silence: float,
        now: float,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._wake = wake
        self._me = me
        self.peer = peer
        self._generation = generation
        self._sign = sign
        self._out = Outgoing(budget)
        self._limit = limit
        self._silence = silence
        """Seconds without a word after which the link ends."""
        self.resent = self.gaps = 0  # batches, each time one is sent again; times one is missing
        self.round_trip: float | None = None  # seconds
        self.stranger = False
        """Whether the other host speaks no version that this one does."""
        self._unheard_since: float | None = None
        self._begin(now)

    def _begin(self, now: float) -> None:
        self.up = False  # whether both know both generations, as far as this end knows
        self._mine = self._generation()
        self._theirs = ""
        self._handled = 0
        self._to_acknowledge = self._bytes_to_acknowledge = 0
        self._resend_at: float | None = None
        self._beat_at = now
        self.heard_at = now
        """When the other host was heard last, or the link began."""
        self._asked_at = now - ASK_AGAIN
        self._stamp: int | None = None
        self._stamp_at = now

    @property
    def unacknowledged(self) -> int:
        """Bytes that wait or are not acknowledged."""
        return self._out.bytes

    @property
    def full(self) -> bool:
        """Whether nothing more may be put in."""
        return self._out.bytes > self._limit

    # --- out --------------------------------------------------------------------------------------

    def put(self, record: Record) -> None:
        """Say something to the other host, with the next `flush`."""
        if not self._out.pending:
            self._wake()
        self._out.put(encode_record(record))

    def flush(self) -> list[Output]:
        """Send what was put in; call it once in a turn of the loop."""
        if not self.up or not self._out.pending:
            return []
        return [self._transmit(one.number, one.body) for one in self._out.take()]

    def _transmit(self, number: int, body: str) -> Transmit:
        self._to_acknowledge = self._bytes_to_acknowledge = 0
        batch = Batch(self._me, self._mine, self._theirs, number, self._handled, body)
        return Transmit(encode_batch(batch, self._sign))

    def _say(self, *controls: Control) -> Transmit:
        return self._transmit(0, RECORD.join(map(encode_record, controls)))

    def _hello(self) -> Transmit:
        return self._say(HelloHost(self.peer, VERSION, VERSION))

    def _beat(self, now: float) -> Transmit:
        echo = -1
        if self._stamp is not None:
            echo = self._stamp + round((now - self._stamp_at) * 1000)
        return self._say(Beat(self._out.sent, round(now * 1000), echo))

    def resend(self) -> list[Output]:
        """Send again what is not acknowledged: Redis is back, or something was missing."""
        self._resend_at = None
        if not self.up:
            return []
        self.resent += len(self._out.kept)
        return [self._transmit(one.number, one.body) for one in self._out.kept]

    def bye(self) -> list[Output]:
        """This host stops."""
        return [self._say(Bye())] if self.up else []

    def end(self, reason: str, now: float) -> list[Output]:
        """End the link, and with it all that is bound to it."""
        self._out.drop()
        self._begin(now)
        return [Ended(reason)]

    # --- in ---------------------------------------------------------------------------------------

    def received(self, batch: Batch, now: float) -> list[Output]:
        """The other host has sent this, and its MAC is right."""
        ours = batch.yours == self._mine
        known = batch.generation == self._theirs
        try:
            records = parse_records(batch.body)
        except BadRecord:
            return self.end("violation", now) if self.up and ours and known else []
        hello = _hello_of(records)
        if hello is not None and not self._may_meet(hello):
            return []
        outputs: list[Output] = []
        if not known:
            if hello is None and (self.up or not ours):
                return []
            if self.up:
                outputs += self.end("restarted", now)
                ours = False
            self._theirs = batch.generation
        if not ours:
            return [*outputs, self._hello()] if hello is not None else outputs
        self.heard_at = now
        self._unheard_since = None
        if not self.up:
            self.up = True
            outputs.append(self._hello())  # the other end learns that both are known
            if self._out.pending:
                self._wake()
        return outputs + self._take(batch, records, now)

    def _may_meet(self, hello: HelloHost) -> bool:
        if hello.to != self._me:
            return False
        self.stranger = not hello.lowest <= VERSION <= hello.highest
        return not self.stranger

    def _take(self, batch: Batch, records: list[Any], now: float) -> list[Output]:
        """A batch of this link."""
        controls = any(isinstance(record, _CONTROLS) for record in records)
        if batch.acked > self._out.sent or (controls if batch.number else not controls and records):
            return self.end("violation", now)
        self._out.acknowledged(batch.acked)
        if not batch.number:
            return self._obey(records, now)
        if batch.number > self._handled + 1:
            return self._ask_again(now)
        self._to_acknowledge += 1
        self._bytes_to_acknowledge += len(batch.body)
        outputs: list[Output] = []
        if batch.number == self._handled + 1:
            self._handled += 1
            outputs += map(Handle, records)
        if self._to_acknowledge >= ACK_BATCHES or self._bytes_to_acknowledge >= ACK_BYTES:
            outputs.append(self._transmit(0, ""))
        return outputs

    def _obey(self, controls: list[Any], now: float) -> list[Output]:
        outputs: list[Output] = []
        for control in controls:
            if isinstance(control, Bye):
                return self.end("stopped", now)
            if isinstance(control, Again):
                outputs += self.resend()
            elif isinstance(control, Beat):
                outputs += self._note(control, now)
        return outputs

    def _note(self, beat: Beat, now: float) -> list[Output]:
        self._stamp, self._stamp_at = beat.stamp, now
        if beat.echo >= 0:
            self.round_trip = max(0.0, now - beat.echo / 1000)
        return self._ask_again(now) if beat.sent > self._handled else []

    def _ask_again(self, now: float) -> list[Output]:
        self.gaps += 1
        if now - self._asked_at < ASK_AGAIN:
            return []
        self._asked_at = now
        return [self._say(Again())]

    # --- time -------------------------------------------------------------------------------------

    def next_deadline(self) -> float:
        """When `tick` is due."""
        return self._beat_at if self._resend_at is None else min(self._beat_at, self._resend_at)

    def tick(self, now: float) -> list[Output]:
        """Say that this host lives; end the link if the other has been silent for too long."""
        outputs: list[Output] = []
        if now - self.heard_at > self._silence:
            outputs += self.end("silent", now)
        if self._resend_at is not None and self._resend_at <= now:
            outputs += self.resend()
            self._beat_at = now
        if self._beat_at <= now:
            self._beat_at = now + BEAT
            outputs.append(self._beat(now) if self.up else self._hello())
        return outputs

    def unheard(self, now: float) -> bool:
        """Nobody listened to what was published; True: nor CONFIRM seconds ago, the host is dead.

        Call `heard` where somebody did.
        """
        if self._unheard_since is None:
            self._unheard_since = now
        self._resend_at = self._resend_at or now + CONFIRM
        return now - self._unheard_since >= CONFIRM

    def heard(self) -> None:
        """Somebody listened to what was published."""
        self._unheard_since = None


def _hello_of(records: list[Any]) -> HelloHost | None:
    return next((record for record in records if isinstance(record, HelloHost)), None)
