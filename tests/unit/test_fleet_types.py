"""Where Redis is: URLs, sentinels, what contradicts, what is warned of."""

from __future__ import annotations

from typing import Any

import pytest

from signaling_server.core.config.fleet_types import (
    ADVERTISE,
    HOST_NAME,
    PREFIX,
    RedisUrl,
    Sentinel,
    contradictions,
    parse_address,
    parse_url,
    remarks,
)
from signaling_server.core.config.load import load
from signaling_server.core.config.write import render
from signaling_server.errors import ConfigError


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load([("a.yaml", text)], {})
    return [each.text for each in error.value.complaints]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("redis://10.0.0.5", RedisUrl("redis", "10.0.0.5", 6379)),
        ("redis://redis.example:7/", RedisUrl("redis", "redis.example", 7)),
        ("rediss://[fd00::5]:7/3", RedisUrl("rediss", "fd00::5", 7, database=3)),
        ("redis://:p%40ss@a", RedisUrl("redis", "a", password="p@ss")),
        ("redis://hawk%3Aeye:s3cret@a", RedisUrl("redis", "a", user="hawk:eye", password="s3cret")),
        ("redis://hawkeye@a", RedisUrl("redis", "a", user="hawkeye")),
        ("redis://", RedisUrl("redis")),
        ("rediss://hawkeye@/2", RedisUrl("rediss", user="hawkeye", database=2)),
        ("unix:///run/redis.sock", RedisUrl("unix", path="/run/redis.sock")),
        (
            "unix://u:p@/run/a%20b?db=4",
            RedisUrl("unix", path="/run/a b", user="u", password="p", database=4),
        ),
    ],
)
def test_url_is_taken_apart(text: str, url: RedisUrl) -> None:
    assert parse_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "10.0.0.5", "http://a", "redis:a", "redis://a:0", "redis://a:65536", "redis://a b"),
        *(
            "redis://a/x",
            "redis://a/12345",
            "redis://a?db=1",
            "unix://run",
            "redis://a,b",
            "unix:///",
        ),
        *("redis://[1.2", "redis://a@b@c", "unix:///a#b"),
    ],
)
def test_other_texts_are_no_url(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 # the type makes the sentence
        parse_url(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://a", "redis://a:6379"),
        ("redis://u:s3cret@[::1]:7/2", "redis://u:***@[::1]:7/2"),
        ("redis://:s3cret@a", "redis://:***@a:6379"),
        ("redis://u@a", "redis://u@a:6379"),
        ("rediss://", "rediss://"),
        ("unix://u:s3cret@/run/r?db=2", "unix://u:***@/run/r?db=2"),
        ("unix:///run/r", "unix:///run/r"),
    ],
)
def test_password_of_a_url_is_never_shown(text: str, shown: str) -> None:
    assert str(parse_url(text)) == shown
    assert "s3cret" not in repr(parse_url(text))
    printed = render(load([("a.yaml", f'fleet: {{url: "{text}", sentinel: {_named(text)}}}')], {}))
    assert f'url: "{shown}"' in printed
    assert "s3cret" not in printed


def _named(text: str) -> str:
    return "{master: m, addresses: [a]}" if text == "rediss://" else "{}"


def test_complaint_does_not_repeat_a_url_because_it_may_hold_a_password() -> None:
    (complaint,) = complaints("fleet: {url: 'redis://u:s3cret@a b'}")
    assert complaint.startswith("fleet.url is not shown here, but must be a URL such as redis://")
    assert "s3cret" not in complaint


