"""The process: how it starts, why it fails to, and how it stops."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from integration.conftest import KINDS, Visitors
from integration.raw import RawClient
from integration.server import ROOT, ServerProcess, run_to_its_end, write_config

SPARE = 1.0
"""Seconds that a stop may take longer than `shutdown.drain`."""


def _refusal(*arguments: str, privileged: bool = True) -> str:
    """The one sentence with which the server says why it does not start."""
    ended = run_to_its_end("serve", *arguments, privileged=privileged)
    assert ended.returncode == 1
    assert ended.stdout == ""
    # That no tokens are asked for is said by every start.
    lines = [line for line in ended.stderr.splitlines() if "open to anyone" not in line]
    assert len(lines) == 1, ended.stderr
    return lines[0]


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration file that sets nothing but a loopback address."""
    return str(write_config(tmp_path, {}))


def test_port_in_use_is_one_clear_sentence(config: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sentence = _refusal("--config", config, "--port", str(port))
    said = rf"cannot listen on 127.0.0.1, port {port}: .*in use; .*listen.port.*make run PORT=9000"
    assert re.search(said, sentence)


def test_make_run_takes_a_port_and_arguments() -> None:
    command = ["make", "run", "PORT=0", "ARGS=--host 127.0.0.1 --log-level debug"]
    made = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert made.stderr is not None
        lines = iter(made.stderr.readline, "")
        assert any(re.search(r"listens on http://127\.0\.0\.1:[1-9]", line) for line in lines)
    finally:
        os.killpg(made.pid, signal.SIGTERM)
        made.communicate()


@pytest.mark.parametrize("command", [["check-config"], ["print-config"]])
def test_file_may_be_named_before_the_command(config: str, command: list[str]) -> None:
    usual = run_to_its_end(*command, "--config", config)
    assert usual.returncode == 0
    for before in (["--config", config], [f"--config={config}"]):
        assert run_to_its_end(*before, *command).stdout == usual.stdout


def test_missing_file_before_the_command_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "no.yaml")
    ended = run_to_its_end("--config", missing, "check-config")
    assert (ended.returncode, missing in ended.stderr) == (78, True)
    assert run_to_its_end("--config").returncode == 2


def test_privileged_port_is_one_clear_sentence(config: str) -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if lowest <= 1:
        pytest.skip("on this machine no port is privileged (ip_unprivileged_port_start)")
    sentence = _refusal("--config", config, "--port", "1", privileged=False)
    assert re.search(r"cannot listen on 127.0.0.1, port 1: .*ermi.*; .*have systemd", sentence)


@pytest.mark.parametrize(
    ("host", "why"),
    [("192.0.2.77", "[Cc]annot assign|not available"), ("no.such.host.invalid", "not known|resol")],
)
def test_foreign_address_is_one_clear_sentence(config: str, host: str, why: str) -> None:
    sentence = _refusal("--config", config, "--host", host)
    assert re.search(rf"cannot listen on {host}, port 0: .*({why}).*set listen.host", sentence)


def test_bad_configuration_names_every_position_and_exits_78(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("listen:\n  prt: 80\nrooms: {max_peers: many}\n")
    ended = run_to_its_end("serve", "--config", str(file))
    assert ended.returncode == 78
    assert f"{file}:2:3: " in ended.stderr
    assert f"{file}:3:20: " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_clients_reconnect_by_themselves_after_a_restart(
    visitors: Visitors, tmp_path: Path, number: signal.Signals
) -> None:
    drain = 1.0
    with ServerProcess(tmp_path, {"shutdown": {"drain": drain}}) as server:
        clients = {
            kind: await visitors.join(kind, kind=kind, url=server.url, again=True) for kind in KINDS
        }
        since = time.monotonic()
        server.send(number)
        assert await server.exit_code() == 0
        assert time.monotonic() - since < drain + SPARE
    with ServerProcess(tmp_path, {}, "--port", str(server.port)) as server:
        for kind, client in clients.items():
            welcome = await client.next("welcome")
            assert welcome["peer_id"] == kind
        await visitors.leave()


async def _stalled(server: ServerProcess, node: RawClient, gcom: RawClient) -> None:
    """Queue more for `gcom`, which does not read, than the network buffers."""
    await node.hello()
    await gcom.hello()
    gcom.stop_reading()
    signal_text = '421["signal",{"type":"offer","data":{"sdp":"' + "x" * 250_000 + '"}}]'
    for _ in range(100):
        await node.send(signal_text)
        await node.next_ack()


PATIENT = {
    "shutdown": {"drain": 60},
    "socketio": {"ping_timeout": 60},  # a client that does not read answers no PING either
    "limits": {
        "send_queue_bytes": 40_000_000,
        "memory_bytes": 80_000_000,
        "bytes_per_second": 0,  # it would refuse most, and the network would take the rest
    },
}


async def test_second_sigterm_exits_at_once(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, PATIENT) as server:
        async with RawClient(server.url) as node, RawClient(server.url) as gcom:
            await _stalled(server, node, gcom)
            server.send(signal.SIGTERM)
            await server.line("stopping")
            since = time.monotonic()
            server.send(signal.SIGTERM)
            assert await server.exit_code() == 1
            assert time.monotonic() - since < SPARE


async def test_client_that_does_not_read_delays_a_stop_no_longer_than_drain(
    tmp_path: Path,
) -> None:
    drain = 0.5
    with ServerProcess(tmp_path, {**PATIENT, "shutdown": {"drain": drain}}) as server:
        async with RawClient(server.url) as node, RawClient(server.url) as gcom:
            await _stalled(server, node, gcom)
            since = time.monotonic()
            server.send(signal.SIGTERM)
            assert await server.exit_code() == 0
            assert time.monotonic() - since < drain + SPARE


async def test_callers_are_refused_after_a_stop(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        server.send(signal.SIGTERM)
        assert await server.exit_code() == 0
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)


# --- check-config ---------------------------------------------------------------------------------


def test_check_config_warns_of_files_that_are_not_read_and_of_no_tokens(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text("")
    file = write_config(tmp_path, {"auth": {"tokens_file": str(tokens)}})
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "local.yml").write_text("listen: {port: 1}")
    checked = run_to_its_end("check-config", "--config", str(file))
    assert checked.returncode == 0
    assert checked.stdout.splitlines() == [
        f"warning: {tmp_path}/conf.d/local.yml is not read: rename it to local.yaml",
        f"warning: {tokens}: no tokens: nobody can connect",
        "the configuration is fine",
    ]
    with ServerProcess(tmp_path, {"auth": {"tokens_file": str(tokens)}}) as server:
        server.wait_for_line("WARNING .*local.yml is not read")
        server.wait_for_line("WARNING .*tokens.yaml: no tokens: nobody can connect")


def test_instance_without_a_folder_or_with_a_wrong_name_is_a_mistake() -> None:
    for name, words in (("conf.d", "the name must be"), ("no-such", "there is no such folder")):
        for command in ("serve", "check-config", "status"):
            ended = run_to_its_end(command, "--instance", name)
            assert (ended.returncode, words in ended.stderr) == (78, True), ended.stderr
            assert "Traceback" not in ended.stderr
