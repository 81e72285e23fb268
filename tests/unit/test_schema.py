"""The schema: every key, its default, its limits, and whether a change needs a restart."""

from __future__ import annotations

import pytest

from signaling_server.core.config.fleet_settings import FleetSettings
from signaling_server.core.config.fleet_types import RedisUrl, Sentinel
from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.load import Loaded, load
from signaling_server.core.config.schema import (
    KEYS,
    Config,
    HoldSettings,
    LimitsSettings,
    ListenSettings,
    RoomsSettings,
    SocketIOSettings,
    TLSSettings,
    needs_restart,
    value_of,
)
from signaling_server.core.protocol.naming import Rule
from signaling_server.errors import ConfigError


def loaded(text: str) -> Loaded:
    return load([("a.yaml", text)], {})


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        load([("a.yaml", text)], {})
    (complaint,) = error.value.complaints
    return str(complaint)


def test_defaults_are_those_of_the_contract() -> None:
    config = Config()
    assert config.version == 1
    assert config.listen == ListenSettings(
        host="0.0.0.0", port=8080, backlog=4096, names=(), trusted_proxies=()
    )
    assert config.socketio == SocketIOSettings(
        path="/socket.io",
        cors_allowed_origins="auto",
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
        rooms_per_address=256,
        bytes_per_second=1048576,
        burst_bytes=4194304,
        strangers=2048,
    )
    resume, turn = config.resume, config.turn
    assert (resume.window, resume.max_messages, resume.max_bytes) == (30, 256, 1048576)
    assert (turn.urls, turn.secret_file, turn.ttl) == ((), None, 3600)
    assert config.auth.end_expired is False
    assert (config.auth.tokens_file, config.ice_servers, config.names) == (None, (), ())
    assert (config.tls.certificate, config.tls.private_key) == (None, None)
    assert (config.status.enabled, config.shutdown.drain) == (True, 2)
    assert (config.logging.level, config.logging.format) == ("info", "auto")


def test_every_key_can_be_set() -> None:
    text = """
listen: {host: "::", port: 1, backlog: 2, names: [a], trusted_proxies: ["::1"]}
socketio: {path: /s, cors_allowed_origins: [http://a], ping_interval: 1, ping_timeout: 2,
           transports: [polling], compression: true, fast_path: false}
rooms: {default: lobby, expected_peers: 3, max_peers: 4, max_rooms: 5, announce: newcomers}
hold: {enabled: false, max_messages: 1, max_bytes: 2, max_age: 3}
resume: {window: 0, max_messages: 1, max_bytes: 2}
limits: {message_bytes: 1, messages_per_second: 0.5, burst: 2, connections: 3,
         connections_per_address: 4, connect_deadline: 5.5, send_queue_messages: 6,
         send_queue_bytes: 7, memory_bytes: 8, bad_packets: 9, json_depth: 10,
         rooms_per_address: 11, bytes_per_second: 12, burst_bytes: 13, strangers: 14}
auth: {tokens_file: /tokens, end_expired: true}
tls: {certificate: /c, private_key: /k}
ice_servers: [{urls: stun:a}]
turn: {urls: [turn:a], secret_file: /s, ttl: 1}
ice_check: {interval: 1, withhold: true}
status: {enabled: false}
logging: {level: error, format: plain}
shutdown: {drain: 0.5}
fleet: {url: "redis://a", password_file: /p, ca_file: /ca, sentinel: {}, name: a, prefix: b,
        secret_file: /s, lease: 5, patience: 6, link_bytes: 7, advertise: http://a,
        ready_needs_engine: true}
names: [{name: node, address: 10.0.0.2}]
"""
    config, origins, *_ = loaded(text)
    assert config == Config(
        listen=ListenSettings("::", 1, 2, ("a",), ("::1",)),
        socketio=SocketIOSettings("/s", ("http://a",), 1, 2, ("polling",), True, False),
        rooms=RoomsSettings("lobby", 3, 4, 5, "newcomers"),
        hold=HoldSettings(False, 1, 2, 3.0),
        resume=type(config.resume)(0.0, 1, 2),
        limits=LimitsSettings(1, 0.5, 2, 3, 4, 5.5, 6, 7, 8, 9, 10, 11, 12.0, 13, 14),
        auth=type(config.auth)("/tokens", True),
        tls=type(config.tls)("/c", "/k"),
        ice_servers=(IceServer(("stun:a",)),),
        turn=type(config.turn)(("turn:a",), "/s", 1),
        ice_check=type(config.ice_check)(1.0, True),
        status=type(config.status)(False),
        logging=type(config.logging)("error", "plain"),
        shutdown=type(config.shutdown)(0.5),
        fleet=FleetSettings(
            RedisUrl("redis", "a"),
            "/p",
            "/ca",
            Sentinel(),
            "a",
            "b",
            "/s",
            5,
            6,
            7,
            "http://a",
            True,
        ),
        names=(Rule("node", address="10.0.0.2"),),
    )
    assert [key for key, origin in origins.items() if origin == "default"] == ["version"]


@pytest.mark.parametrize("key", ["ping_interval", "ping_timeout"])
def test_pings_are_whole_seconds(key: str) -> None:
    assert complaint(f"socketio: {{{key}: 2.5}}").endswith(
        "must be a whole number from 1 to 3600; Engine.IO cuts off fractions of a second"
    )


def test_no_other_version_is_read() -> None:
    assert loaded("version: 1").config == Config()
    assert complaint("version: 2") == "a.yaml:1:10: version is 2, but must be 1"


def test_value_of_a_key_is_found_by_its_dotted_name() -> None:
    assert value_of(Config(), "listen.port") == 8080
    assert value_of(Config(), "version") == 1


@pytest.mark.parametrize("key", KEYS)
def test_change_of_a_key_needs_a_restart_only_if_it_is_marked(key: str) -> None:
    old = loaded("")
    changed = Config(
        listen=ListenSettings("::", 1, 2),
        socketio=SocketIOSettings("/s", ("http://a",), 1, 2, ("polling",), True, False),
        tls=TLSSettings("/c", "/k"),
        rooms=RoomsSettings("lobby", 3, 4, 5, "newcomers"),
    )
    applied = ("listen.names", "listen.trusted_proxies", "socketio.cors_allowed_origins")
    marked = key.startswith(("listen.", "socketio.", "tls.")) and key not in applied
    assert needs_restart(key, old.config, changed) == marked
    assert not needs_restart(key, changed, changed)


def test_renewal_of_a_certificate_needs_no_restart() -> None:
    old, new = (Config(tls=TLSSettings(file, file)) for file in ("/old", "/new"))
    assert not needs_restart("tls.certificate", old, new)
