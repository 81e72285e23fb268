"""Getting in: users with the documented rights, passwords, sockets, TLS, and what is no Redis."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from fleet.hosts import Host, Hosts
from fleet.redis_server import RedisServer, free_port
from signaling_server.errors import StartError
from signaling_server.fleet.engine import EngineLost

DOCUMENT = Path(__file__).parents[2] / "docs" / "fleet.md"
Start = Callable[..., RedisServer]


def rights() -> list[str]:
    """Those of the ACL user in docs/fleet.md, without its password."""
    (line,) = re.findall(r"^user hawkeye on >\S+ (.*)$", DOCUMENT.read_text(), re.M)
    return str(line).split()


async def use(host: Host) -> None:
    """Do all that a host does."""
    engine = host.engine
    await engine.announce("record", 60_000)
    assert await engine.beat("record", 60_000) is True
    assert await engine.claim(["one", "two"]) == [host.instance] * 2
    await engine.release(["one"])
    assert await engine.publish(host.instance, "hello") == 1
    await host.until(lambda: host.heard[-1:] == ["hello"])
    assert host.instance in await engine.hosts()
    await engine.bury("dead", True)
    await engine.leave()


async def take_over(host: Host) -> None:
    """Two that only happen with others: a room of a dead host, and a name that is taken."""
    await host.engine.claim(["left by a dead host"])
    host.engine.name = "taken"
    await host.engine.announce("record", 60_000)


def leave_traces(redis: RedisServer) -> None:
    """Of a dead host, and of one that has the name `taken`."""
    redis.ask("HSET", "{hs}:rooms", "left by a dead host", "dead", "another", "dead")
    redis.ask("SADD", "{hs}:owned:dead", "left by a dead host", "another")
    redis.ask("SADD", "{hs}:hosts", "dead")
    redis.ask("SET", "{hs}:name:taken", "somebody")


async def test_documented_rights_are_enough(redis: RedisServer, hosts: Hosts) -> None:
    redis.ask("ACL", "SETUSER", "hawkeye", "on", ">secret", *rights())
    leave_traces(redis)
    a = await hosts.start(f"redis://hawkeye:secret@127.0.0.1:{redis.port}", prefix="hs")
    await take_over(a)
    await use(a)
    assert a.changes == [True]


@pytest.mark.parametrize("right", [each for each in rights() if each.startswith("+")])
async def test_each_documented_right_is_needed(
    redis: RedisServer, hosts: Hosts, right: str
) -> None:
    fewer = [each for each in rights() if each != right]
    redis.ask("ACL", "SETUSER", "hawkeye", "on", ">secret", *fewer)
    leave_traces(redis)
    url = f"redis://hawkeye:secret@127.0.0.1:{redis.port}"

    async def do_all() -> None:
        a = await hosts.start(url, prefix="hs", announced=False)
        await take_over(a)
        await use(a)

    with pytest.raises((EngineLost, StartError)):
        await do_all()


async def test_documented_user_reaches_no_other_key_or_channel(
    redis: RedisServer, hosts: Hosts
) -> None:
    redis.ask("ACL", "SETUSER", "hawkeye", "on", ">secret", *rights())
    url = f"redis://hawkeye:secret@127.0.0.1:{redis.port}"
    a = await hosts.start(url, prefix="other", announced=False)
    assert "NOPERM" in a.engine.lost_because or "permission" in a.engine.lost_because.lower()
    assert a.changes == []


async def test_wrong_password_is_named_and_a_right_one_counts_at_once(
    start_redis: Start, hosts: Hosts
) -> None:
    redis = start_redis("locked", "requirepass right")
    a = await hosts.start(redis.url, "a", password="wrong", announced=False)
    assert "invalid" in a.engine.lost_because.lower()
    assert "wrong" not in a.engine.lost_because.lower().replace("wrongpass", "")
    b = await hosts.start(redis.url, "b", password="right")
    assert b.changes == [True]


async def test_password_of_the_url_counts(start_redis: Start, hosts: Hosts) -> None:
    redis = start_redis("locked", "requirepass ri:ght")
    a = await hosts.start(f"redis://:ri%3Aght@127.0.0.1:{redis.port}")
    assert a.changes == [True]


async def test_socket_and_database(redis: RedisServer, hosts: Hosts) -> None:
    a = await hosts.start(f"unix://{redis.socket}?db=3")
    await use(a)
    await a.announce()
    assert redis.ask("-n", "3", "EXISTS", f"{{{hosts.prefix}}}:host:a") == "1"
    assert redis.ask("EXISTS", f"{{{hosts.prefix}}}:host:a") == "0"


# --- TLS ------------------------------------------------------------------------------------------


class Authority:
    """Signs the certificate of a Redis."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", self._key, "-out", self.certificate, "-days", "2"),
            *("-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:true"),
        )

    def sign(self, names: str) -> tuple[Path, Path]:
        """A certificate for `names`, such as "IP:127.0.0.1", and its key."""
        request, key, signed = (
            self.folder / f"{self.name}-redis.{end}" for end in ("csr", "key", "pem")
        )
        extensions = self.folder / f"{self.name}.ext"
        extensions.write_text(f"subjectAltName={names}\n")
        self._openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", key, "-out", request, "-subj", "/CN=redis"),
        )
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key),
            *("-CAcreateserial", "-days", "2", "-out", signed, "-extfile", extensions),
        )
        return signed, key

    def _openssl(self, *arguments: Any) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def tls_lines(authority: Authority, names: str, port: int) -> list[str]:
    certificate, key = authority.sign(names)
    return [
        f"tls-port {port}",
        f"tls-cert-file {certificate}",
        f"tls-key-file {key}",
        f"tls-ca-cert-file {authority.certificate}",
        "tls-auth-clients no",
    ]


