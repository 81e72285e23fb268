"""No text and no structure gets anything but a configuration or complaints out of it."""

from __future__ import annotations

import json
from dataclasses import replace

import yaml
from hypothesis import given
from hypothesis import strategies as st

from signaling_server.core.config.load import Loaded, load
from signaling_server.core.config.schema import KEYS, SECTIONS, TOP, Config
from signaling_server.core.config.write import render
from signaling_server.errors import ConfigError

NAMES = sorted({name.rpartition(".")[2] for name in KEYS} | set(TOP) | {"urls", "credential"})
TRAPS = (
    "010 0x1f 12:30:45 yes off no ~ null .inf .nan 1e999 2.5 -1 '7' \"*\" stun:a turn:a /a [] {}"
)

words = st.sampled_from([*NAMES, *TRAPS.split(), "everyone", "websocket", "8080", "60"])
marks = [
    *"[]{}?!#>|*\t'\"\n\0\x85\u2028\ufeff\ud800\U0001f681",
    "\n  ",
    "\n- ",
    ": ",
    ", ",
    " #",
    "<<: ",
]
phrases = ["&a ", "*a", "!!str ", "\\U", "\\x", "---\n", "...\n", "%YAML 1.1\n", "|\n", "9" * 5000]
pieces = st.sampled_from([*marks, *phrases])
yamlish = st.lists(words | pieces | st.text(max_size=3), max_size=40).map("".join)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | words
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
sections = {
    name: st.dictionaries(st.sampled_from(sorted(members)), values, max_size=4)
    for name, members in SECTIONS.items()
}
structures = st.fixed_dictionaries(
    {}, optional={**{name: values | sections.get(name, values) for name in TOP}, "typo": values}
)


def outcome(text: str) -> Loaded | None:
    """What the text gives; None, after a look at the complaints, if it is refused."""
    try:
        return load([("f.yaml", text)], {})
    except ConfigError as error:
        refused = error.complaints
    lines = 1 + sum(text.count(end) for end in "\n\r\x85\u2028\u2029")
    assert refused
    for complaint in refused:
        assert complaint.file == "f.yaml"
        assert 1 <= complaint.line <= lines
        assert complaint.column >= 1
        assert complaint.text.isprintable()
    return None


@given(st.text() | yamlish)
def test_any_text(text: str) -> None:
    outcome(text)


@given(structures | values)
def test_any_structure(structure: object) -> None:
    outcome(yaml.safe_dump(structure, allow_unicode=True))


texts = st.text(min_size=1, max_size=20).filter(str.isprintable)
stun, turn = st.sampled_from(["stun:a", "stuns:[::1]:1"]), st.sampled_from(["turn:b", "turns:c:1"])
by_type = {bool: st.booleans(), int: st.integers(4, 500), float: st.floats(0.1, 60)}
by_key = {
    "version": st.just(1),
    "listen.host": st.sampled_from(["::", "0.0.0.0", "no", "10", "fe80::1%eth0"]),
    "socketio.path": st.from_regex(r"(/[A-Za-z0-9._~-]+)+", fullmatch=True),
    "listen.names": st.lists(st.sampled_from(["drone", "*.drone.example"])),
    "listen.trusted_proxies": st.lists(st.sampled_from(["10.0.0.0/24", "::1"])),
    "socketio.cors_allowed_origins": st.sampled_from(["auto", "*"])
    | st.lists(st.sampled_from(["http://a", "x://b:1", "null"]), min_size=1),
    "socketio.transports": st.lists(st.sampled_from(["websocket", "polling"]), min_size=1),
    "rooms.default": st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True),
    "rooms.announce": st.sampled_from(["everyone", "newcomers"]),
    "limits.message_bytes": st.integers(1, 4),
    "auth.tokens_file": st.none() | texts,
    "logging.level": st.sampled_from(["debug", "info", "warning", "error"]),
    "logging.format": st.sampled_from(["auto", "journal", "plain"]),
    "ice_servers": st.lists(
        st.fixed_dictionaries({"urls": stun | st.lists(stun, min_size=1)})
        | st.fixed_dictionaries(
            {
                "urls": turn | st.lists(stun | turn, min_size=1),
                "username": texts,
                "credential": texts,
            }
        ),
        max_size=3,
    ),
}
by_key["names"] = st.lists(
    st.fixed_dictionaries(
        {"name": st.just("node"), "address": st.sampled_from([f"10.0.0.{n}" for n in range(9)])},
        optional={"room": by_key["rooms.default"], "role": texts, "user_agent": st.just("a*[b]")},
    ),
    max_size=3,
    unique_by=lambda rule: rule["address"],
)
hosts = {
    "password_file": st.none() | texts,
    "ca_file": st.none() | texts,
    "name": st.none() | st.sampled_from(["a", "host-1:8080"]),
    "prefix": st.sampled_from(["hs", "a_b-1"]),
    "secret_file": st.none() | texts,
    "lease": st.floats(2, 60),
    "patience": st.floats(0.5, 600),
    "link_bytes": st.integers(2**18, 2**30),  # at least limits.message_bytes
    "advertise": st.none() | st.sampled_from(["http://10.0.0.5:8080", "https://a.example/x"]),
    "ready_needs_engine": by_type[bool],
}
urls = ["redis://10.0.0.5", "rediss://user@[::1]:1/2", "unix:///run/redis/redis.sock", None]
sentinel = {
    "master": st.sampled_from(["hawkeye", "m-1"]),
    "addresses": st.lists(st.sampled_from(["a", "[::1]:2"]), min_size=1),
}
by_key["fleet"] = (
    st.none()
    | st.fixed_dictionaries({}, optional={"url": st.sampled_from(urls), **hosts})
    | st.fixed_dictionaries(
        {"url": st.just("redis://"), "sentinel": st.fixed_dictionaries(sentinel)}, optional=hosts
    )
)
together = {
    "tls": {"certificate": texts, "private_key": texts},
    "turn": {"urls": st.lists(turn, min_size=1), "secret_file": texts, "ttl": by_type[int]},
}


def good(name: str) -> st.SearchStrategy[object]:
    """What may stand at a key of the top level."""
    if name in by_key:
        return by_key[name]
    if name in together:
        return st.none() | st.fixed_dictionaries(together[name])
    members = {
        member: by_key.get(f"{name}.{member}", by_type.get(type(field.default)))
        for member, field in SECTIONS[name].items()
    }
    # the defaults would contradict what these set
    needed = {name: members.pop(name) for name in ["message_bytes"] if name in members}
    return st.none() | st.fixed_dictionaries(needed, optional=members)


def masked(config: Config) -> Config:
    servers = config.ice_servers
    return replace(
        config,
        ice_servers=tuple(
            replace(server, credential=server.credential and "***") for server in servers
        ),
    )


@given(st.fixed_dictionaries({}, optional={name: good(name) for name in TOP}))
def test_rendered_configuration_loads_back(structure: dict[str, object]) -> None:
    first = load([("f.yaml", json.dumps(structure, ensure_ascii=False))], {})
    second = load([("g.yaml", render(first))], {})
    assert second.config == masked(first.config)
    assert set(second.origins) == set(first.origins) == set(KEYS)
