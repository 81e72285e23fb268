from __future__ import annotations

from itertools import count

import pytest

from signaling_server.core.fleet import link as module
from signaling_server.core.fleet import outgoing
from signaling_server.core.fleet.batch import Batch, encode_record, parse_batch
from signaling_server.core.fleet.link import Ended, Handle, Link, Output
from signaling_server.core.fleet.mac import signer
from signaling_server.core.fleet.records import Admitted, Again, Beat, HelloHost
from signaling_server.core.protocol.limits import Budget

SIGN = signer(b"secret")
IDS = count(1)
SILENCE = 4.5


class Two:
    """Two ends, and what each handled. Batches to a host that is deaf are lost."""

    def __init__(self, limit: int = 10_000) -> None:
        self.now = 50.0
        self.limit = limit
        self.budget = Budget(10**9)
        self.ends = {name: self.new(name) for name in "ab"}
        self.said: dict[str, list[str]] = {"a": [], "b": []}
        self.sent: dict[str, list[Batch]] = {"a": [], "b": []}
        self.deaf = ""

    def new(self, name: str) -> Link:
        other = "b" if name == "a" else "a"
        ids = lambda: f"g{next(IDS)}"  # noqa: E731
        return Link(name, other, ids, SIGN, self.budget, self.limit, SILENCE, self.now)

    def do(self, name: str, outputs: list[Output]) -> None:
        other = self.ends[name].peer
        for output in outputs:
            if isinstance(output, Handle):
                self.said[name].append(output.record.sid)
            elif isinstance(output, Ended):
                self.said[name].append(f"ended: {output.reason}")
            else:
                batch = parse_batch(output.text, SIGN)
                self.sent[name].append(batch)
                if other != self.deaf:
                    self.do(other, self.ends[other].received(batch, self.now))

    def tick(self, *names: str, after: float = 0.0) -> None:
        self.now += after
        for name in names or ("a", "b"):
            self.do(name, self.ends[name].tick(self.now))

    def say(self, name: str, *sids: str) -> None:
        for sid in sids:
            self.ends[name].put(Admitted(sid))
        self.do(name, self.ends[name].flush())

    def forge(self, name: str, *records: object, **head: object) -> None:
        """The other end of `name` sends this."""
        link = self.ends[self.ends[name].peer]
        body = "\x1e".join(map(encode_record, records))  # type: ignore[arg-type]
        batch = Batch(link._me, link._mine, link._theirs, 0, 0, body)._replace(**head)  # type: ignore[arg-type]
        self.do(name, self.ends[name].received(batch, self.now))


@pytest.fixture
def two() -> Two:
    two = Two()
    two.tick("a")
    assert two.ends["a"].up
    assert two.ends["b"].up
    return two


def test_what_is_put_in_arrives_in_order_and_one_batch_a_turn(two: Two) -> None:
    two.sent["a"].clear()
    two.say("a", "1", "2")
    two.say("a", "3")
    assert two.said["b"] == ["1", "2", "3"]
    assert [batch.number for batch in two.sent["a"]] == [1, 2]


def test_no_data_before_both_know_both_generations() -> None:
    two = Two()
    two.deaf = "b"
    two.tick("a")
    two.say("a", "1")
    assert two.said["b"] == []
    assert [batch.number for batch in two.sent["a"]] == [0]
    two.deaf = ""
    two.tick("b")  # its hello, the answer, and the answer to that
    two.say("a")
    assert two.said["b"] == ["1"]


def test_what_was_put_in_before_the_link_is_up_is_flushed_then(two: Two) -> None:
    woken: list[str] = []
    late = Link(
        "a", "b", lambda: "g", SIGN, two.budget, 999, SILENCE, two.now, lambda: woken.append("a")
    )
    two.ends["a"] = late
    late.put(Admitted("early"))
    assert (woken, late.flush()) == (["a"], [])
    two.tick("a")
    assert (late.up, woken) == (True, ["a", "a"])
    two.do("a", late.flush())
    assert two.said["b"][-1] == "early"


def test_a_host_that_forgot_the_link_does_not_take_a_resent_batch_for_the_first(two: Two) -> None:
    two.deaf = "a"  # no acknowledgement
    two.say("a", "1")
    two.ends["b"] = two.new("b")
    two.deaf = ""
    two.do("a", two.ends["a"].resend())
    assert two.said["b"] == ["1"]  # by the process before; the new one took nothing
    two.tick("b")
    assert two.said["a"] == ["ended: restarted"]
    two.tick(after=1.0)
    two.say("a", "2")
    assert two.said["b"] == ["1", "2"]


