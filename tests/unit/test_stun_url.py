from __future__ import annotations

import pytest

from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.ice.stun_url import target, targets


@pytest.mark.parametrize(
    ("url", "host", "port", "transport"),
    [
        ("stun:a", "a", 3478, "udp"),
        ("stun:10.0.0.1:1234", "10.0.0.1", 1234, "udp"),
        ("stuns:a", "a", 5349, "tls"),
        ("stun:[::1]", "::1", 3478, "udp"),
        ("turn:[fe80::1]:99?transport=tcp", "fe80::1", 99, "tcp"),
        ("turn:a?transport=udp", "a", 3478, "udp"),
        ("turn:a", "a", 3478, "udp"),
        ("turns:a", "a", 5349, "tls"),
        ("turns:a:443?transport=tcp", "a", 443, "tls"),
        ("turns:a?transport=udp", "a", 5349, "dtls"),
    ],
)
def test_url_says_whom_to_ask_and_how(url: str, host: str, port: int, transport: str) -> None:
    found = target(url, "u", "p")
    assert (found.url, found.host, found.port, found.transport) == (url, host, port, transport)
    assert found.turn is url.startswith("turn")
    assert (found.username, found.password) == (("u", "p") if found.turn else ("", ""))


def test_first_of_equal_urls_counts() -> None:
    servers = [
        IceServer(("stun:a", "stun:b")),
        IceServer(("turn:c",), "u", "p"),
        IceServer(("turn:c",), "v", "q"),
    ]
    found = targets(servers)
    assert list(found) == ["stun:a", "stun:b", "turn:c"]
    assert (found["turn:c"].username, found["turn:c"].password) == ("u", "p")


def test_password_is_not_in_the_repr() -> None:
    assert "secret" not in repr(target("turn:a", "u", "secret"))
