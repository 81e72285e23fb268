from __future__ import annotations

from signaling_server.core.fleet.mac import MAC_BYTES, signer


def test_no_secret_no_mac() -> None:
    assert signer(b"")("text") == ""


def test_the_mac_depends_on_the_text_and_on_the_whole_secret() -> None:
    long = b"x" * 100
    sign = signer(long)
    assert sign("text") == sign("text") != sign("next")
    assert sign("text") != signer(long + b"y")("text")
    assert len(sign("\ud800")) == 2 * MAC_BYTES
