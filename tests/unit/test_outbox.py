from __future__ import annotations

import pytest

from signaling_server.core.config.schema import LimitsSettings
from signaling_server.core.protocol.limits import OVERHEAD, Budget
from signaling_server.transport.engine.socket import Waiting
from signaling_server.transport.outbox import Outbox
from unit.fake_socket import FakeSocket


def test_outbox_is_corked_until_the_answer_to_connect_is_queued() -> None:
    socket = FakeSocket()
    outbox = Outbox(socket)
    assert outbox.send("welcome")
    assert outbox.send("peer_joined")
    assert socket.written == []
    outbox.uncork()
    assert not outbox.send("signal")
    assert socket.written == ["welcome", "peer_joined", "signal"]
    outbox.uncork()
    assert socket.written == ["welcome", "peer_joined", "signal"]


def test_packet_that_has_to_wait_is_told() -> None:
    socket = FakeSocket()
    outbox = Outbox(socket)
    outbox.uncork()
    socket.waiting = Waiting(1, 100)
    assert outbox.send("signal")


@pytest.mark.parametrize("corked", [True, False])
@pytest.mark.parametrize(
    ("sizes", "over"),
    [([], False), ([1] * 3, False), ([1] * 4, True), ([10], False), ([11], True)],
)
def test_client_that_does_not_read_is_over_its_bounds(
    sizes: list[int], over: bool, corked: bool
) -> None:
    socket = FakeSocket()
    outbox = Outbox(socket)
    for size in sizes:
        outbox.send("x" * size)
    if not corked:
        outbox.uncork()
        socket.waiting = Waiting(len(sizes), OVERHEAD * len(sizes) + sum(sizes))
    most = OVERHEAD * len(sizes) + 10
    limits = LimitsSettings(send_queue_messages=3, send_queue_bytes=most)
    assert outbox.over(limits, Budget(10**6)) is over


def test_when_memory_is_short_a_client_with_more_than_its_share_is_over() -> None:
    socket = FakeSocket()
    outbox, limits = Outbox(socket), LimitsSettings()
    assert not outbox.over(limits, Budget(-1))
    socket.waiting = Waiting(1, 300)
    assert outbox.over(limits, Budget(-1, share=299))
    assert not outbox.over(limits, Budget(-1, share=300))
