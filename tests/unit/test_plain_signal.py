from __future__ import annotations

import pytest

from signaling_server.transport.engine.plain_signal import argument_of


def test_argument_of_a_plain_signal_is_its_text() -> None:
    assert argument_of('42["signal",{"type": "offer"}]') == '{"type": "offer"}'


@pytest.mark.parametrize(
    "text",
    [
        '421["signal",{}]',
        '42/,["signal",{}]',
        '42["signal",{}] ',
        '42["signals"]',
        '42["signal", {}',
        "40",
        "",
    ],
)
def test_message_with_an_ack_id_a_namespace_or_another_event_is_not_plain(text: str) -> None:
    assert argument_of(text) is None
