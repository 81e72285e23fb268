"""Reading the configuration: what wins, what is refused, and what a reload applies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.load import (
    Loaded,
    applied_by_reload,
    changes_needing_restart,
    load,
)
from signaling_server.core.config.schema import (
    KEYS,
    Config,
    ListenSettings,
    RoomsSettings,
    TLSSettings,
)
from signaling_server.errors import ConfigError


def loaded(*texts: str, **overrides: tuple[object, str]) -> Loaded:
    """Of files named a.yaml, b.yaml, ..., and of overrides such as listen_port=(1, "--port")."""
    sources = [(f"{name}.yaml", text) for name, text in zip("abc", texts)]
    return load(sources, {key.replace("_", ".", 1): value for key, value in overrides.items()})


def complaints(*texts: str, **overrides: tuple[object, str]) -> list[str]:
    with pytest.raises(ConfigError) as error:
        loaded(*texts, **overrides)
    return [str(complaint) for complaint in error.value.complaints]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "listen:\nice_servers:\nversion:\n"])
def test_empty_file_gives_the_defaults(text: str) -> None:
    assert loaded(text) == Loaded(Config(), dict.fromkeys(KEYS, "default"), files=("a.yaml",))


def test_later_files_win_key_by_key_and_options_win_over_files() -> None:
    config, origins, *_ = loaded(
        "listen: {port: 1, backlog: 1, host: a}",
        "listen:\n  port: 2\n  backlog: 2\nrooms:\n",
        listen_port=(3, "--port"),
    )
    assert config.listen == ListenSettings("a", 3, 2)
    assert config.rooms == RoomsSettings()
    assert origins["listen.host"] == "a.yaml:1"
    assert origins["listen.backlog"] == "b.yaml:3"
    assert origins["listen.port"] == "--port"
    assert origins["rooms.default"] == "default"
    assert set(origins) == set(KEYS)


def test_written_nulls_are_told_from_empty_values() -> None:
    turn = "{urls: [], secret_file: ~}"
    both = "{certificate: Null, private_key: }"
    found = loaded("auth: {tokens_file: null}", f"tls: {both}\nturn: {turn}")
    assert found.nulls == {"auth.tokens_file", "tls.certificate"}
    assert found.files == ("a.yaml", "b.yaml")
    assert loaded("auth: {tokens_file: null}", "auth: {tokens_file: /t}").nulls == frozenset()
    assert loaded('auth: {tokens_file: "null"}').nulls == frozenset()


def test_lists_replace_lists() -> None:
    urls = "turn: {{urls: [{}], secret_file: /s}}"
    config = loaded(urls.format("turn:a, turn:b"), urls.format("turn:c")).config
    assert config.turn.urls == ("turn:c",)
    servers = "ice_servers: [{urls: stun:a}]"
    assert loaded(servers, "ice_servers: []").config.ice_servers == ()
    assert loaded(servers, "ice_servers:").config.ice_servers == (IceServer(("stun:a",)),)


def test_option_is_a_value_and_not_yaml() -> None:
    config = loaded(
        "",
        listen_host=("localhost", "--host"),
        rooms_default=("42", "--room"),
        hold_enabled=(False, ""),
    ).config
    assert (config.listen.host, config.rooms.default, config.hold.enabled) == (
        "localhost",
        "42",
        False,
    )


def test_complaint_names_a_bad_option() -> None:
    assert complaints("", listen_port=(99999, "--port")) == [
        "--port: listen.port is 99999, but must be a whole number from 0 to 65535"
    ]


def test_complaints_about_all_files_come_at_once() -> None:
    assert complaints(
        "listen:\n  port: 70000\n  prot: 1\nlimts: {}\n",
        "a: [",
        "hold: {enabled: 1}\ntls: {certificate: /c}\nport: 3\n",
        logging_level=("loud", "--log-level"),
    ) == [
        "a.yaml:2:9: listen.port is 70000, but must be a whole number from 0 to 65535",
        "a.yaml:3:3: unknown key prot; did you mean port?",
        "a.yaml:4:1: unknown key limts; did you mean limits?",
        "b.yaml:1:5: not YAML while parsing a flow node: "
        "expected the node content, but found '<stream end>'",
        "c.yaml:1:17: hold.enabled is 1, but must be true or false",
        "c.yaml:3:1: unknown key port; did you mean listen.port?",
        '--log-level: logging.level is "loud", but must be debug, info, warning or error',
        "c.yaml:2:20: tls.certificate and tls.private_key belong together: set both or neither",
    ]


def test_section_is_a_mapping_and_occurs_once() -> None:
    assert complaints("listen: 8080\nhold: {}\nhold: {}\n") == [
        "a.yaml:1:9: listen is 8080, but must be a mapping of host, port, backlog, names,"
        " trusted_proxies",
        "a.yaml:3:1: duplicate key hold: already set in line 2",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tls: {certificate: /c}", "tls: {private_key: /k}"),
        ("turn: {urls: [turn:a]}", "turn: {secret_file: /s}"),
    ],
)
def test_keys_that_belong_together_must_both_be_set(one: str, other: str) -> None:
    assert loaded(one, other)
    for text in (one, other):
        assert len(complaints(text)) == 1
        assert "belong together: set both or neither" in complaints(text)[0]


def test_value_refused_already_gets_no_second_complaint() -> None:
    assert len(complaints("tls: {certificate: 5, private_key: /k}")) == 1
    assert len(complaints("turn: {urls: [stun:a], secret_file: /s}")) == 1
    assert len(complaints("limits: {message_bytes: -1, send_queue_bytes: 1}")) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "message_bytes: 2000000",
            "25: limits.send_queue_bytes is 1048576, but must be at least limits.message_bytes, "
            "which is 2000000",
        ),
        (
            "memory_bytes: 5",
            "24: limits.memory_bytes is 5, but must be at least limits.message_bytes, "
            "which is 262144",
        ),
    ],
)
def test_queue_must_hold_the_largest_message(text: str, complaint: str) -> None:
    assert complaints(f"limits: {{{text}}}") == [f"a.yaml:1:{complaint}"]
    assert loaded("limits: {message_bytes: 1048576}")


TLS = {"certificate": "/c", "private_key": "/k"}


@pytest.mark.parametrize(
    ("section", "changed", "keys"),
    [
        ("listen", {"port": 1, "host": "::"}, ("listen.host", "listen.port")),
        ("socketio", {"path": "/s"}, ("socketio.path",)),
        ("socketio", {"fast_path": False}, ("socketio.fast_path",)),
        ("tls", TLS, ("tls.certificate", "tls.private_key")),
        ("rooms", {"max_peers": 2}, ()),
        ("logging", {"level": "debug"}, ()),
        ("listen", {}, ()),
    ],
)
def test_reload_keeps_the_old_value_of_a_key_that_needs_a_restart(
    section: str, changed: dict[str, Any], keys: tuple[str, ...]
) -> None:
    old = Config()
    new = replace(old, **{section: replace(getattr(old, section), **changed)})
    assert changes_needing_restart(old, new) == keys
    assert changes_needing_restart(new, old) == keys
    assert applied_by_reload(old, new) == (old if keys else new)
    assert applied_by_reload(new, old) == (new if keys else old)


def test_reload_takes_the_rest_of_a_section() -> None:
    old = Config()
    both = replace(old, listen=ListenSettings(port=1), rooms=RoomsSettings(default="drone-1"))
    assert applied_by_reload(old, both) == replace(both, listen=old.listen)


def test_reload_renews_a_certificate() -> None:
    old = replace(Config(), tls=TLSSettings(**TLS))
    new = replace(Config(), tls=TLSSettings("/renewed", "/key"))
    assert changes_needing_restart(old, new) == ()
    assert applied_by_reload(old, new) == new


def test_values_of_a_fleet_that_contradict_each_other_are_refused_where_they_stand() -> None:
    assert complaints("fleet:\n  url: redis://\n") == [
        "a.yaml:2:8: fleet.url names no host, and there is no fleet.sentinel to ask for one"
    ]
    assert len(complaints("fleet: {url: 'redis://', lease: 0}")) == 1  # the lease
