"""Which records of Redis count."""

from __future__ import annotations

from signaling_server.core.fleet.host_record import HostRecord
from signaling_server.core.fleet.mac import signer
from signaling_server.core.fleet.register import Register

A, B = HostRecord("a"), HostRecord("b")


def test_records_of_the_same_secret_count() -> None:
    one, other = Register(signer(b"x")), Register(signer(b"x"))
    assert other.read({"1": one.text("1", A), "2": one.text("2", B)}) == {"1": A, "2": B}
    assert other.foreign == ()
    assert other.warnings == []
    assert other.signed


def test_other_records_are_left_out_and_named_until_they_are_gone() -> None:
    one, other = Register(signer(b"x")), Register(signer(b""))
    assert not other.signed
    texts = {"1": one.text("1", A), "2": other.text("2", B)}
    assert other.read(texts) == {"2": B}
    assert other.warnings == [
        "Redis has records with another fleet.secret_file than here: 1: ignored"
    ]
    del texts["1"]
    other.read(texts)
    assert other.warnings == []