@pytest.mark.parametrize(
    ("text", "address"),
    [("10.0.0.5", ("10.0.0.5", 26379)), ("a:7", ("a", 7)), ("[::1]:7", ("::1", 7))],
)
def test_address_of_a_sentinel(text: str, address: Any) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "a:", "::1", "a:99999", "redis://a"])
def test_other_texts_are_no_address(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 # the type makes the sentence
        parse_address(text)


def test_sentinel_is_printed_as_it_is_read() -> None:
    text = '{master: hawkeye, addresses: ["10.0.0.5:26379", "[::1]:7"]}'
    loaded = load([("a.yaml", f"fleet: {{url: 'redis://', sentinel: {text}}}")], {})
    assert f"sentinel: {text}" in render(loaded)
    assert load([("b.yaml", render(loaded))], {}).config == loaded.config


@pytest.mark.parametrize("text", ["sentinel:", "sentinel: {}", "sentinel: {master: null}"])
def test_empty_sentinel_is_none(text: str) -> None:
    assert load([("a.yaml", f"fleet:\n  {text}\n")], {}).config.fleet.sentinel == Sentinel()


def test_mistakes_in_a_sentinel_are_named() -> None:
    assert complaints("fleet: {sentinel: {masters: a, addresses: ['a:b']}}") == [
        "unknown key masters; did you mean master?",
        'fleet.sentinel.addresses[0] is "a:b", but must be an address such as 10.0.0.5:26379',
    ]


URL = RedisUrl("redis", "10.0.0.5")
ANYWHERE = RedisUrl("redis")
BOTH = Sentinel("m", (("10.0.0.6", 26379),))


@pytest.mark.parametrize(
    ("url", "password_file", "sentinel", "keys"),
    [
        (None, None, Sentinel(), []),
        (URL, "/etc/password", Sentinel(), []),
        (ANYWHERE, None, BOTH, []),
        (URL, None, Sentinel("m"), ["sentinel"]),
        (URL, None, Sentinel(None, (("a", 1),)), ["sentinel"]),
        (None, None, BOTH, ["sentinel"]),
        (RedisUrl("unix", path="/a"), None, BOTH, ["sentinel"]),
        (ANYWHERE, None, Sentinel(), ["url"]),
        (RedisUrl("redis", "a", password="p"), "/etc/password", Sentinel(), ["password_file"]),
    ],
)
def test_values_that_contradict_each_other(
    url: RedisUrl | None, password_file: str | None, sentinel: Sentinel, keys: list[str]
) -> None:
    assert [key for key, _ in contradictions(url, password_file, sentinel)] == keys


def test_contradictions_are_complaints_of_the_file() -> None:
    assert complaints("fleet: {url: 'redis://'}") == [
        "fleet.url names no host, and there is no fleet.sentinel to ask for one"
    ]
    wrong_already = "fleet: {url: 'redis://', lease: 0}"
    assert len(complaints(wrong_already)) == 1


@pytest.mark.parametrize(
    ("url", "sentinel", "secret_file", "warned"),
    [
        (None, Sentinel(), None, False),
        (URL, Sentinel(), None, True),
        (URL, Sentinel(), "/etc/secret", False),
        (RedisUrl("redis", "127.0.0.9"), Sentinel(), None, False),
        (RedisUrl("redis", "::1"), Sentinel(), None, False),
        (RedisUrl("redis", "LocalHost"), Sentinel(), None, False),
        (RedisUrl("redis", "redis.example"), Sentinel(), None, True),
        (RedisUrl("unix", path="/a"), Sentinel(), None, False),
        (ANYWHERE, BOTH, None, True),
        (ANYWHERE, Sentinel("m", (("127.0.0.1", 1),)), None, False),
        (ANYWHERE, Sentinel("m", (("127.0.0.1", 1), ("10.0.0.1", 1))), None, True),
    ],
)
def test_fleet_without_a_secret_is_warned_of_unless_redis_is_on_this_machine(
    url: RedisUrl | None, sentinel: Sentinel, secret_file: str | None, warned: bool
) -> None:
    assert bool(remarks(url, sentinel, secret_file)) is warned


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("name: gcs-1.example:8080", True),
        ("name: 'a b'", False),
        ("prefix: hs-2", True),
        ("prefix: 'a:b'", False),
        ("advertise: 'http://[::1]:8080/x'", True),
        ("advertise: 'ftp://a'", False),
    ],
)
def test_names_prefixes_and_urls_for_people(text: str, fine: bool) -> None:
    assert all((ADVERTISE, HOST_NAME, PREFIX))
    if fine:
        load([("a.yaml", f"fleet: {{{text}}}")], {})
    else:
        assert len(complaints(f"fleet: {{{text}}}")) == 1
