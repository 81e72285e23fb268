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


@pytest.mark.parametrize(
    ("name", "logged"),
    [
        ("create or join", True),
        ("offer", True),
        ("secret", False),
        ("join\n", False),
        ("join" + "x" * 33, False),
        ("", False),
    ],
)
def test_name_is_in_the_log_only_if_it_is_a_usual_one(name: str, logged: bool) -> None:
    noted = unknown_event(name).noted
    assert noted.startswith(f'this server knows no event "{name}"') is logged
    assert logged or noted.startswith("an event that this server does not know: ")


def test_name_is_cut_and_escaped() -> None:
    rejection = unknown_event("\n" + "x" * 9999)
    assert rejection.payload()["event"] == "\n" + "x" * (MAX_NAME - 1)
    assert rejection.message.isprintable()
    assert len(rejection.message) < 2 * MAX_NAME + 80
