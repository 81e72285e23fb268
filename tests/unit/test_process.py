from __future__ import annotations

import gc

from signaling_server import process


def test_garbage_is_collected_seldom_once_the_server_serves_though_not_while_it_starts() -> None:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)  # the default before Python 3.13
    gc.disable()
    try:
        process._collect_rarely()
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 700
    finally:
        gc.unfreeze()
        gc.enable()
        gc.set_threshold(*before)
