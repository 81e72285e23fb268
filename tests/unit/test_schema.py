from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.schema import (
    KEYS,
    Config,
    HoldSettings,
    LimitsSettings,
    ListenSettings,
    Loaded,
    RoomsSettings,
    SocketIOSettings,
    changes_needing_restart,
    example,
    load,
    render,
)
from signaling_server.errors import ConfigError

ETC = Path(__file__).parents[2] / "etc"


def loaded(*texts: str, **overrides: tuple[object, str]) -> Loaded:
    """Of files named a.yaml, b.yaml, ..., and of overrides such as listen_port=(1, "--port")."""
    sources = [(f"{name}.yaml", text) for name, text in zip("abc", texts)]
    return load(sources, {key.replace("_", ".", 1): value for key, value in overrides.items()})


def complaints(*texts: str, **overrides: tuple[object, str]) -> list[str]:
    with pytest.raises(ConfigError) as error:
        loaded(*texts, **overrides)
    return [str(complaint) for complaint in error.value.complaints]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "listen:\nice_servers:\nversion:\n"])
def test_nothing_said_is_the_defaults(text: str) -> None:
    assert loaded(text) == Loaded(Config(), dict.fromkeys(KEYS, "default"))


def test_defaults_are_those_of_the_contract() -> None:
    config = Config()
    assert config.version == 1
    assert config.listen == ListenSettings(host="0.0.0.0", port=8080, backlog=4096)
    assert config.socketio == SocketIOSettings(
        path="/socket.io",
        cors_allowed_origins="*",
        ping_interval=10,
        ping_timeout=10,
        transports=("websocket", "polling"),
        compression=False,
        fast_path=True,
    )
    assert config.rooms == RoomsSettings(
        default="default", expected_peers=2, max_peers=0, max_rooms=1024, announce="everyone"
    )
    assert config.hold == HoldSettings(
        enabled=True, max_messages=256, max_bytes=1048576, max_age=60
    )
    assert config.limits == LimitsSettings(
        message_bytes=262144,
        messages_per_second=200,
        burst=400,
        connections=1024,
        connections_per_address=0,
        connect_deadline=5,
        send_queue_messages=1024,
        send_queue_bytes=1048576,
        memory_bytes=67108864,
        bad_packets=10,
        json_depth=64,
    )
    resume, turn = config.resume, config.turn
    assert (resume.window, resume.max_messages, resume.max_bytes) == (30, 256, 1048576)
    assert (turn.urls, turn.secret_file, turn.ttl) == ((), None, 3600)
    assert (config.auth.tokens_file, config.ice_servers) == (None, ())
    assert (config.tls.certificate, config.tls.private_key) == (None, None)
    assert (config.status.enabled, config.shutdown.drain) == (True, 2)
    assert (config.logging.level, config.logging.format) == ("info", "auto")


def test_every_key_can_be_set() -> None:
    text = """
listen: {host: "::", port: 1, backlog: 2}
socketio: {path: /s, cors_allowed_origins: [http://a], ping_interval: 1, ping_timeout: 2,
           transports: [polling], compression: true, fast_path: false}
rooms: {default: lobby, expected_peers: 3, max_peers: 4, max_rooms: 5, announce: newcomers}
hold: {enabled: false, max_messages: 1, max_bytes: 2, max_age: 3}
resume: {window: 0, max_messages: 1, max_bytes: 2}
limits: {message_bytes: 1, messages_per_second: 0.5, burst: 2, connections: 3,
         connections_per_address: 4, connect_deadline: 5.5, send_queue_messages: 6,
         send_queue_bytes: 7, memory_bytes: 8, bad_packets: 9, json_depth: 10}
auth: {tokens_file: /tokens}
tls: {certificate: /c, private_key: /k}
ice_servers: [{urls: stun:a}]
turn: {urls: [turn:a], secret_file: /s, ttl: 1}
status: {enabled: false}
logging: {level: error, format: plain}
shutdown: {drain: 0.5}
"""
    config, origins, *_ = loaded(text)
    assert config == Config(
        listen=ListenSettings("::", 1, 2),
        socketio=SocketIOSettings("/s", ("http://a",), 1, 2, ("polling",), True, False),
        rooms=RoomsSettings("lobby", 3, 4, 5, "newcomers"),
        hold=HoldSettings(False, 1, 2, 3.0),
        resume=type(config.resume)(0.0, 1, 2),
        limits=LimitsSettings(1, 0.5, 2, 3, 4, 5.5, 6, 7, 8, 9, 10),
        auth=type(config.auth)("/tokens"),
        tls=type(config.tls)("/c", "/k"),
        ice_servers=(IceServer(("stun:a",)),),
        turn=type(config.turn)(("turn:a",), "/s", 1),
        status=type(config.status)(False),
        logging=type(config.logging)("error", "plain"),
        shutdown=type(config.shutdown)(0.5),
    )
    assert [key for key, origin in origins.items() if origin == "default"] == ["version"]


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


