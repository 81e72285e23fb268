from __future__ import annotations

import pytest

from signaling_server.transport.engine.packets import MAX_ACK_DIGITS
from signaling_server.transport.engine.plain_signal import plain_signal


@pytest.mark.parametrize("ack_id", ["", "0", "7", "17", "9" * MAX_ACK_DIGITS])
def test_parts_of_a_plain_signal_are_text(ack_id: str) -> None:
    text = '{"type": "offer"}'
    assert plain_signal(f'42{ack_id}["signal",{text}]') == (text, ack_id)


@pytest.mark.parametrize(
    "text",
    [
        '42/,["signal",{}]',
        '42["signal",{}] ',
        '42["signals"]',
        '42["signal", {}',
        '421["signal",{}',
        '421["signals",{}]',
        '421 ["signal",{}]',
        '4201["signal",{}]',
        '4200["signal",{}]',
        '42-1["signal",{}]',
        '42\u0661["signal",{}]',
        '42{}["signal",{{}}]'.format("1" * (MAX_ACK_DIGITS + 1)),
        '4317["signal",{}]',
        "40",
        "",
    ],
)
def test_message_with_a_namespace_a_long_id_or_another_event_is_not_plain(text: str) -> None:
    assert plain_signal(text) is None
