"""The section `fleet:`: its defaults are the contract, and each key needs a restart."""

from __future__ import annotations

from dataclasses import fields

import pytest

from signaling_server.core.config.fleet_settings import FleetSettings
from signaling_server.core.config.fleet_types import RedisUrl, Sentinel
from signaling_server.core.config.load import load
from signaling_server.core.config.schema import Config
from signaling_server.errors import ConfigError

ALL = """\
fleet:
  url: rediss://hawkeye@redis.example:6380/1
  password_file: /etc/password
  ca_file: /etc/ca.pem
  sentinel: {master: hawkeye, addresses: [10.0.0.5, "[::1]:7"]}
  name: a
  prefix: test
  secret_file: /etc/secret
  lease: 5.5
  patience: 2
  link_bytes: 1000000
  advertise: https://a.example/hawkeye
  ready_needs_engine: yes
"""


def test_defaults_are_those_of_the_contract() -> None:
    assert Config().fleet == FleetSettings(
        url=None,
        password_file=None,
        ca_file=None,
        sentinel=Sentinel(None, ()),
        name=None,
        prefix="hs",
        secret_file=None,
        lease=4,
        patience=3,
        link_bytes=4194304,
        advertise=None,
        ready_needs_engine=False,
    )


def test_every_key_is_read() -> None:
    assert load([("a.yaml", ALL)], {}).config.fleet == FleetSettings(
        RedisUrl("rediss", "redis.example", 6380, user="hawkeye", database=1),
        "/etc/password",
        "/etc/ca.pem",
        Sentinel("hawkeye", (("10.0.0.5", 26379), ("::1", 7))),
        "a",
        "test",
        "/etc/secret",
        5.5,
        2,
        1000000,
        "https://a.example/hawkeye",
        True,
    )


def test_every_key_needs_a_restart() -> None:
    assert {each.metadata["restart"] for each in fields(FleetSettings)} == {True}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("link_bytes: 0", "fleet.link_bytes is 0, but must be a whole number from 1 to 2147483647"),
        ("lease: 1", "fleet.lease is 1, but must be a number from 2 to 60"),
        ("patience: 0", "fleet.patience is 0, but must be a number from 0.5 to 600"),
        (
            "prefix: 'h{s}'",
            'fleet.prefix is "h{s}", but must be 1 to 32 characters of a-z A-Z 0-9 _ -',
        ),
        (
            "{url: redis://a, link_bytes: 1000}",
            "fleet.link_bytes is 1000, but must be at least limits.message_bytes, which is 262144",
        ),
    ],
)
def test_impossible_values_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=r"a\.yaml") as error:
        load([("a.yaml", f"fleet:\n  {text}\n")], {})
    assert [each.text for each in error.value.complaints] == [complaint]


def test_bytes_of_links_are_not_looked_at_without_a_fleet() -> None:
    assert load([("a.yaml", "fleet: {link_bytes: 1000}")], {}).config.fleet.link_bytes == 1000
