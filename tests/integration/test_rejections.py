"""A bad signal gets an error, reaches nobody, and has no other consequence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration.conftest import Visitors

TYPES = ["offer", "answer", "ice-candidate"]
GOOD = {"type": "offer", "data": {"marker": "good"}}

REJECTIONS: dict[str, tuple[tuple[Any, ...], str]] = {
    "no argument": ((), "invalid-format"),
    "null": ((None,), "invalid-format"),
    "text": (("offer",), "invalid-format"),
    "a number": ((7,), "invalid-format"),
    "a list": (([GOOD],), "invalid-format"),
    "two arguments": ((GOOD, GOOD), "invalid-format"),
    "to is a number": (({**GOOD, "to": 7},), "invalid-format"),
    "too deep": (({**GOOD, "deep": json.loads("[" * 64 + "]" * 64)},), "invalid-format"),
    "no type": (({"data": {}},), "invalid-type"),
    "unknown type": (({"type": "bye", "data": {}},), "invalid-type"),
    "type is a list": (({"type": ["offer"], "data": {}},), "invalid-type"),
    "offer without data": (({"type": "offer"},), "invalid-data"),
    "answer with null": (({"type": "answer", "data": None},), "invalid-data"),
    "data is text": (({"type": "ice-candidate", "data": "candidate:1"},), "invalid-data"),
    "data is a list": (({"type": "offer", "data": []},), "invalid-data"),
    "too large": (({"type": "offer", "data": {"sdp": "x" * 270_000}},), "too-large"),
    "unknown to": (({**GOOD, "to": "nobody"},), "peer-not-found"),
    "to itself": (({**GOOD, "to": "node"},), "peer-not-found"),
    "binary": (({"type": "offer", "data": {"sdp": b"v=0"}},), "binary-not-allowed"),
}


@pytest.mark.parametrize(("arguments", "code"), REJECTIONS.values(), ids=REJECTIONS)
async def test_bad_signal_gets_an_error_and_reaches_nobody(
    visitors: Visitors, kind: str, arguments: tuple[Any, ...], code: str
) -> None:
    gcom = await visitors.join("gcom")
    node = await visitors.join("node")

    await node.emit("signal", *arguments)
    error = await node.next("error")
    assert error["code"] == code
    assert error["message"]
    if code == "invalid-type":
        assert error["valid_types"] == TYPES

    answer = await node.call("signal", *arguments)
    assert answer["ok"] is False
    assert answer["error"]["code"] == code
    assert (await node.next("error")) == error

    assert await node.call("signal", GOOD) == {"ok": True, "delivered": 1, "held": False}
    assert (await gcom.next("signal")) == {**GOOD, "from": "node"}
    assert gcom.heard == ["welcome", "peer_joined", "signal"]
    assert node.heard == ["welcome", "peer_joined", "error", "error"]
