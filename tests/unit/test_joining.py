from __future__ import annotations

import json
from typing import Any

import pytest

from signaling_server.core.fleet.batch import BadRecord, encode_record, parse_records
from signaling_server.core.fleet.joining import (
    fingerprint,
    is_voucher,
    join_record,
    joined_of,
    voucher,
)
from signaling_server.core.fleet.records import Join
from signaling_server.core.protocol.auth import Grant
from signaling_server.core.protocol.events import Joined
from signaling_server.core.protocol.hello import Hello, session_hash

GRANT = Grant("drone1", "ab" * 32, "node", rooms=("drone-1",), expires=2e9)
HELLO = Hello("drone-1", "node", "sender", session_hash("key"), 7, "names[0]")
JOINED = Joined(
    "sid",
    HELLO,
    "192.0.2.1",
    "websocket",
    ice_servers=[{"urls": "turn:t.example", "credential": "x"}],
    grant=GRANT,
    token_expires=60,
    server_time=1.5,
)
PLAIN = Joined("sid", Hello("drone-1"), "192.0.2.1", "polling")


def travelled(joined: Joined) -> Joined:
    (record,) = parse_records(encode_record(join_record(joined)))
    return joined_of(record)


def test_the_owner_learns_all_but_the_grant_itself() -> None:
    assert travelled(JOINED) == JOINED._replace(grant=voucher(GRANT))
    assert travelled(PLAIN) == PLAIN._replace(ice_servers=[])


def test_no_secret_of_a_token_or_a_session_crosses() -> None:
    text = encode_record(join_record(JOINED))
    assert GRANT.sha256 not in text
    assert "key" not in json.loads(text.split("\x1f")[2]).values()


def test_a_voucher_is_that_of_one_grant_as_it_stands_in_the_file() -> None:
    assert voucher(GRANT) == voucher(Grant(*GRANT))
    changed = [GRANT._replace(rooms=()), GRANT._replace(sha256="cd" * 32), GRANT._replace(id="x")]
    assert len({fingerprint(grant) for grant in [GRANT, *changed]}) == 4
    assert voucher(GRANT).expires == GRANT.expires
    assert is_voucher(voucher(GRANT))
    assert not is_voucher(GRANT)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("room", None),
        ("room", "a b"),
        ("name", 7),
        ("role", "x" * 65),
        ("role", "a\n"),
        ("session", "key"),
        ("seen", -1),
        ("seen", True),
        ("by_rule", 7),
        ("address", "x" * 257),
        ("transport", "carrier pigeon"),
        ("ice_servers", {}),
        ("ice_servers", ["turn:t.example"]),
        ("grant", {}),
        ("grant", ["drone1", "ab" * 32]),
        ("grant", ["drone1", "secret", None]),
        ("token_expires", 1.5),
        ("server_time", "now"),
        ("more", 1),
    ],
)
def test_a_join_that_is_not_as_agreed_is_a_violation(key: str, value: Any) -> None:
    about = {**join_record(JOINED).about, key: value}
    with pytest.raises(BadRecord):
        joined_of(Join("sid", about))


def test_a_join_names_every_field() -> None:
    about = join_record(JOINED).about
    del about["seen"]
    with pytest.raises(BadRecord):
        joined_of(Join("sid", about))