async def test_tls_with_the_authority_of_ca_file(
    start_redis: Start, tmp_path: Path, hosts: Hosts, unused_port: int
) -> None:
    authority = Authority(tmp_path, "ours")
    start_redis("tls", *tls_lines(authority, "IP:127.0.0.1", unused_port))
    url = f"rediss://127.0.0.1:{unused_port}"
    await use(await hosts.start(url, ca_file=str(authority.certificate)))


async def test_certificates_of_others_are_refused(
    start_redis: Start, tmp_path: Path, hosts: Hosts, unused_port: int
) -> None:
    authority = Authority(tmp_path, "ours")
    start_redis("tls", *tls_lines(authority, "IP:127.0.0.2", unused_port))
    url = f"rediss://127.0.0.1:{unused_port}"
    theirs = str(Authority(tmp_path, "theirs").certificate)
    for ca_file in (None, theirs, str(authority.certificate)):  # the last for another address
        a = await hosts.start(url, ca_file=ca_file, announced=False)
        assert a.changes == []
        # On a busy machine a try may take too long, before it comes that far.
        while "certificate" not in a.engine.lost_because.lower():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_black_hole_in_the_middle_of_tls_ends(hosts: Hosts) -> None:
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    a = await asyncio.wait_for(hosts.start(f"rediss://127.0.0.1:{port}", announced=False), 5)
    assert a.changes == []
    silent.close()


# --- what is no Redis for a fleet -----------------------------------------------------------------


async def test_cluster_is_refused(start_redis: Start, hosts: Hosts) -> None:
    redis = start_redis("cluster", "cluster-enabled yes", f"cluster-port {free_port()}")
    with pytest.raises(StartError, match=r"is a Redis Cluster, .*fleet\.sentinel"):
        await hosts.start(redis.url)


async def test_sentinel_in_the_place_of_a_redis_is_refused(
    start_redis: Start, hosts: Hosts
) -> None:
    sentinel = start_redis("sentinel", arguments=("--sentinel",))
    with pytest.raises(StartError, match=r"is a sentinel: put it into fleet\.sentinel"):
        await hosts.start(sentinel.url)


async def test_replica_is_no_redis_to_write_to(
    redis: RedisServer, start_redis: Start, hosts: Hosts
) -> None:
    replica = start_redis("replica", f"replicaof 127.0.0.1 {redis.port}")
    a = await hosts.start(replica.url, announced=False)
    assert a.engine.lost_because.endswith("is a replica: it takes no writes")
    replica.ask("REPLICAOF", "NO", "ONE")
    await a.until_changes(True)


async def test_primary_that_becomes_a_replica_is_lost(
    redis: RedisServer, start_redis: Start, hosts: Hosts
) -> None:
    other = start_redis("other")
    a = await hosts.start(redis.url)
    redis.ask("REPLICAOF", "127.0.0.1", str(other.port))
    with pytest.raises(EngineLost, match=r"READONLY|read only"):
        await a.engine.beat("record", 60_000)
    await a.until_changes(True, False)


async def test_what_speaks_no_redis_is_lost_not_waited_for(hosts: Hosts) -> None:
    def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n" * 3)

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    a = await asyncio.wait_for(hosts.start(f"redis://127.0.0.1:{port}", announced=False), 5)
    assert a.changes == []
    assert a.engine.lost_because.startswith(f"redis://127.0.0.1:{port}")
    server.close()
