from __future__ import annotations

import pytest

from signaling_server.core.insight.frame_watch import FrameWatch
from signaling_server.core.insight.last_seen import (
    KEPT_SECONDS,
    LEAVES,
    SEEN,
    SHOWN,
    LastSeen,
    Life,
    RoomMemory,
    Witness,
    as_values,
    gone,
    restless,
)
from signaling_server.core.protocol.rtc_report import ConnectionReport


def memory(*lives: Life, who: str = "node") -> RoomMemory:
    made = RoomMemory()
    for life in lives:
        made.left(who, "streaming-node", "its session", life)
    return made


def life(left_at: float = 100.0, reason: str = "connection-lost", **more: float) -> Life:
    return Life(left_at - 1.0, left_at, reason, "10.0.0.5", **more)


def about(to: str, state: str = "connected", frames: float | None = None) -> ConnectionReport:
    stats = {} if frames is None else {"frames_per_second": frames}
    return ConnectionReport(state, {}, to, stats)


def said(of: RoomMemory, settled: str = "", now: float = 100.0) -> list[tuple[str, str]]:
    return [(finding.code, finding.text) for finding in restless(of, {settled}, now)]


@pytest.mark.parametrize(
    ("reason", "how"),
    [
        ("goodbye", "goodbye"),
        ("replaced", "replaced"),
        ("unauthorized", "revoked"),
        ("connection-lost", "lost"),
        ("ping-timeout", "lost"),
    ],
)
def test_goodbye_and_loss_are_told_apart(reason: str, how: str) -> None:
    assert as_values(memory(life(reason=reason)), set(), 100.0) == [
        LastSeen("node", "streaming-node", 100.0, how, "10.0.0.5", None)
    ]


def test_peer_that_was_lost_in_a_call() -> None:
    seen = memory(life(in_call=245.0)).seen["node"]
    finding = gone(seen, 112.0)
    assert finding
    lost = "node was lost 12 s ago (connection-lost), last at 10.0.0.5, after 4 min in a call"
    assert (finding.text, finding.severity, finding.side) == (f"{lost}.", "warning", "node")


def test_what_the_other_side_says_of_the_call_to_a_lost_peer_counts() -> None:
    room = memory(life())
    room.reported("gcom", about("node"), 105.0)
    room.reported("gcom", about("nobody"), 105.0)
    finding = gone(room.seen["node"], 106.0)
    assert finding
    assert finding.severity == "note"
    assert finding.text.endswith("10.0.0.5; the other side reports that their call stands.")
    room.reported("gcom", about("node", "failed"), 110.0)
    finding = gone(room.seen["node"], 110.0)
    assert finding
    assert finding.severity == "alarm"
    room.reported("gcom", about("node"), 105.0)
    stale = gone(room.seen["node"], 120.0)
    assert stale
    assert stale.severity == "warning"


def test_call_with_a_lost_peer_stands_from_its_loss_until_the_picture_stands_still() -> None:
    frames = FrameWatch()
    frames.measured({"frames_per_second": 30.0}, 99.0)
    room = RoomMemory()
    watcher = {"gcom": Witness("connected", 99.0, frames)}
    room.left("node", "streaming-node", "its session", life(), watcher)
    severities = []
    for now, number in (101.0, 0.0), (103.0, 0.0), (105.0, 30.0):
        room.reported("gcom", about("node", frames=number), now)
        finding = gone(room.seen["node"], now)
        assert finding
        severities.append((finding.severity, finding.side))
    assert severities == [("note", ""), ("alarm", "node"), ("note", "")]


def test_goodbye_is_no_loss() -> None:
    assert gone(memory(life(reason="goodbye")).seen["node"], 101.0) is None


def test_reports_about_one_peer_are_bounded() -> None:
    room = memory(life())
    for number in range(SEEN + 5):
        room.reported(f"peer-{number}", about("node", "failed"), 101.0)
    assert len(room.seen["node"].witnesses) == SEEN


def test_witnesses_of_one_loss_are_bounded() -> None:
    room, frames = RoomMemory(), FrameWatch()
    crowd = {f"peer-{number}": Witness("connected", 99.0, frames) for number in range(SEEN + 5)}
    room.left("node", "streaming-node", "its session", life(), crowd)
    room.reported("one more", about("node"), 101.0)
    assert [*room.seen["node"].witnesses] == [*crowd][:SEEN]


def test_program_that_fails_on_each_offer() -> None:
    lives = [life(90.0 + number, after_offer=True) for number in range(3)]
    assert said(memory(lives[0])) == []
    text = "node has joined and left 3 times in the last minute"
    why = "each time after an offer: its program fails on the offer"
    assert said(memory(*lives)) == [("crashes-on-offer", f"{text}, {why}.")]
    assert said(memory(*lives), settled="node") == []
    text = "node has joined and left 4 times in the last minute"
    why = "3 times right after an offer: its program fails on the offer"
    assert said(memory(life(80.0), *lives)) == [("crashes-on-offer", f"{text}, {why}.")]
    assert said(memory(*lives), now=200.0) == []


def test_program_that_comes_and_goes() -> None:
    lives = [life(90.0 + number) for number in range(LEAVES)]
    assert said(memory(*lives[1:])) == []
    text = f"node has joined and left {LEAVES} times in the last minute."
    assert said(memory(*lives)) == [("keeps-leaving", text)]
    reloads = [life(90.0 + number, reason="replaced") for number in range(LEAVES)]
    assert said(memory(*reloads)) == []


def test_same_run_of_a_program_is_known_by_its_session() -> None:
    room = memory(life())
    assert room.same_run("node", "its session") == 100.0
    assert room.same_run("node", "another") is None
    assert room.same_run("node", None) is None
    assert room.same_run("gcom", "its session") is None


def test_memory_ends_after_ten_minutes() -> None:
    room = memory(life())
    room.left("gcom", None, None, life(200.0))
    assert [seen.peer_id for seen in room.newest(200.0)] == ["gcom", "node"]
    assert room.forget(100.0 + KEPT_SECONDS - 0.1)
    assert [*room.seen] == ["node", "gcom"]
    assert room.forget(100.0 + KEPT_SECONDS)
    assert [*room.seen] == ["gcom"]
    assert room.newest(200.0 + KEPT_SECONDS) == []
    assert not room.forget(200.0 + KEPT_SECONDS)


def test_memory_is_bounded_and_leaves_out_who_is_here() -> None:
    room = RoomMemory()
    for number in range(SEEN + 5):
        room.left(f"peer-{number}", None, None, life(100.0 + number))
    assert len(room.seen) == SEEN
    shown = as_values(room, {"peer-20"}, 130.0)
    assert len(shown) == SHOWN
    assert shown[0].peer_id == "peer-19"
