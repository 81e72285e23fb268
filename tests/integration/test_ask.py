"""`hawkeye-signaling status` and `probe`, as an operator runs them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import re
import socket
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.conftest import Visitors
from integration.credentials import make_ca, make_certificate, new_token, write_tokens
from integration.pages import get
from integration.server import PATIENCE, ROOT, ServerProcess, run_to_its_end, write_config
from signaling_server.cli.remote import RemoteServer
from signaling_server.cli.status import watch

STEPS = [
    "the first client connects",
    "the second connects, they meet",
    "an offer passes",
    "an answer passes",
    "a candidate passes",
    "a goodbye is heard",
]


async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command while the clients of this test stay active."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, run_to_its_end, *arguments)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """A server that requires tokens: its URL, a token for signaling and one for the status."""
    folder = tmp_path_factory.mktemp("closed")
    tokens, lines = {}, []
    for name, can in (("node", "signal"), ("watcher", "status")):
        tokens[name], line = new_token(name, "drone-1")
        lines.append(line.replace("}", f", can: [{can}]}}"))
    file = write_tokens(folder, lines)
    with ServerProcess(folder, {"auth": {"tokens_file": file}}) as server:
        yield server.url, tokens


@contextlib.contextmanager
def stranger(answer: bytes) -> Iterator[str]:
    """The URL of a server that gives the same answer to every request."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def nobody() -> Iterator[str]:
    """A URL at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


# --- status ---------------------------------------------------------------------------------------


async def test_status_is_a_table_of_rooms_peers_and_diagnoses(
    visitors: Visitors, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path) as server:
        await visitors.join(url=server.url, room="drone-1", name="node")
        await visitors.join(url=server.url, room="drone-1", name="gcom")
        await visitors.join(url=server.url, room="drone-2", name="lonely", kind="js-polling")
        told = await run("status", "--url", server.url)
        await visitors.leave()
    lines = told.stdout.splitlines()
    assert (told.returncode, told.stderr) == (0, "")
    assert lines[0].startswith("hawkeye-signaling ")
    assert lines[1:5] == [
        "3 peers, 2 rooms, 0 signals",
        "warning: open to anyone: no auth.tokens_file",
        "",
        "room drone-1",
    ]
    assert lines[5].split()[:3] == ["node", "127.0.0.1", "websocket"]
    assert lines[6].split()[:3] == ["gcom", "127.0.0.1", "websocket"]
    assert lines[7:9] == ["  node - gcom: waiting", "  last events:"]
    second = lines.index("room drone-2")
    assert any("gcom joined" in line for line in lines[9:second])
    assert lines[second + 1].split()[:3] == ["lonely", "127.0.0.1", "polling"]
    assert any("lonely joined" in line for line in lines[second + 2 :])


REFUSED = {
    "seconds_ago": 200.0,
    "address": "192.0.2.9",
    "code": "old-client",
    "text": "Socket.IO client 1.x or 2.x (EIO=3); use 3 or newer",
    "times": 1,
}


def test_status_shows_refused_clients_and_names_given_by_rules() -> None:
    peer = {"peer_id": "x", "address": "192.0.2.1", "transport": "websocket", "state": "present"}
    peers = [{**peer, "connected_seconds": 3.0, "named_by": by} for by in (None, "", 2, "rule 3")]
    report = {
        "server": {"version": "1", "uptime_seconds": 1.0, "warnings": []},
        "counters": {"signals": 0},
        "rooms": [{"room": "drone-1", "peers": peers, "pairs": [], "diagnosis": []}],
        "refusals": [REFUSED, {**REFUSED, "times": 12, "seconds_ago": 3.2}],
    }
    with stranger(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(report).encode()) as url:
        lines = run_to_its_end("status", "--url", url).stdout.splitlines()
    why = "Socket.IO client 1.x or 2.x (EIO=3); use 3 or newer"
    assert lines[2:4] == [
        f"refused 192.0.2.9 (3 min ago): {why}",
        f"refused 192.0.2.9 (12 times, last 3 s ago): {why}",
    ]
    assert [line.split("websocket")[1].strip() for line in lines[6:]] == [
        "3 s",
        "3 s",
        "3 s, named by rule 2",
        "3 s, named by rule 3",
    ]


async def test_status_json_is_the_answer_of_the_server(visitors: Visitors, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        await visitors.join(url=server.url, room="drone-1", name="node")
        told = await run("status", "--json", "--url", server.url)
        await visitors.leave()
    assert told.returncode == 0
    assert [room["room"] for room in json.loads(told.stdout)["rooms"]] == ["drone-1"]


def test_url_defaults_to_that_of_the_configuration(tmp_path: Path) -> None:
    """The configuration may name files that only the server may read."""
    options = {"listen": {"host": "0.0.0.0"}, "socketio": {"path": "/relay"}}
    with ServerProcess(tmp_path, options) as server:
        listen = {"host": "0.0.0.0", "port": server.port}
        secret = {"auth": {"tokens_file": str(tmp_path / "not-for-us.yaml")}}
        file = write_config(tmp_path, {**options, **secret, "listen": listen})
        for command in ("status", "probe"):
            told = run_to_its_end(command, "--config", str(file))
            assert (told.returncode, told.stderr) == (0, ""), told.stdout


def test_url_needs_no_scheme_and_no_proxy_is_used(
    shared_server: ServerProcess, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", nobody)
    for command in ("status", "probe"):
        told = run_to_its_end(command, "--url", f"127.0.0.1:{shared_server.port}/")
        assert told.returncode == 0, told.stdout + told.stderr


def test_status_requires_a_token_for_the_status(
    closed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, tokens = closed
    wrong = "hs_abc_" + "x" * 43
    for token, text in {
        "": "a token with `can: [status]` is required: --token, or HAWKEYE_TOKEN",
        tokens["node"]: "the token is refused: ",
        wrong: "the token is refused: ",
    }.items():
        told = run_to_its_end("status", "--url", url, "--token", token)
        assert (told.returncode, told.stdout) == (1, "")
        assert f"no status from {url}: {text}" in told.stderr
    assert run_to_its_end("status", "--url", url, "--token", tokens["watcher"]).returncode == 0
    monkeypatch.setenv("HAWKEYE_TOKEN", tokens["watcher"] + "\n")
    assert run_to_its_end("status", "--url", url).returncode == 0


async def test_check_fails_while_a_call_is_stalled(visitors: Visitors, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        fine = await run("status", "--check", "--url", server.url)
        assert (fine.returncode, fine.stdout) == (0, "fine: nothing is stalled or refused\n")
        node = await visitors.join(url=server.url, name="node")
        await visitors.join(url=server.url, name="gcom")
        await node.call("signal", {"type": "offer", "data": {"type": "offer", "sdp": "v=0"}})
        deadline = time.monotonic() + PATIENCE
        while (told := await run("status", "--check", "--url", server.url)).returncode == 0:
            assert time.monotonic() < deadline
        assert told.returncode == 1
        assert "room default: node - gcom is stalled: " in told.stdout
        as_json = await run("status", "--check", "--json", "--url", server.url)
        room = json.loads(as_json.stdout)["rooms"][0]["room"]
        assert (as_json.returncode, room) == (1, "default")
        await visitors.leave()


def test_check_fails_while_a_caller_is_refused_and_without_a_server(
    tmp_path: Path, nobody: str
) -> None:
    with ServerProcess(tmp_path) as server:
        assert get(f"{server.url}/socket.io/?EIO=3&transport=polling").status != 200
        told = run_to_its_end("status", "--check", "--url", server.url)
    assert told.returncode == 1
    assert "\nrefused 127.0.0.1: Socket.IO client 1.x or 2.x" in told.stdout
    assert run_to_its_end("status", "--check", "--url", nobody).returncode == 1
    with stranger(b"HTTP/1.0 200 OK\r\n\r\n[1]") as url:
        told = run_to_its_end("status", "--check", "--url", url)
    assert (told.returncode, "is not hawkeye-signaling" in told.stderr) == (1, True)


def test_watch_shows_the_status_again_and_waits_for_a_server_that_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ServerProcess(tmp_path) as server:
        looks = []

        def between(seconds: float) -> None:
            looks.append(seconds)
            if len(looks) == 2:
                server.__exit__(None, None, None)
            if len(looks) == 3:
                raise KeyboardInterrupt

        assert watch(RemoteServer(server.url, "/socket.io", "", None), between) == 0
    shown = capsys.readouterr().out
    assert shown.count("hawkeye-signaling 0.") == 2
    assert shown.endswith(f"no status from {server.url}: Connection refused\n")
    assert "\x1b" not in shown


@pytest.mark.parametrize("no_color", ["", "1"])
def test_status_is_in_colour_on_a_terminal(tmp_path: Path, no_color: str) -> None:
    with ServerProcess(tmp_path) as server:
        reading, writing = pty.openpty()
        with os.fdopen(reading, "rb", 0) as terminal:
            subprocess.run(
                [sys.executable, "-m", "signaling_server", "status", "--url", server.url],
                stdout=writing,
                env={**os.environ, "TERM": "xterm", "NO_COLOR": no_color},
                cwd=ROOT,
                check=True,
            )
            os.close(writing)
            shown = terminal.read(65536)
    assert (b"\x1b[1mhawkeye-signaling" in shown) is not bool(no_color)


def test_ways_of_status_exclude_each_other() -> None:
    assert run_to_its_end("status", "--watch", "--check").returncode == 2
    assert run_to_its_end("status", "--watch", "--json").returncode == 2


def test_probe_and_check_config_tell_which_ice_servers_answer(tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as closed_port:
        closed_port.bind(("127.0.0.1", 0))
        url = f"stun:127.0.0.1:{closed_port.getsockname()[1]}"
    config = {"ice_servers": [{"urls": url}]}
    with ServerProcess(tmp_path, config) as server:
        told = run_to_its_end("probe", "--url", server.url)
        as_json = run_to_its_end("probe", "--url", server.url, "--json")
    assert (told.returncode, as_json.returncode) == (0, 0)
    line = rf"(?m)^{url} +not reached: Connection refused; clients wait up to 5 s for it$"
    assert re.search(line, told.stdout)
    refused = {"url": url, "answers": False, "text": "not reached: Connection refused"}
    assert json.loads(as_json.stdout)["ice_servers"] == [refused]
    file = str(write_config(tmp_path, config))
    checked = run_to_its_end("check-config", "--config", file)
    assert checked.returncode == 0
    assert checked.stdout.splitlines() == [
        f"note: {url}: not reached: Connection refused",
        "the configuration is fine",
    ]
    quiet = str(write_config(tmp_path, {**config, "ice_check": {"interval": 0}}))
    assert run_to_its_end("check-config", "--config", quiet).stdout == "the configuration is fine\n"


def test_status_of_a_server_that_serves_none_says_so(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"status": {"enabled": False}}) as server:
        told = run_to_its_end("status", "--url", server.url)
    assert told.returncode == 1
    assert "status.enabled is false there" in told.stderr


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\n\r\n[1]",
        b"HTTP/1.0 502 Bad Gateway\r\n\r\n",
    ],
)
def test_another_kind_of_server_is_recognised(answer: bytes) -> None:
    with stranger(answer) as url:
        for command in ("status", "probe"):
            told = run_to_its_end(command, "--url", url)
            assert told.returncode == 1
            assert url in told.stdout + told.stderr
            assert "Traceback" not in told.stderr


def test_names_of_peers_do_not_control_the_terminal() -> None:
    evil: dict[str, Any] = {
        "server": {"version": "1", "uptime_seconds": 90061, "warnings": ["\x1b[2J"]},
        "counters": {"signals": 1},
        "rooms": [],
    }
    with stranger(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(evil).encode()) as url:
        told = run_to_its_end("status", "--url", url)
    assert told.stdout.splitlines() == [
        "hawkeye-signaling 1, up 1 d 1 h",
        "0 peers, 0 rooms, 1 signal",
        "warning: ?[2J",
    ]


@pytest.mark.parametrize("command", ["status", "probe"])
def test_complaint_names_a_bad_url_or_authority(command: str, nobody: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for url in ("ftp://127.0.0.1", "http://", "127.0.0.1:99999", "http://[::1", "http://a:b"):
        told = run_to_its_end(command, "--url", url)
        assert (told.returncode, told.stdout) == (1, "")
        assert f"{url} is not a valid URL; expected something like" in told.stderr
    for file in (tmp_path / "none.pem", empty):
        told = run_to_its_end(command, "--url", nobody, "--cafile", str(file))
        assert (told.returncode, told.stdout) == (1, "")
        assert told.stderr.startswith(f"hawkeye-signaling: {file}: ")


@pytest.mark.parametrize("command", ["status", "probe"])
def test_missing_server_is_one_clear_sentence(command: str, nobody: str) -> None:
    told = run_to_its_end(command, "--url", nobody)
    assert told.returncode == 1
    assert "Connection refused" in told.stdout + told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("command", ["status", "probe"])
def test_https_requires_the_authority(command: str, tmp_path: Path) -> None:
    ca = make_ca(tmp_path)
    certificate, key = make_certificate(tmp_path, "server")
    tls = {"certificate": certificate, "private_key": key}
    with ServerProcess(tmp_path, {"tls": tls}) as server:
        good = run_to_its_end(command, "--url", server.url, "--cafile", str(ca))
        assert good.returncode == 0, good.stdout + good.stderr
        unknown = run_to_its_end(command, "--url", server.url)
        assert unknown.returncode == 1
        assert "its certificate cannot be verified: " in unknown.stdout + unknown.stderr
        other = f"https://127.0.0.2:{server.port}"
        assert run_to_its_end(command, "--url", other, "--cafile", str(ca)).returncode == 1


# --- probe ----------------------------------------------------------------------------------------


def steps(told: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines that the probe prints, without the times."""
    *lines, last = told.stdout.splitlines()
    return [re.sub(r" +[\d.]+ ms  ", ": ", line) for line in lines] + [last]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"rooms": {"announce": "newcomers"}},
        {"rooms": {"max_peers": 2}, "socketio": {"fast_path": False}},
    ],
)
def test_probe_prints_each_step(tmp_path: Path, config: dict[str, Any]) -> None:
    with ServerProcess(tmp_path, config) as server:
        told = run_to_its_end("probe", "--url", server.url)
    assert steps(told) == [
        *(f"{step}: ok" for step in STEPS),
        f"signaling works at {server.url}",
    ]
    assert (told.returncode, told.stderr) == (0, "")


