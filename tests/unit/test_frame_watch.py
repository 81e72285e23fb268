from __future__ import annotations

from signaling_server.core.insight.frame_watch import FRESH_SECONDS, FROZEN_SECONDS, FrameWatch


def test_first_frames_are_told_once_in_a_call() -> None:
    watch = FrameWatch()
    assert not watch.measured({}, 1.0)
    assert not watch.measured({"frames_per_second": 0.0}, 2.0)
    assert not watch.measured({"bitrate_kbps": 9.0}, 2.5)
    assert watch.measured({"frames_per_second": 30.0}, 3.0)
    assert not watch.measured({"frames_per_second": 29.0}, 5.0)
    assert (watch.first_frame, watch.last_frame, watch.stats_at) == (3.0, 5.0, 5.0)
    watch.begin()
    assert (watch.first_frame, watch.last_frame, watch.stats_at) == (None, None, None)
    assert watch.measured({"frames_per_second": 30.0}, 9.0)


def test_old_numbers_say_nothing_of_now() -> None:
    watch = FrameWatch()
    assert not watch.fresh(0.0)
    watch.measured({"frames_per_second": 30.0}, 10.0)
    assert watch.flows(10.0 + FRESH_SECONDS)
    assert not watch.flows(10.1 + FRESH_SECONDS)
    watch.measured({"bitrate_kbps": 30.0}, 20.0)
    assert not watch.fresh(20.0)


def test_picture_that_stands_still() -> None:
    watch = FrameWatch()
    assert watch.frozen_for(0.0) is None
    watch.measured({"frames_per_second": 0.0}, 9.0)
    assert watch.frozen_for(9.0) is None  # no frame has come yet
    watch.measured({"frames_per_second": 30.0}, 10.0)
    assert watch.frozen_for(10.0) is None
    watch.measured({"frames_per_second": 0.0}, 10.0 + FROZEN_SECONDS)
    assert watch.frozen_for(11.0 + FROZEN_SECONDS) == FROZEN_SECONDS
    assert watch.frozen_for(11.0 + FROZEN_SECONDS + FRESH_SECONDS) is None
