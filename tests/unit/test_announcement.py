from __future__ import annotations

import pytest

from signaling_server.core.protocol import announcement
from signaling_server.core.protocol.announcement import Announcement, text_of


def test_text_of_what_many_share_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def dumps(payload: object) -> str:
        made.append(payload)
        return "{}"

    monkeypatch.setattr(announcement, "dumps", dumps)
    shared = Announcement(peer_id="node")
    assert [text_of(shared) for _ in range(3)] == ["{}"] * 3
    assert made == [shared]
    assert [text_of({}) for _ in range(2)] == ["{}"] * 2
    assert len(made) == 3


def test_text_is_short_json_and_the_payload_a_dictionary() -> None:
    shared = Announcement({"peer_id": "node", "polite": True})
    assert text_of(shared) == text_of(dict(shared)) == '{"peer_id":"node","polite":true}'
    assert shared == {"peer_id": "node", "polite": True}
