"""The rules of pairing codes."""

from __future__ import annotations

import pytest

from signaling_server.core.protocol.pairing_code import (
    CODE_BYTES,
    VALID_SECONDS,
    Offer,
    file_name,
    new_code,
    parse_offer,
)

OFFER = Offer("gcom", "drone-1", 1000.0)
CODE, OTHER = (new_code(bytes([number] * CODE_BYTES)) for number in (1, 2))


@pytest.mark.parametrize("offer", [OFFER, OFFER._replace(room=None)])
def test_offer_is_read_as_it_was_written(offer: Offer) -> None:
    assert parse_offer(offer.text()) == offer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "{}",
        '{"name": "gcom", "room": null}',
        '{"name": "gcom", "room": null, "made": 1}',
        '{"name": "gcom", "room": null, "made": 1.0, "can": 1}',
        '{"name": "g com", "room": null, "made": 1.0}',
        '{"name": "gcom", "room": "", "made": 1.0}',
        '{"name": null, "room": null, "made": 1.0}',
    ],
)
def test_other_text_is_no_offer(text: str) -> None:
    assert parse_offer(text) is None


@pytest.mark.parametrize(
    ("seconds", "valid"), [(-0.1, False), (0, True), (VALID_SECONDS, True), (300.1, False)]
)
def test_code_is_valid_for_five_minutes(seconds: float, valid: bool) -> None:
    assert OFFER.is_valid(OFFER.made + seconds) is valid


def test_code_is_random_and_its_file_does_not_tell_it() -> None:
    assert len(CODE) == 22
    assert CODE != OTHER
    assert CODE not in file_name(CODE)


@pytest.mark.parametrize("code", ["", "x", "../" * 7 + "x", CODE + "\n", CODE[:-1] + "é"])
def test_what_is_no_code_has_no_file(code: str) -> None:
    assert file_name(code) == ""
