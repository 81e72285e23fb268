"""ICE servers in the configuration."""

from __future__ import annotations

import pytest

from signaling_server.core.config import yaml_tree
from signaling_server.core.config.field_types import Complaints
from signaling_server.core.config.ice_servers import ICE_SERVERS, TURN_URLS, IceServer


def servers(yaml: str) -> object:
    """What is read, or the complaints."""
    complaints = Complaints()
    node = yaml_tree.read("f.yaml", yaml)
    assert node is not None
    value = ICE_SERVERS.read(node, "ice_servers", complaints)
    return [complaint.text for complaint in complaints.all] or value


def test_urls_are_one_or_a_list() -> None:
    assert servers("[{urls: stun:a}, {urls: [stuns:b:5349, stun:c]}]") == (
        IceServer(("stun:a",)),
        IceServer(("stuns:b:5349", "stun:c")),
    )


def test_turn_server_with_its_credential() -> None:
    assert servers("[{urls: turn:a, username: drone, credential: secret}]") == (
        IceServer(("turn:a",), "drone", "secret"),
    )


@pytest.mark.parametrize(
    "url",
    [
        "stun:a",
        "stun:10.0.0.1:3478",
        "stuns:[::1]:5349",
        "stun:[::1]",
        "stun:a-b.example",
    ],
)
def test_stun_urls(url: str) -> None:
    assert servers(f'[{{urls: "{url}"}}]') == (IceServer((url,)),)


@pytest.mark.parametrize(
    "url",
    ["http://a", "stun://a", "stun:", "a:3478", "stun:a?transport=udp", "turn:a?x", "stun:a:b"],
)
def test_anything_else_is_refused_as_a_url(url: str) -> None:
    told = "a URL such as stun:10.0.0.1:3478 or turn:10.0.0.1:3478"
    assert servers(f'[{{urls: "{url}"}}]') == [
        f'ice_servers[0].urls is "{url}", but must be {told}'
    ]


@pytest.mark.parametrize(
    ("yaml", "told"),
    [
        (
            "stun:a",
            "ice_servers is stun:a, "
            "but must be a list of mappings of urls, username and credential",
        ),
        (
            "[stun:a]",
            "ice_servers[0] is stun:a, but must be a mapping of urls, username, credential",
        ),
        ("[{}]", "ice_servers[0] has no urls"),
        ("[~]", "ice_servers[0] has no urls"),
        ("[{username: a}]", "ice_servers[0] has no urls"),
        ("[{url: stun:a}]", "unknown key url; did you mean urls?"),
        (
            "[{urls: []}]",
            "ice_servers[0].urls is an empty list, but must be a URL or a list of URLs",
        ),
        (
            "[{urls: [turn:a], username: a}]",
            "ice_servers[0] is a TURN server: it needs username and credential",
        ),
        (
            "[{urls: stun:a}, {urls: turns:a, credential: a}]",
            "ice_servers[1] is a TURN server: it needs username and credential",
        ),
        (
            "[{urls: turn:a, username: a, credential: 1234}]",
            "ice_servers[0].credential is not shown here, but must be text; "
            "YAML reads it as a number: put it in quotes",
        ),
    ],
)
def test_anything_else_is_refused_as_an_ice_server(yaml: str, told: str) -> None:
    assert servers(yaml) == [told]


def test_payload_is_an_rtc_ice_server() -> None:
    assert IceServer(("stun:a",)).payload() == {"urls": ["stun:a"]}
    login = {"username": "drone", "credential": "secret"}
    assert IceServer(("turn:a",), **login).payload() == {"urls": ["turn:a"], **login}


def test_credential_is_not_in_the_repr() -> None:
    assert "secret" not in repr(IceServer(("turn:a",), "drone", "secret"))


@pytest.mark.parametrize(
    "url", ["turn:a", "turns:a:443?transport=tcp", "turn:[::1]:1?transport=udp"]
)
def test_turn_urls(url: str) -> None:
    complaints = Complaints()
    node = yaml_tree.read("f.yaml", f'["{url}"]')
    assert node is not None
    assert TURN_URLS.read(node, "turn.urls", complaints) == (url,)
    assert not complaints.all


def test_stun_url_is_refused_as_a_turn_url() -> None:
    complaints = Complaints()
    node = yaml_tree.read("f.yaml", "[stun:a]")
    assert node is not None
    TURN_URLS.read(node, "turn.urls", complaints)
    assert complaints.keys == {"turn.urls"}
