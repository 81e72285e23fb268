"""A measurement begins when the hosts exchange signals, not before."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator

import pytest
import redis as client

from benchmarks.together import POLLING, linked, subscribed
from fleet.redis_server import RedisServer
from needs import missing


class Host:
    """Answers every GET with `body`, and keeps the paths."""

    def __init__(self) -> None:
        self.body = b"{}"
        self.paths: list[str] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.paths.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(host.body)

            def log_message(self, *words: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.port = self._server.server_address[1]

    def says(self, *states: str) -> None:
        """The states of the hosts of its fleet, in its status."""
        self.body = json.dumps({"fleet": {"hosts": [{"state": one} for one in states]}}).encode()

    def end(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def pair() -> Iterator[tuple[Host, Host]]:
    hosts = Host(), Host()
    yield hosts
    for host in hosts:
        host.end()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    sentence = missing("tests/fleet")
    if sentence:
        pytest.fail(sentence, pytrace=False)
    server = RedisServer(tmp_path).start()
    yield server
    server.kill()


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (["here", "linked"], ["here", "linked"], True),
        (["here", "linked"], ["here", "unlinked"], False),
        (["here", "apart"], ["here", "linked"], False),
        (["here"], ["here"], False),
    ],
)
def test_ours_are_together_when_each_says_that_all_others_are_linked(
    pair: tuple[Host, Host],
    redis: RedisServer,
    first: list[str],
    second: list[str],
    together: bool,
) -> None:
    pair[0].says(*first)
    pair[1].says(*second)
    assert linked([host.port for host in pair], redis) is together


def test_peers_are_together_when_each_host_has_been_called_and_has_subscribed(
    pair: tuple[Host, Host], redis: RedisServer
) -> None:
    ports = [host.port for host in pair]
    found = []
    with client.Redis(port=redis.port) as connections:
        subscribers = [connections.pubsub() for _ in ports]
        for subscriber in subscribers:
            found.append(subscribed(ports, redis))
            subscriber.subscribe("signals")
            assert subscriber.get_message(timeout=10)
        found.append(subscribed(ports, redis))
        for subscriber in subscribers:
            subscriber.close()
    assert found == [False, False, True]
    assert [host.paths for host in pair] == [[POLLING] * 3] * 2
