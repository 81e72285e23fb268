"""The fleet as operators see it: status, probes, metrics and health, of real processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from fleet.machine import Machine, Machines
from fleet.program import Program
from fleet.redis_server import RedisServer
from integration.credentials import make_ca, make_certificate, new_token, write_tokens
from integration.pages import Page, get
from integration.server import ROOT, ServerProcess, run_to_its_end

SOON = 0.05
OFF = {"lease": 60}


@pytest.fixture
def programs(loop: asyncio.AbstractEventLoop) -> Any:
    started: list[Program] = []

    async def start(name: str, other: str, machine: Machine, room: str = "drone-1") -> Program:
        started.append(Program(name, other, [machine.url], room))
        return await started[-1].start()

    yield start
    loop.run_until_complete(asyncio.gather(*(program.stop() for program in started)))


async def ask(machine: Machine, path: str, token: str = "") -> Page:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, get, f"{machine.url}{path}", token)


async def status_of(machine: Machine, token: str = "") -> Any:
    return (await ask(machine, "/api/status", token)).json()


async def until(machine: Machine, condition: Callable[[Any], Any], token: str = "") -> Any:
    """The status of a host once it is so: beats and links need their time."""
    while True:
        found = await status_of(machine, token)
        if condition(found):
            return found
        await asyncio.sleep(SOON)


def linked(count: int) -> Callable[[Any], bool]:
    def is_so(found: Any) -> bool:
        states = [host["state"] for host in found["fleet"]["hosts"]]
        return states == ["here", *["linked"] * count]

    return is_so


async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, run_to_its_end, *arguments)


def told(machine: Machine, **more: Any) -> Any:
    """The configuration of a host that tells its URL."""
    machine._config["fleet"] = {"advertise": machine.url, **more}
    return machine


async def two(machines: Machines, **config: Any) -> tuple[Machine, Machine]:
    """Hosts a and b, linked, that tell their URLs."""
    a, b = (told(machines.make(name, **config)) for name in ("a", "b"))
    await asyncio.gather(a.start(), b.start())
    return a, b


async def test_status_shows_hosts_far_peers_and_rooms_elsewhere(
    machines: Machines, programs: Any
) -> None:
    a, b = await two(machines)
    await asyncio.gather(until(a, linked(1)), until(b, linked(1)))
    await programs("gcom", "drone", a)
    await programs("drone", "gcom", b)
    found = await until(a, lambda found: len(found["rooms"][0]["peers"]) == 2)
    (room,) = found["rooms"]
    assert [(peer["peer_id"], peer.get("host")) for peer in room["peers"]] == [
        ("gcom", None),
        ("drone", "b"),
    ]
    assert found["fleet"]["elsewhere"] == []
    other = await until(
        b, lambda found: [host["rooms"] for host in found["fleet"]["hosts"]] == [0, 1]
    )
    assert other["rooms"] == []
    assert other["fleet"]["elsewhere"] == [
        {"room": "drone-1", "host": "a", "url": a.url, "peers": ["drone"]}
    ]
    here, there = other["fleet"]["hosts"]
    assert (here["name"], here["state"], here["url"]) == ("b", "here", b.url)
    assert (there["name"], there["peers"], there["url"]) == ("a", 2, a.url)
    assert (await until(b, lambda found: found["fleet"]["hosts"][1]["round_trip_ms"])) is not None


async def test_metrics_count_clients_at_their_owner_and_links_at_both(
    machines: Machines, programs: Any
) -> None:
    a, b = await two(machines)
    await asyncio.gather(until(a, linked(1)), until(b, linked(1)))
    await programs("gcom", "drone", a)
    await programs("drone", "gcom", b)
    await until(a, lambda found: len(found["rooms"][0]["peers"]) == 2)
    await until(a, lambda found: found["fleet"]["hosts"][1]["round_trip_ms"])
    at_a, at_b = [await machine.metrics() for machine in (a, b)]
    assert (at_a["hawkeye_peers"], at_b["hawkeye_peers"]) == (2, 0)
    assert (at_a["hawkeye_connections"], at_b["hawkeye_connections"]) == (1, 1)
    far = "hawkeye_fleet_far_connections"
    edge = "hawkeye_fleet_edge_connections"
    assert (at_a[far], at_a[edge], at_b[far], at_b[edge]) == (1, 0, 0, 1)
    for found in (at_a, at_b):
        assert found["hawkeye_fleet_up"] == found["hawkeye_fleet_links"] == 1
        assert found['hawkeye_fleet_batches_total{direction="in"}'] > 0
        assert found['hawkeye_fleet_batches_total{direction="out"}'] > 0
    assert at_a['hawkeye_fleet_records_total{kind="join"}'] == 1
    assert at_b['hawkeye_fleet_records_total{kind="admitted"}'] == 1
    assert at_a['hawkeye_fleet_round_trip_seconds{host="b"}'] > 0
    await a.stop()
    ended = await b.server.line(r"the link to host a has ended \((\w+)\)")
    left = await b.metrics()
    # A message that was still under way may begin another link, which ends like the first.
    assert left[f'hawkeye_fleet_link_resets_total{{reason="{ended[1]}"}}'] >= 1
    assert left["hawkeye_fleet_links"] == 0


async def test_host_without_redis_is_up_and_says_that_it_is_alone(
    machines: Machines, redis: RedisServer
) -> None:
    a, b = machines.make("a", fleet={"patience": 0.5}), machines.make("b", fleet={"patience": 0.5})
    b._config["fleet"]["ready_needs_engine"] = True
    await asyncio.gather(a.start(), b.start())
    await asyncio.gather(until(a, linked(1)), until(b, linked(1)))
    for machine in (a, b):
        assert (await ask(machine, "/healthz")).json()["fleet"] == "together"
        assert (await ask(machine, "/readyz")).status == 200
    redis.kill()
    for machine in (a, b):
        await machine.server.line("this host goes on alone")
        found = await status_of(machine)
        assert found["fleet"]["state"] == "alone"
        (sentence,) = found["fleet"]["warnings"]
        assert sentence.startswith("Redis has not answered for ")
        assert "rooms on two hosts are apart" in sentence
        assert "rooms on two hosts are apart" in " ".join(found["server"]["warnings"])
        health = await ask(machine, "/healthz")
        assert (health.status, health.json()["fleet"]) == (200, "alone")
    assert (await ask(a, "/readyz")).json() == {"status": "ready"}
    unready = await ask(b, "/readyz")
    assert (unready.status, unready.json()) == (503, {"status": "alone"})


async def test_host_that_never_met_redis_is_starting_until_it_goes_on_alone(
    machines: Machines, redis: RedisServer
) -> None:
    redis.kill()
    machine = machines.make("a", fleet={"patience": 1.0})
    await machine.start()
    first = await ask(machine, "/readyz")
    assert (first.status, first.json()) == (503, {"status": "starting"})
    assert (await ask(machine, "/healthz")).status == 200
    await machine.server.line("this host goes on alone")
    assert (await ask(machine, "/readyz")).status == 200


async def test_host_with_another_secret_is_no_part_of_the_fleet(
    machines: Machines, tmp_path: Path
) -> None:
    secrets = []
    for name in ("one", "other"):
        secrets.append(tmp_path / name)
        secrets[-1].write_text(f"{name} secret of this fleet\n")
    a = machines.make("a", fleet={"secret_file": str(secrets[0])})
    b = machines.make("b", fleet={"secret_file": str(secrets[1])})
    await asyncio.gather(a.start(), b.start())
    for machine in (a, b):
        found = await until(machine, lambda found: found["fleet"]["warnings"])
        assert [host["name"] for host in found["fleet"]["hosts"]] == [machine.name]
        assert found["fleet"]["signed"]
        assert "another fleet.secret_file" in found["fleet"]["warnings"][0]


# --- the command line -----------------------------------------------------------------------------


async def test_status_of_the_fleet_prints_every_host(machines: Machines, programs: Any) -> None:
    a, b = await two(machines)
    await asyncio.gather(until(a, linked(1)), until(b, linked(1)))
    await programs("gcom", "drone", a)
    await programs("drone", "gcom", b)
    await until(b, lambda found: found["fleet"]["elsewhere"])
    found = await run("status", "--url", a.url, "--fleet")
    assert (found.returncode, found.stderr) == (0, "")
    lines = found.stdout.splitlines()
    assert [line for line in lines if line.startswith("host ")] == [
        f"host a at {a.url}",
        f"host b at {b.url}",
    ]
    assert f"  room drone-1 is at a ({a.url}); from here: drone" in lines
    assert any("connected to b" in line for line in lines)
    as_json = await run("status", "--url", a.url, "--json", "--fleet")
    hosts = json.loads(as_json.stdout)["hosts"]
    assert [host["name"] for host in hosts] == ["a", "b"]
    assert [host["status"]["fleet"]["name"] for host in hosts] == ["a", "b"]


async def test_status_of_the_fleet_fails_if_a_host_does_not_answer(machines: Machines) -> None:
    a, b = told(machines.make("a")), told(machines.make("b"))
    a._config["fleet"].update(OFF)
    b._config["fleet"].update(OFF)
    silent = machines.make("c")  # it tells no URL
    await asyncio.gather(a.start(), b.start(), silent.start())
    await until(a, linked(2))
    b.freeze()
    found = await run("status", "--url", a.url, "--fleet")
    b.thaw()
    assert found.returncode == 1
    assert f"no status from {b.url}" in found.stdout
    assert "it tells no URL" in found.stdout
    whole = await run("status", "--url", a.url, "--fleet", silent.url)
    assert whole.returncode == 0, whole.stdout
    assert "host c" in whole.stdout


async def test_status_of_no_fleet_says_so(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        found = await run("status", "--url", server.url, "--fleet")
    assert found.returncode == 1
    assert "is part of no fleet" in found.stdout


async def test_token_goes_only_where_the_operator_says_so(
    machines: Machines, tmp_path: Path
) -> None:
    token, line = new_token("watcher")
    tokens = write_tokens(tmp_path, [line.replace("}", ", can: [status]}")])
    a, b = await two(machines, auth={"tokens_file": tokens})
    await until(a, linked(1), token)
    found = await run("status", "--url", a.url, "--token", token, "--fleet")
    assert found.returncode == 1
    assert "asked without the token: name its URL here to send it" in found.stdout
    whole = await run("status", "--url", a.url, "--token", token, "--fleet", b.url)
    assert whole.returncode == 0, whole.stdout


@pytest.mark.parametrize("has_secret", [True, False], ids=["secret", "no secret"])
async def test_token_goes_over_verified_tls_to_the_hosts_of_a_fleet_with_a_secret(
    machines: Machines, tmp_path: Path, has_secret: bool
) -> None:
    authority = make_ca(tmp_path)
    certificate, key = make_certificate(tmp_path, "signaling")
    token, line = new_token("watcher")
    config: dict[str, Any] = {
        "tls": {"certificate": certificate, "private_key": key},
        "auth": {"tokens_file": write_tokens(tmp_path, [line.replace("}", ", can: [status]}")])},
    }
    secret = tmp_path / "secret"
    secret.write_text("a secret of this fleet\n")
    a, b = machines.make("a", **config), machines.make("b", **config)
    for machine in (a, b):
        machine.url = machine.url.replace("http:", "https:")
        told(machine, **({"secret_file": str(secret)} if has_secret else {}))
    await asyncio.gather(a.start(), b.start())
    await a.server.line("host b is part of the fleet")
    asked = ("status", "--url", a.url, "--token", token, "--cafile", str(authority), "--fleet")
    found = await run(*asked)
    assert f"host b at {b.url}" in found.stdout
    assert ("asked without the token" in found.stdout) is not has_secret
    assert found.returncode == (0 if has_secret else 1), found.stdout
    assert (await run(*asked, b.url)).returncode == 0


async def test_probe_meets_over_two_hosts(machines: Machines) -> None:
    a, b = await two(machines)
    await asyncio.gather(until(a, linked(1)), until(b, linked(1)))
    found = await run("probe", "--fleet", a.url, b.url)
    assert found.returncode == 0, found.stdout + found.stderr
    lines = found.stdout.splitlines()
    assert lines[0].startswith("two hosts of a fleet answer ")
    assert lines[-1] == f"signaling works at {a.url} and {b.url}"
    assert len(lines) == 8
    same = await run("probe", "--fleet", a.url, a.url)
    assert same.returncode == 1
    assert "both URLs lead to the same host" in same.stdout


async def test_probe_says_that_a_host_is_alone_or_in_no_fleet(
    machines: Machines, redis: RedisServer, tmp_path: Path
) -> None:
    a = await _alone(machines, redis)
    found = await run("probe", "--fleet", a.url, a.url)
    assert found.returncode == 1
    assert f"the host at {a.url} is alone: Redis does not answer there" in found.stdout
    with ServerProcess(tmp_path) as server:
        found = await run("probe", "--fleet", server.url, server.url)
    assert found.returncode == 1
    assert f"the host at {server.url} is part of no fleet" in found.stdout


async def _alone(machines: Machines, redis: RedisServer) -> Machine:
    redis.kill()
    machine = machines.make("a", fleet={"patience": 0.5})
    await machine.start()
    await machine.server.line("this host goes on alone")
    return machine


def test_probe_of_a_fleet_takes_two_urls() -> None:
    command = [sys.executable, "-m", "signaling_server", "probe", "--fleet", "http://a"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "expected 2 arguments" in found.stderr


async def test_who_is_alone_hears_of_who_is_alone_at_another_host(
    machines: Machines, programs: Any
) -> None:
    a, b = await machines.start("a", "b")
    await programs("gcom", "", a, "drone1")
    await programs("streaming-node", "", b, "drone-1")
    gcom = "gcom is alone in drone1"
    node = "streaming-node is alone in drone-1"
    for host, text in (
        (a, f"{gcom}; {node} on host b: is that the same drone?"),
        (b, f"{node}; {gcom} on host a: is that the same drone?"),
    ):
        status = await until(
            host, lambda found: found["headline"] and found["headline"]["code"] == "other-room"
        )
        assert status["headline"]["text"] == text