def test_a_batch_of_an_earlier_process_is_dropped(two: Two) -> None:
    two.forge("a", Admitted("1"), number=1, generation="old")
    two.forge("a", Admitted("1"), number=1, yours="old")
    assert two.said["a"] == []


def test_a_hello_for_another_or_of_a_stranger_is_not_answered(two: Two) -> None:
    two.forge("a", HelloHost("c", 1, 1), generation="new")
    assert two.said["a"] == []
    assert not two.ends["a"].stranger
    two.forge("a", HelloHost("a", 2, 3), generation="new")
    assert two.ends["a"].stranger


def test_acknowledged_bytes_are_free_again() -> None:
    two = Two(limit=600)
    two.tick("a")
    two.say("a", "1", "2")
    assert not two.ends["a"].full
    two.say("a", "3")
    assert two.ends["a"].full
    assert two.budget.used == two.ends["a"].unacknowledged
    two.tick("b", after=1.0)  # its beat acknowledges
    assert two.ends["a"].unacknowledged == two.budget.used == 0
    assert not two.ends["a"].full


def test_much_is_acknowledged_without_a_beat(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(module.ACK_BATCHES):
        assert two.ends["a"].unacknowledged or not number
        two.say("a", f"{number}")
    assert two.ends["a"].unacknowledged == 0
    monkeypatch.setattr(module, "ACK_BYTES", 3)
    two.say("a", "123")
    assert two.ends["a"].unacknowledged == 0


def test_a_turn_with_much_makes_several_batches(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "BATCH_BYTES", 8)
    two.sent["a"].clear()
    two.say("a", "123", "456", "789")
    assert [batch.number for batch in two.sent["a"]] == [1, 2]
    assert two.said["b"] == ["123", "456", "789"]
    two.say("a", "123", "456")
    assert two.said["b"][3:] == ["123", "456"]


def test_what_is_missing_is_asked_for_when_more_comes(two: Two) -> None:
    two.deaf = "b"
    two.say("a", "1")
    two.deaf = ""
    two.say("a", "2")
    assert two.said["b"] == ["1", "2"]
    assert two.ends["b"].gaps == 1
    assert two.ends["a"].resent == 2


def test_what_is_missing_is_asked_for_at_the_next_beat(two: Two) -> None:
    two.deaf = "b"
    two.say("a", "1")
    two.deaf = ""
    two.tick("a", after=1.0)
    assert two.said["b"] == ["1"]


def test_a_host_does_not_ask_more_often_than_five_times_a_second(two: Two) -> None:
    two.sent["b"].clear()
    for _ in range(3):
        two.forge("b", Admitted("7"), number=7)
    assert [batch.body for batch in two.sent["b"]] == ["Z"]
    two.now += module.ASK_AGAIN
    two.forge("b", Admitted("7"), number=7)
    assert len(two.sent["b"]) == 2


def test_what_comes_twice_counts_once(two: Two) -> None:
    two.say("a", "1")
    two.do("a", two.ends["a"].resend())
    two.say("a", "2")
    assert two.said["b"] == ["1", "2"]


def test_nothing_is_sent_again_while_the_link_is_down() -> None:
    two = Two()
    two.ends["a"].put(Admitted("1"))
    assert two.ends["a"].resend() == []
    assert two.ends["a"].bye() == []


@pytest.mark.parametrize(
    ("records", "head"),
    [
        ((), {"body": "Y\x1f1", "number": 1}),
        ((), {"acked": 1}),
        ((Again(),), {"number": 1}),
        ((Admitted("1"),), {"number": 0}),
    ],
)
def test_a_violation_ends_the_link(
    two: Two, records: tuple[object, ...], head: dict[str, object]
) -> None:
    two.forge("a", *records, **head)
    assert two.said["a"] == ["ended: violation"]


def test_a_bad_record_of_an_earlier_process_ends_nothing(two: Two) -> None:
    two.forge("a", body="Y\x1f1", generation="old")
    assert two.said["a"] == []


def test_a_host_that_stops_ends_the_link_at_once(two: Two) -> None:
    two.do("a", two.ends["a"].bye())
    assert two.said["b"] == ["ended: stopped"]


def test_a_hello_within_a_link_changes_nothing(two: Two) -> None:
    two.forge("a", HelloHost("a", 1, 1))
    assert two.said["a"] == []
    assert two.ends["a"].up


def test_the_link_ends_when_the_other_has_been_silent(two: Two) -> None:
    two.deaf = "ab"
    two.say("a", "1")
    link = two.ends["a"]
    outputs = link.tick(two.now + SILENCE)
    assert Ended("silent") not in outputs
    outputs = link.tick(two.now + SILENCE + 0.1)
    assert outputs[0] == Ended("silent")
    assert link.unacknowledged == two.budget.used == 0
    assert not link.up


def test_the_time_of_a_round_is_measured(two: Two) -> None:
    assert two.ends["a"].round_trip is None
    two.tick("a", after=1.0)
    two.tick("b", after=0.3)  # 0.3 s later; that does not count
    assert two.ends["a"].round_trip == pytest.approx(0.0, abs=0.002)
    two.forge("a", Beat(0, 0, round((two.now - 0.2) * 1000)))
    assert two.ends["a"].round_trip == pytest.approx(0.2, abs=0.002)


def test_a_host_that_does_not_listen_is_tried_again_before_it_is_dead(two: Two) -> None:
    link = two.ends["a"]
    two.deaf = "b"
    two.say("a", "1")
    assert not link.unheard(two.now)
    two.now += module.CONFIRM
    assert link.next_deadline() == two.now
    two.sent["a"].clear()
    two.do("a", link.tick(two.now))
    assert [batch.number for batch in two.sent["a"]] == [1, 0]  # and a beat, if nothing waits
    assert link.unheard(two.now)
    link.heard()
    assert not link.unheard(two.now)


def test_the_next_beat_is_the_next_deadline(two: Two) -> None:
    two.tick()
    assert two.ends["a"].next_deadline() == two.now + module.BEAT


def test_a_link_is_full_above_its_limit_not_at_it(two: Two) -> None:
    two.deaf = "b"
    two.say("a", "1")
    link = two.ends["a"]
    link._limit = link.unacknowledged
    assert not link.full
    link._limit -= 1
    assert link.full


def test_a_host_that_keeps_silent_is_tried_again_as_soon_as_after_the_first_time(two: Two) -> None:
    link = two.ends["a"]
    first = two.now
    link.unheard(first)
    link.unheard(first + 0.25)
    assert link.next_deadline() == first + module.CONFIRM
    link.resend()  # Redis is back meanwhile
    assert link.next_deadline() > first + module.CONFIRM


def test_a_host_that_says_something_listens(two: Two) -> None:
    link = two.ends["a"]
    link.unheard(two.now)
    two.tick("b", after=module.CONFIRM)
    assert not link.unheard(two.now)


def test_a_host_may_ask_again_when_the_time_is_over(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_AGAIN", 0.25)  # a number that floats can hold
    two.ends["b"]._asked_at = two.now - 1
    two.sent["b"].clear()
    two.forge("b", Admitted("7"), number=7)
    two.now += 0.25
    two.forge("b", Admitted("7"), number=7)
    assert [batch.body for batch in two.sent["b"]] == ["Z", "Z"]


def test_what_goes_the_other_way_acknowledges_too(two: Two) -> None:
    two.sent["b"].clear()
    for number in range(module.ACK_BATCHES - 1):
        two.say("a", f"{number}")
    two.say("b", "back")
    two.say("a", "last")
    assert [batch.number for batch in two.sent["b"]] == [1]
    assert (two.said["a"], two.said["b"][-1]) == (["back"], "last")


def test_as_many_bytes_as_allowed_are_acknowledged(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACK_BYTES", len(encode_record(Admitted("123"))))
    two.say("a", "12")
    assert two.ends["a"].unacknowledged
    two.ends["b"]._bytes_to_acknowledge = 0
    two.say("a", "123")
    assert two.ends["a"].unacknowledged == 0


def test_a_round_takes_no_less_than_no_time(two: Two) -> None:
    two.forge("a", Beat(0, 0, round((two.now + 0.2) * 1000)))
    assert two.ends["a"].round_trip == 0.0
    two.forge("a", Beat(0, 0, 0))  # a clock that begins with the host
    assert two.ends["a"].round_trip == two.now


def test_nothing_is_missing_after_a_beat_that_knows_as_much(two: Two) -> None:
    two.say("a", "1")
    two.tick("a", after=1.0)
    assert two.ends["b"].gaps == 0


def test_the_flush_is_asked_for_once_and_only_where_something_waits() -> None:
    two = Two()
    woken: list[str] = []
    ids = lambda: f"g{next(IDS)}"  # noqa: E731
    link = Link("a", "b", ids, SIGN, two.budget, 9, SILENCE, two.now, lambda: woken.append("a"))
    two.ends["a"] = link
    two.tick("a")
    assert (link.up, woken) == (True, [])
    link.put(Admitted("1"))
    link.put(Admitted("2"))
    assert woken == ["a"]


def test_a_link_that_ends_because_the_other_host_restarted_is_not_up_by_the_same_batch(
    two: Two,
) -> None:
    two.deaf = "b"
    two.forge("a", HelloHost("a", 1, 1), generation="new")
    assert two.said["a"] == ["ended: restarted"]
    assert not two.ends["a"].up
