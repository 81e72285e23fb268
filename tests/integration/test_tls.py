"""HTTPS and WSS with a private CA, set up as in docs/operations.md."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import ssl
import subprocess
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import Visitors
from integration.credentials import make_ca, make_certificate
from integration.server import PATIENCE, ServerProcess, run_to_its_end

OFFER = {"type": "offer", "data": {}}


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA and three certificates: first, second, and one that expires in 5 days."""
    folder = tmp_path_factory.mktemp("vault")
    make_ca(folder)
    for name, days in (("first", 800), ("second", 800), ("ending", 5)):
        make_certificate(folder, name, days)
    return folder


def use(vault: Path, name: str, folder: Path) -> dict[str, Any]:
    """Install the files of `name`; returns the configuration that names the installed files."""
    for end in ("crt", "key"):
        shutil.copy(vault / f"{name}.{end}", folder / f"server.{end}")
    files = {"certificate": str(folder / "server.crt"), "private_key": str(folder / "server.key")}
    return {"tls": files}


def presented(server: ServerProcess, context: ssl.SSLContext) -> tuple[str, str]:
    """The name on the server's certificate, and the negotiated version of TLS."""
    with socket.create_connection(
        ("127.0.0.1", server.port), timeout=PATIENCE
    ) as plain, context.wrap_socket(plain, server_hostname="localhost") as wrapped:
        subject: Any = wrapped.getpeercert()
        return subject["subject"][0][0][1], str(wrapped.version())


def trusting(vault: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(vault / "ca.crt"))


async def test_both_clients_connect_over_tls(
    visitors: Visitors, vault: Path, tmp_path: Path, kind: str
) -> None:
    ca = str(vault / "ca.crt")
    with ServerProcess(tmp_path, use(vault, "first", tmp_path)) as server:
        assert server.url.startswith("https://")
        node = await visitors.join("node", url=server.url, ca=ca)
        gcom = await visitors.join("gcom", url=server.url, ca=ca)
        await node.next("peer_joined")
        await node.call("signal", OFFER)
        assert await gcom.next("signal") == {**OFFER, "from": "node"}
        await visitors.leave()


@pytest.mark.parametrize("language", ["python", "js"])
async def test_client_that_does_not_trust_the_ca_does_not_connect(
    visitors: Visitors, vault: Path, tmp_path: Path, language: str
) -> None:
    with ServerProcess(tmp_path, use(vault, "first", tmp_path)) as server:
        client = visitors.make(f"{language}-websocket")
        await client.connect(server.url)
        await client.next("connect_error")
        assert client.heard == []
        await visitors.leave()


async def test_reload_renews_the_certificate_and_drops_no_client(
    visitors: Visitors, vault: Path, tmp_path: Path, kind: str
) -> None:
    ca = str(vault / "ca.crt")
    with ServerProcess(tmp_path, use(vault, "first", tmp_path)) as server:
        node = await visitors.join("node", url=server.url, ca=ca)
        assert presented(server, trusting(vault))[0] == "first"
        use(vault, "second", tmp_path)
        server.send(signal.SIGHUP)
        await server.line("configuration reloaded")
        assert presented(server, trusting(vault))[0] == "second"
        gcom = await visitors.join("gcom", url=server.url, ca=ca)
        await node.next("peer_joined")
        await node.call("signal", OFFER)
        assert await gcom.next("signal") == {**OFFER, "from": "node"}
        assert "disconnect" not in [event for event, _ in node.events]
        await visitors.leave()


def spoil(how: str, vault: Path, folder: Path) -> None:
    """Damage the installed files."""
    certificate, key = folder / "server.crt", folder / "server.key"
    if how == "key of another":
        shutil.copy(vault / "second.key", key)
    elif how == "no PEM":
        certificate.write_text("this is no certificate\n")
    elif how == "gone":
        key.unlink()
    elif how == "half a file":
        text = certificate.read_text()
        certificate.write_text(text[: len(text) // 2])
    else:
        command = ["openssl", "ec", "-aes128", "-passout", "pass:secret", "-out", key, "-in"]
        subprocess.run([*command, vault / "first.key"], check=True, capture_output=True)


@pytest.mark.parametrize(
    "how", ["key of another", "no PEM", "gone", "half a file", "key with a password"]
)
def test_reload_of_bad_files_keeps_the_old_pair_and_says_so(
    vault: Path, tmp_path: Path, how: str
) -> None:
    with ServerProcess(tmp_path, use(vault, "first", tmp_path)) as server:
        spoil(how, vault, tmp_path)
        server.send(signal.SIGHUP)
        server.wait_for_line(r"ERROR configuration not reloaded: \S+/server\.(crt|key): ")
        assert presented(server, trusting(vault))[0] == "first"
    checked = run_to_its_end("check-config", "--config", str(tmp_path / "config.yaml"))
    assert checked.returncode == 78
    assert "/server." in checked.stderr
    assert "Traceback" not in checked.stderr
    started = run_to_its_end("serve", "--config", str(tmp_path / "config.yaml"))
    assert started.returncode == 78


def test_old_versions_of_tls_are_refused(vault: Path, tmp_path: Path) -> None:
    def only(version: ssl.TLSVersion) -> ssl.SSLContext:
        context = trusting(vault)
        context.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL itself would not speak 1.1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        return context

    with ServerProcess(tmp_path, use(vault, "first", tmp_path)) as server:
        with pytest.raises(ssl.SSLError):
            presented(server, only(ssl.TLSVersion.TLSv1_1))
        assert presented(server, only(ssl.TLSVersion.TLSv1_2))[1] == "TLSv1.2"
        assert presented(server, trusting(vault))[1] == "TLSv1.3"


def test_certificate_that_expires_soon_is_a_warning(vault: Path, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, use(vault, "ending", tmp_path)) as server:
        server.wait_for_line(r"WARNING the TLS certificate expires on \d{4}-\d\d-\d\d, in 5 days")


def test_callers_without_a_handshake_do_not_lock_others_out(vault: Path, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, use(vault, "first", tmp_path)) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        for caller, garbage in zip(silent, (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" * 99)):
            caller.sendall(garbage)
        assert presented(server, trusting(vault))[0] == "first"
        for caller in silent:
            caller.close()
        assert presented(server, trusting(vault))[0] == "first"
        assert "Traceback" not in "\n".join(server.lines)


def test_caller_without_tls_is_refused_in_log_metrics_and_status(
    vault: Path, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path, use(vault, "first", tmp_path)) as server:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as caller:
            caller.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"use https:// and wss://" in b"".join(iter(lambda: caller.recv(65536), b""))
        server.wait_for_line("WARNING refused a client from 127.0.0.1: .+; use https:// and wss://")

        def page(path: str) -> str:
            url = f"https://localhost:{server.port}{path}"
            with urllib.request.urlopen(url, timeout=PATIENCE, context=trusting(vault)) as answer:
                return str(answer.read().decode())

        assert 'hawkeye_refused_total{code="plain-on-tls-port"} 1' in page("/metrics")
        (refusal,) = json.loads(page("/api/status"))["refusals"]
        assert (refusal["code"], refusal["address"]) == ("plain-on-tls-port", "127.0.0.1")
