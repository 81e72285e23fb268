from __future__ import annotations

import pytest

from signaling_server.core.protocol.unknown_events import MAX_NAME, unknown_event


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("offer", 'send signal with {type: "offer", data: ...}'),
        ("Answer", 'send signal with {type: "answer", data: ...}'),
        ("ice-candidate", 'send signal with {type: "ice-candidate", data: ...}'),
        ("iceCandidate", 'send signal with {type: "ice-candidate", data: ...}'),
        ("webrtc:offer", "it takes signal, report and ice_servers"),
        ("join", "in auth or in the URL"),
        ("join-room", "in auth or in the URL"),
        ("create or join", "in auth or in the URL"),
        ("leave_room", "disconnect to leave"),
        ("message", "it takes signal, report and ice_servers"),
        ("", "it takes signal, report and ice_servers"),
    ],
)
def test_sender_of_an_unknown_event_hears_what_to_send_instead(name: str, advice: str) -> None:
    rejection = unknown_event(name)
    assert advice in rejection.message
    payload = rejection.payload()
    assert (payload["code"], payload["event"]) == ("unknown-event", name)


def test_name_is_cut_and_escaped() -> None:
    rejection = unknown_event("\n" + "x" * 9999)
    assert rejection.payload()["event"] == "\n" + "x" * (MAX_NAME - 1)
    assert rejection.message.isprintable()
    assert len(rejection.message) < 2 * MAX_NAME + 80
