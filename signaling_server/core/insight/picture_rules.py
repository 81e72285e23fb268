"""Connected, and no picture: what the receiver's own numbers say."""

from __future__ import annotations

from typing import Iterator

from signaling_server.core.insight.finding import Finding
from signaling_server.core.insight.frame_watch import TRICKLE_KBPS
from signaling_server.core.insight.media_rules import profile_difference
from signaling_server.core.insight.negotiation import Pair
from signaling_server.core.insight.side import Side
from signaling_server.core.words import ago

FIRST_FRAME_SECONDS = 5.0
"""A camera that runs has sent a whole picture by then."""


def no_picture(pair: Pair, now: float) -> Iterator[Finding]:
    """The receiver reports that no frame arrives."""
    for side in pair.sides.values():
        frames = side.frames
        if not pair.receives(side) or not frames.fresh(now) or frames.flows(now):
            continue
        frozen = frames.frozen_for(now)
        if frozen is not None:
            yield _frozen(pair, side, frozen)
        elif frames.last_frame is None and pair.connected_at is not None:
            waited = (frames.stats_at or now) - pair.connected_at
            if waited >= FIRST_FRAME_SECONDS:
                yield _nothing_yet(pair, side, waited)


def _frozen(pair: Pair, side: Side, seconds: float) -> Finding:
    sender, who = pair.other(side.peer_id).peer_id, side.peer_id
    text = f"The picture at {who} has stood still for {ago(seconds)}"
    if _carries(side):
        more, blamed = "packets arrive, but no frame is decoded", who
    elif _carries(pair.other(who)):
        more, blamed = f"{sender} sends, but nothing arrives", ""
    else:
        more, blamed = f"nothing arrives from {sender}", sender
    return Finding("frozen", f"{text}: {more}.", (who, sender), True, blamed)


def _nothing_yet(pair: Pair, side: Side, seconds: float) -> Finding:
    sender, who = pair.other(side.peer_id).peer_id, side.peer_id
    since = f"Connected for {ago(seconds)}, but"
    if _carries(side):
        profiles = profile_difference(pair)
        why = f": H264 {profiles}" if profiles else ""
        text = f"{since} {who} decodes no frame, although packets arrive{why}."
        return Finding("not-decoded", text, (who, sender), True, who)
    if _carries(pair.other(who)):
        text = f"{since} no frame has arrived at {who}, although {sender} sends."
        return Finding("no-frames", text, (who, sender), True)
    text = f"{since} no frame has arrived at {who}: {sender} sends nothing (camera?)."
    return Finding("no-frames", text, (who, sender), True, sender)


def _carries(side: Side) -> bool:
    """Whether video arrives at a receiver, or leaves a sender, as far as it says."""
    return side.frames.stats.get("bitrate_kbps", 0.0) >= TRICKLE_KBPS
