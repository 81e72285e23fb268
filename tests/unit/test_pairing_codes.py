"""The files that hold pairing codes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from signaling_server.appliance import pairing_codes
from signaling_server.core.protocol.pairing_code import (
    CODE_BYTES,
    VALID_SECONDS,
    Offer,
    file_name,
    new_code,
)

OFFER = Offer("gcom", "drone-1", 1000.0)
CODE, OTHER = (new_code(bytes([number] * CODE_BYTES)) for number in (1, 2))


def test_what_is_no_code_is_not_looked_for(tmp_path: Path) -> None:
    assert pairing_codes.take(tmp_path, "../" * 7 + "x", OFFER.made) is None


def test_code_is_good_once(tmp_path: Path) -> None:
    pairing_codes.add(tmp_path, CODE, OFFER)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert pairing_codes.take(tmp_path, OTHER, OFFER.made) is None
    assert pairing_codes.take(tmp_path, CODE, OFFER.made + 1) == OFFER
    assert pairing_codes.take(tmp_path, CODE, OFFER.made + 1) is None
    assert list(tmp_path.iterdir()) == []


def test_expired_code_is_used_up_by_its_first_use(tmp_path: Path) -> None:
    pairing_codes.add(tmp_path, CODE, OFFER)
    assert pairing_codes.take(tmp_path, CODE, OFFER.made + VALID_SECONDS + 1) is None
    assert pairing_codes.take(tmp_path, CODE, OFFER.made) is None


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}"])
def test_broken_file_is_no_code(tmp_path: Path, content: bytes) -> None:
    (tmp_path / file_name(CODE)).write_bytes(content)
    assert pairing_codes.take(tmp_path, CODE, OFFER.made) is None


def test_new_code_removes_those_that_have_expired(tmp_path: Path) -> None:
    pairing_codes.add(tmp_path, CODE, OFFER)
    (tmp_path / "pair-broken.json").write_text("{")
    later = OFFER._replace(made=OFFER.made + 2)
    pairing_codes.add(tmp_path, OTHER, later)
    assert {file.name for file in tmp_path.iterdir()} == {file_name(CODE), file_name(OTHER)}
    pairing_codes.add(tmp_path, OTHER, later._replace(made=later.made + VALID_SECONDS))
    assert [file.name for file in tmp_path.iterdir()] == [file_name(OTHER)]
