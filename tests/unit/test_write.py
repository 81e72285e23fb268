"""The configuration as YAML: print-config, and etc/example.yaml."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from signaling_server.core.config.load import Loaded, load
from signaling_server.core.config.schema import (
    KEYS,
    Config,
)
from signaling_server.core.config.write import example, render

ETC = Path(__file__).parents[2] / "etc"


def loaded(*texts: str, **overrides: tuple[object, str]) -> Loaded:
    """Of files named a.yaml, b.yaml, ..., and of overrides such as listen_port=(1, "--port")."""
    sources = [(f"{name}.yaml", text) for name, text in zip("abc", texts)]
    return load(sources, {key.replace("_", ".", 1): value for key, value in overrides.items()})


def test_rendered_configuration_gives_origins_and_what_needs_a_restart() -> None:
    text = render(loaded("listen:\n  port: 8081\n", listen_host=("::", "--host")))
    assert text.splitlines()[1:9] == [
        "version: 1                            # default",
        "listen:",
        '  host: "::"                          # --host (restart)',
        "  port: 8081                          # a.yaml:2 (restart)",
        "  backlog: 4096                       # default (restart)",
        "  names: []                           # default",
        "  trusted_proxies: []                 # default",
        "socketio:",
    ]


def test_rendered_configuration_loads_back() -> None:
    text = """
listen: {host: "::"}
socketio: {cors_allowed_origins: [http://a, https://b:1]}
rooms: {default: "no"}
hold: {max_age: 0.1}
ice_servers: [{urls: [stun:a, "stun:[::1]"]}, {urls: "turn:a", username: "null", credential: x}]
names: [{name: node, address: 10.0.0.2}, {name: gcom, user_agent: "*Mozilla*", role: "no"}]
auth: {tokens_file: "/a # b\\U0001f681: 'c' \\"d\\""}
"""
    config = loaded(text).config
    again = loaded(render(loaded(text))).config
    masked = replace(config.ice_servers[1], credential="***")
    assert again == replace(config, ice_servers=(config.ice_servers[0], masked))


def test_rendered_configuration_shows_no_secret() -> None:
    server = "ice_servers: [{urls: turn:a, username: drone, credential: hunter2}]"
    assert "hunter2" not in render(loaded(server))
    assert '{urls: ["turn:a"], username: drone, credential: "***"}]  # a.yaml:1' in render(
        loaded(server)
    )


def test_rendered_configuration_shows_no_password_of_a_url() -> None:
    text = render(loaded("fleet: {url: 'redis://hawkeye:hunter2@a', sentinel: {}}"))
    assert 'url: "redis://hawkeye:***@a:6379"   # a.yaml:1 (restart)' in text
    assert "hunter2" not in text


def test_strange_file_name_stays_in_its_comment() -> None:
    text = render(load([("a\nlisten: 5", "hold: {enabled: false}")], {}))
    assert "enabled: false                      # a?listen: 5:1" in text
    assert loaded(text).config.hold.enabled is False


def test_example_is_every_key_at_its_default() -> None:
    text = (ETC / "example.yaml").read_text(encoding="utf-8")
    assert text == example()
    config, origins, *_ = loaded(text)
    assert config == Config()
    assert {key for key, origin in origins.items() if origin != "default"} == set(KEYS)
    assert max(map(len, text.splitlines())) <= 100


def test_every_key_and_section_of_the_example_is_explained() -> None:
    for line in example().splitlines():
        assert not line or "# " in line


def test_shipped_conffile_sets_nothing_but_the_version() -> None:
    config, origins, *_ = loaded((ETC / "config.yaml").read_text(encoding="utf-8"))
    assert config == Config()
    assert [key for key, origin in origins.items() if origin != "default"] == ["version"]


def test_origin_of_a_key_that_a_reload_applies_stands_alone() -> None:
    assert "  max_rooms: 1024                     # default\n" in render(loaded(""))


def test_tls_says_that_turning_it_on_or_off_needs_a_restart() -> None:
    assert "# PEM file of the certificate chain (on or off: restart)\n" in example()