def test_lists_replace_lists() -> None:
    urls = "turn: {{urls: [{}], secret_file: /s}}"
    config = loaded(urls.format("turn:a, turn:b"), urls.format("turn:c")).config
    assert config.turn.urls == ("turn:c",)
    servers = "ice_servers: [{urls: stun:a}]"
    assert loaded(servers, "ice_servers: []").config.ice_servers == ()
    assert loaded(servers, "ice_servers:").config.ice_servers == (IceServer(("stun:a",)),)


def test_options_are_values_and_no_yaml() -> None:
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


def test_a_bad_option_is_named() -> None:
    assert complaints("", listen_port=(99999, "--port")) == [
        "--port: listen.port is 99999, but must be a whole number from 0 to 65535"
    ]


def test_all_complaints_of_all_files_come_at_once() -> None:
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
        "c.yaml:2:20: tls.certificate and tls.private_key go together: set both or none",
    ]


def test_a_section_is_a_mapping_and_stands_once() -> None:
    assert complaints("listen: 8080\nhold: {}\nhold: {}\n") == [
        "a.yaml:1:9: listen is 8080, but must be a mapping of host, port, backlog",
        "a.yaml:3:1: duplicate key hold: it is in line 2 already",
    ]


@pytest.mark.parametrize("key", ["ping_interval", "ping_timeout"])
def test_pings_are_whole_seconds(key: str) -> None:
    assert complaints(f"socketio: {{{key}: 2.5}}")[0].endswith(
        "must be a whole number from 1 to 3600; Engine.IO cuts off fractions of a second"
    )


def test_no_other_version_is_read() -> None:
    assert loaded("version: 1").config == Config()
    assert complaints("version: 2") == ["a.yaml:1:10: version is 2, but must be 1"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tls: {certificate: /c}", "tls: {private_key: /k}"),
        ("turn: {urls: [turn:a]}", "turn: {secret_file: /s}"),
    ],
)
def test_what_goes_together(one: str, other: str) -> None:
    assert loaded(one, other)
    for text in (one, other):
        assert len(complaints(text)) == 1
        assert "go together: set both or none" in complaints(text)[0]


def test_what_is_wrong_already_is_not_judged_again() -> None:
    assert len(complaints("tls: {certificate: 5, private_key: /k}")) == 1
    assert len(complaints("turn: {urls: [stun:a], secret_file: /s}")) == 1
    assert len(complaints("limits: {message_bytes: -1, send_queue_bytes: 1}")) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "message_bytes: 2000000",
            "25: limits.send_queue_bytes is 1048576, but must be limits.message_bytes, 2000000",
        ),
        (
            "memory_bytes: 5",
            "24: limits.memory_bytes is 5, but must be limits.message_bytes, 262144",
        ),
    ],
)
def test_a_queue_must_hold_the_largest_message(text: str, complaint: str) -> None:
    assert complaints(f"limits: {{{text}}}") == [f"a.yaml:1:{complaint}, or more"]
    assert loaded("limits: {message_bytes: 1048576}")


def test_rendered_configuration_tells_origins() -> None:
    text = render(loaded("listen:\n  port: 8081\n", listen_host=("::", "--host")))
    assert text.splitlines()[:5] == [
        "version: 1                            # default",
        "listen:",
        '  host: "::"                          # --host',
        "  port: 8081                          # a.yaml:2",
        "  backlog: 4096                       # default",
    ]


def test_rendered_configuration_loads_back() -> None:
    text = """
listen: {host: "::"}
socketio: {cors_allowed_origins: ["http://é", https://b:1]}
rooms: {default: "no"}
hold: {max_age: 0.1}
ice_servers: [{urls: [stun:a, "stun:[::1]"]}, {urls: "turn:a", username: "null", credential: x}]
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


def test_a_strange_file_name_stays_in_its_comment() -> None:
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


def test_shipped_conffile_says_nothing_but_the_version() -> None:
    config, origins, *_ = loaded((ETC / "config.yaml").read_text(encoding="utf-8"))
    assert config == Config()
    assert [key for key, origin in origins.items() if origin != "default"] == ["version"]


@pytest.mark.parametrize(
    ("section", "changed", "keys"),
    [
        ("listen", {"port": 1, "host": "::"}, ("listen.host", "listen.port")),
        ("socketio", {"path": "/s"}, ("socketio.path",)),
        ("socketio", {"fast_path": False}, ("socketio.fast_path",)),
        ("tls", {"certificate": "/renewed"}, ()),
        ("rooms", {"max_peers": 2}, ()),
        ("logging", {"level": "debug"}, ()),
        ("listen", {}, ()),
    ],
)
def test_changes_that_need_a_restart(
    section: str, changed: dict[str, Any], keys: tuple[str, ...]
) -> None:
    old = Config()
    new = replace(old, **{section: replace(getattr(old, section), **changed)})
    assert changes_needing_restart(old, new) == keys
    assert changes_needing_restart(new, old) == keys