def test_probe_json_gives_the_milliseconds_of_each_step(shared_server: ServerProcess) -> None:
    told = run_to_its_end("probe", "--json", "--url", shared_server.url)
    found = json.loads(told.stdout)
    assert (told.returncode, found["ok"]) == (0, True)
    assert [step["name"] for step in found["steps"]] == STEPS
    assert all(0 < step["milliseconds"] < 5000 for step in found["steps"])
    assert not any(step["trouble"] for step in found["steps"])


def test_probe_json_reports_a_failure(nobody: str) -> None:
    told = run_to_its_end("probe", "--json", "--url", nobody)
    found = json.loads(told.stdout)
    assert (told.returncode, found["ok"]) == (1, False)
    assert [step["trouble"] for step in found["steps"]] == ["Connection refused"]


def test_probe_names_the_limit_that_stopped_it(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_peers": 1}}) as server:
        told = run_to_its_end("probe", "--url", server.url)
    assert told.returncode == 1
    first, second, last = steps(told)
    assert first == f"{STEPS[0]}: ok"
    assert second.startswith(f"{STEPS[1]}: FAILED: refused: room-full: ")
    assert last == f"signaling does not work at {server.url}"


def test_probe_with_another_socketio_path_gives_advice(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"socketio": {"path": "/relay"}}) as server:
        told = run_to_its_end("probe", "--url", server.url)
    assert told.returncode == 1
    assert "HTTP 404 Not Found: is hawkeye-signaling there, with the same" in told.stdout


def test_probe_requires_a_token_for_signaling(closed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, tokens = closed
    wrong = "hs_abc_" + "x" * 43
    for token, text in {
        "": "this server requires a token",
        wrong: "unknown token",
        tokens["watcher"]: "the token is not for signaling",
    }.items():
        told = run_to_its_end("probe", "--url", url, "--token", token)
        assert told.returncode == 1
        assert steps(told)[0] == f"{STEPS[0]}: FAILED: refused: unauthorized: {text}"
    assert run_to_its_end("probe", "--url", url, "--token", tokens["node"]).returncode == 0
    monkeypatch.setenv("HAWKEYE_TOKEN", tokens["node"])
    assert run_to_its_end("probe", "--url", url).returncode == 0


async def test_probe_never_joins_a_room_of_others(visitors: Visitors, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_rooms": 2}}) as server:
        node = await visitors.join(url=server.url)
        assert node.welcome["room"] == "default"
        assert (await run("probe", "--url", server.url)).returncode == 0
        await node.call("ice_servers")  # had anything been sent to it, it would have come before
        assert node.heard == ["welcome"]
        await visitors.leave()
