"""Each key of the configuration either says that it needs a restart, or acts after a reload.

For each key there is a case: what a client sees before a reload, the keys that the reload changes,
and what the client sees after it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Awaitable, Callable, Iterator, Mapping, NamedTuple

import pytest

from integration import test_reload, test_tokens
from integration.credentials import new_token, write_tokens
from integration.seen import (
    BODY,
    Running,
    address_behind_a_proxy,
    anonymous_client,
    default_room,
    expiry_of_a_held_signal,
    flood,
    ice,
    ice_servers_asked,
    logs_debug_lines,
    newcomer_hears_of_the_other,
    own_peer_id,
    page_of,
    queue_of_a_lost_peer,
    running,
    runs_out_of_memory,
    second_in_the_same_room,
    second_join,
    sends,
    silent_client_is_closed,
    silent_client_is_closed_for_another,
    slow_client,
    state_of_a_lost_peer,
    status_page,
    survives_bad_packets,
    time_of_a_stop,
    urls_beside_a_silent_server,
    warnings_about_a_pair,
)
from signaling_server.core.config.schema import KEYS

# aiohttp from 3.14 on: transport/endpoint.py stores the body under a plain string.
pytestmark = pytest.mark.filterwarnings("ignore:It is recommended to use web")


class Case(NamedTuple):
    """What is seen before a reload, what the reload changes, and what is seen after it."""

    observe: Callable[[Running], Awaitable[Any]]
    change: Mapping[str, Any]
    after: Any
    before: Any = None
    """None: it cannot be seen without waiting for long."""
    base: Mapping[str, Any] = {}
    """The keys that are set before and after."""


LARGE = {"data": {"sdp": BODY}}
DEEP = {"data": {"a": {"b": {"c": {"d": {"e": 1}}}}}}
SMALL_SIGNALS = {"limits.message_bytes": 1000}
TURN = {"turn.urls": ["turn:a"], "turn.secret_file": "{folder}/old", "turn.ttl": 60}
NOBODY = {"ice_servers": [{"urls": "stun:127.0.0.1:1"}]}
CASES = {
    "listen.names": Case(
        page_of("http://drone.example"), {"listen.names": ["drone.example"]}, 200, 403
    ),
    "listen.trusted_proxies": Case(
        address_behind_a_proxy, {"listen.trusted_proxies": ["127.0.0.1"]}, "192.0.2.7", "127.0.0.1"
    ),
    "socketio.cors_allowed_origins": Case(
        page_of("http://127.0.0.1", "https://gcom.example"),
        {"socketio.cors_allowed_origins": ["https://gcom.example"]},
        200,
        400,
    ),
    "names": Case(own_peer_id, {"names": [{"name": "node"}]}, "node", None),
    "rooms.default": Case(default_room, {"rooms.default": "drone-1"}, "drone-1", "default"),
    "rooms.expected_peers": Case(warnings_about_a_pair, {"rooms.expected_peers": 1}, 1, 0),
    "rooms.max_peers": Case(second_in_the_same_room, {"rooms.max_peers": 1}, "503", "in"),
    "rooms.max_rooms": Case(second_join, {"rooms.max_rooms": 1}, "server-full", "in"),
    "rooms.announce": Case(
        newcomer_hears_of_the_other, {"rooms.announce": "newcomers"}, False, True
    ),
    "hold.enabled": Case(sends({}), {"hold.enabled": False}, "delivered", "held"),
    "hold.max_messages": Case(
        sends({"type": "ice-candidate"}, {"type": "ice-candidate"}),
        {"hold.max_messages": 1},
        "hold-full",
        "held",
    ),
    "hold.max_bytes": Case(sends(LARGE), {"hold.max_bytes": 10}, "hold-full", "held"),
    "hold.max_age": Case(expiry_of_a_held_signal, {"hold.max_age": 0.1}, "expired"),
    "resume.window": Case(state_of_a_lost_peer, {"resume.window": 0}, "gone", "away"),
    "resume.max_messages": Case(
        queue_of_a_lost_peer(3), {"resume.max_messages": 1}, "hold-full", "held"
    ),
    "resume.max_bytes": Case(
        queue_of_a_lost_peer(3), {"resume.max_bytes": 10}, "hold-full", "held"
    ),
    "limits.message_bytes": Case(sends(LARGE), {"limits.message_bytes": 100}, "too-large", "held"),
    "limits.messages_per_second": Case(
        flood,
        {"limits.messages_per_second": 0.1},
        "more than 0.1 events a second",
        "more than 0.2 events a second",
        {"limits.burst": 1, "limits.messages_per_second": 0.2},
    ),
    "limits.burst": Case(
        flood,
        {"limits.burst": 1},
        "more than 0.2 events a second",
        "fine",
        {"limits.burst": 100, "limits.messages_per_second": 0.2},
    ),
    "limits.connections": Case(second_join, {"limits.connections": 1}, "server-full", "in"),
    "limits.connections_per_address": Case(
        second_join, {"limits.connections_per_address": 1}, "server-full", "in"
    ),
    "limits.connect_deadline": Case(
        silent_client_is_closed,
        {"limits.connect_deadline": 0.1},
        True,
        base={"limits.connect_deadline": 60},
    ),
    "limits.send_queue_messages": Case(
        slow_client, {"limits.send_queue_messages": 4}, "peer-not-found", "delivered"
    ),
    "limits.send_queue_bytes": Case(
        slow_client,
        {"limits.send_queue_bytes": 2000},
        "peer-not-found",
        "delivered",
        SMALL_SIGNALS,
    ),
    "limits.memory_bytes": Case(
        runs_out_of_memory(LARGE, {"type": "ice-candidate", **LARGE}),
        {"limits.memory_bytes": 1000},
        True,
        False,
        SMALL_SIGNALS,
    ),
    "limits.bad_packets": Case(survives_bad_packets, {"limits.bad_packets": 1}, False, True),
    "limits.json_depth": Case(sends(DEEP), {"limits.json_depth": 4}, "invalid-format", "held"),
    "limits.rooms_per_address": Case(
        second_join, {"limits.rooms_per_address": 1}, "server-full", "in"
    ),
    "limits.bytes_per_second": Case(
        sends(LARGE, LARGE, LARGE),
        {"limits.bytes_per_second": 1},
        "rate-limited",
        "held",
        {**SMALL_SIGNALS, "limits.bytes_per_second": 0, "limits.burst_bytes": 0},
    ),
    "limits.burst_bytes": Case(
        sends(LARGE, LARGE, LARGE),
        {"limits.burst_bytes": 0},
        "rate-limited",
        "held",
        {**SMALL_SIGNALS, "limits.bytes_per_second": 1, "limits.burst_bytes": 100_000},
    ),
    "limits.strangers": Case(
        silent_client_is_closed_for_another,
        {"limits.strangers": 1},
        True,
        False,
    ),
    "auth.tokens_file": Case(
        anonymous_client, {"auth.tokens_file": "{folder}/tokens.yaml"}, "44", "40"
    ),
    "ice_servers": Case(
        ice, {"ice_servers": [{"urls": "stun:a"}]}, (["stun:a"], None, []), ([], None, [])
    ),
    "turn.urls": Case(
        ice, {"turn.urls": ["turn:b"]}, (["turn:b"], 60, ["old"]), (["turn:a"], 60, ["old"]), TURN
    ),
    "turn.secret_file": Case(
        ice,
        {"turn.secret_file": "{folder}/new"},
        (["turn:a"], 60, ["new"]),
        (["turn:a"], 60, ["old"]),
        TURN,
    ),
    "turn.ttl": Case(
        ice, {"turn.ttl": 90}, (["turn:a"], 90, ["old"]), (["turn:a"], 60, ["old"]), TURN
    ),
    "ice_check.interval": Case(
        ice_servers_asked,
        {"ice_check.interval": 60},
        ["stun:127.0.0.1:1"],
        [],
        {**NOBODY, "ice_check.interval": 0},
    ),
    "ice_check.withhold": Case(
        urls_beside_a_silent_server,
        {"ice_check.withhold": True},
        [],
        ["stun:127.0.0.1:1"],
        NOBODY,
    ),
    "status.enabled": Case(status_page, {"status.enabled": False}, 404, 200),
    "logging.level": Case(logs_debug_lines, {"logging.level": "debug"}, True, False),
    "shutdown.drain": Case(
        time_of_a_stop,
        {"shutdown.drain": 0.1},
        True,
        base={"shutdown.drain": 30, "limits.send_queue_bytes": 20_000_000},
    ),
}


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """A reload sets the level of all loggers of this process."""
    loggers = [logging.getLogger(), logging.getLogger("signaling_server")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before):
        logger.setLevel(level)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the files that some cases name."""
    (tmp_path / "old").write_text("old\n")
    (tmp_path / "new").write_text("new\n")
    write_tokens(tmp_path, [new_token("node")[1]])
    return tmp_path


@pytest.mark.parametrize("key", CASES)
async def test_key_acts_after_a_reload(folder: Path, key: str) -> None:
    observe, change, after, before, base = CASES[key]

    def placed(keys: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value.format(folder=folder) if isinstance(value, str) else value
            for name, value in keys.items()
        }

    async with running(folder, placed(base)) as server:
        if before is not None:
            assert await observe(server) == before
    async with running(folder, placed(base)) as server:
        server.reload({**placed(base), **placed(change)})
        assert await observe(server) == after


ELSEWHERE = {
    "logging.format": test_reload.test_log_uses_a_new_format,
    "auth.end_expired": (
        test_tokens.test_client_whose_token_expires_stays_unless_the_settings_say_otherwise
    ),
}
"""Keys whose effect is seen from outside of the process only, with the test of each."""


def test_every_key_needs_a_restart_or_is_seen_to_act_after_a_reload() -> None:
    acts_when_turned_on = "off"
    marked = {key for key in KEYS if KEYS[key].metadata["restart"] not in (0, acts_when_turned_on)}
    only_one_value = {"version"}
    assert {*KEYS} == marked | {*CASES} | {*ELSEWHERE} | only_one_value
    assert not marked & {*CASES}
