"""`new-certificate`, judged by OpenSSL, by Python 3.13, and by Debian's Chromium and Firefox.

The browsers reach NAME.local, so that nothing is secure for being localhost. Their profiles are
new; certutil puts the authority into them, as the command's output says.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from integration.server import PATIENCE, ROOT, ServerProcess
from signaling_server.appliance import authority as made
from signaling_server.appliance.authority import Authority
from signaling_server.core.certificate.contents import DAY
from signaling_server.errors import CertificateError
from signaling_server.version import RELEASED

HOST = socket.gethostname().split(".")[0].lower() + ".local"
BROWSER_SECONDS = 90
PAGE = b"""<!doctype html><script>
const found = [isSecureContext, !!navigator.mediaDevices, !!navigator.clipboard];
document.write(`<img src="/secure/${found.join("/")}">`);
</script>"""
SECURE = "/secure/true/true/true"


class Folders:
    """The folders of `new-certificate`, and its command line."""

    def __init__(self, folder: Path) -> None:
        self.served, self.kept = folder / "served", folder / "kept"
        self.served.mkdir()
        self.authority = Authority(self.served, self.kept)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        folders = ("--directory", str(self.served), "--authority", str(self.kept))
        return subprocess.run(
            [sys.executable, "-m", "signaling_server", "new-certificate", *folders, *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def make(self) -> str:
        done = self.run()
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def ca(self) -> str:
        return str(self.served / "ca.crt")

    @property
    def certificate(self) -> str:
        return str(self.served / "server.crt")

    def renew(self, days: float) -> str:
        """Renew as the timer would in some days; returns the reason."""
        return self.authority.make(time.time() + days * DAY, (), anew=False, always=False).reason


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """With an authority and a certificate that no test changes."""
    folders = Folders(tmp_path_factory.mktemp("ready"))
    folders.make()
    return folders


def openssl(*arguments: str) -> str:
    done = subprocess.run(
        ["openssl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False, timeout=PATIENCE,
    )  # fmt: skip
    return done.stdout


def verified(folders: Folders, *checks: str) -> str:
    strict = ("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", folders.ca)
    return openssl(*strict, *checks, folders.certificate)


@pytest.mark.parametrize(
    "check",
    [
        ("-verify_hostname", HOST),
        ("-verify_hostname", "localhost"),
        ("-verify_ip", "127.0.0.1"),
        ("-verify_ip", "::1"),
    ],
)
def test_openssl_verifies_it_strictly(ready: Folders, check: tuple[str, str]) -> None:
    assert verified(ready, *check).endswith(": OK\n")


def test_it_is_for_every_local_address_of_this_machine(ready: Folders) -> None:
    """`ip` lists what the program has read from /proc."""
    said = subprocess.run(["ip", "-o", "-4", "addr"], capture_output=True, text=True, check=True)
    local = [a for a in re.findall(r"inet ([0-9.]+)", said.stdout) if a.startswith(("10.", "127."))]
    assert {*local} <= made.own_addresses()
    for address in local:
        assert verified(ready, "-verify_ip", address).endswith(": OK\n")


def test_it_lasts_at_most_398_days_and_its_authority_ten_years(ready: Folders) -> None:
    for file, days in ((ready.certificate, 397), (ready.ca, 3653)):
        shown = openssl("x509", "-in", file, "-noout", "-startdate", "-enddate")
        begins, ends = (ssl.cert_time_to_seconds(d) for d in re.findall(r"=(.*)", shown))
        assert (ends - begins) / DAY == days
        assert begins < time.time() - DAY / 2  # for clients whose clock is slow


def test_stolen_authority_cannot_imitate_a_public_site(folders: Folders, tmp_path: Path) -> None:
    folders.make()
    key, request, forged = (str(tmp_path / name) for name in ("k", "r", "forged.crt"))
    openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=x"
    )
    (tmp_path / "names").write_text(
        "subjectAltName=DNS:bank.example\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
    )
    ca_key = str(folders.kept / "ca.key")
    openssl("x509", "-req", "-in", request, "-CA", folders.ca, "-CAkey", ca_key, "-CAcreateserial",
            "-out", forged, "-extfile", str(tmp_path / "names"))  # fmt: skip
    said = openssl("verify", "-x509_strict", "-CAfile", folders.ca, forged)
    assert "permitted subtree violation" in said


def test_key_of_the_authority_is_for_root_alone(ready: Folders) -> None:
    def mode(file: Path) -> int:
        return stat.S_IMODE(file.stat().st_mode)

    assert mode(ready.kept) == 0o700
    assert mode(ready.kept / "ca.key") == 0o600
    assert mode(ready.served / "server.key") == 0o640
    assert mode(ready.served / "ca.crt") == mode(ready.served / "server.crt") == 0o644
    assert sorted(os.listdir(ready.served)) == ["ca.crt", "server.crt", "server.key"]


def test_command_prints_the_configuration_and_the_fingerprint(folders: Folders) -> None:
    said = folders.make()
    lines = (
        f"tls:\n  certificate: {folders.certificate}\n  private_key: {folders.served}/server.key\n"
    )
    assert lines in said
    shown = openssl("x509", "-in", folders.ca, "-noout", "-fingerprint", "-sha256")
    assert shown.strip().split("=")[1] in said
    assert f"https://{HOST}:8080" in said


def test_second_run_keeps_the_authority_and_the_key(folders: Folders) -> None:
    folders.make()
    before = {file.name: file.read_bytes() for file in folders.served.iterdir()}
    folders.make()
    after = {file.name: file.read_bytes() for file in folders.served.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"server.crt"}


def test_renewal_changes_nothing_without_a_reason(folders: Folders) -> None:
    folders.make()
    before = Path(folders.certificate).read_bytes()
    assert folders.run("--renew").stdout == ""
    assert folders.renew(200) == ""
    assert Path(folders.certificate).read_bytes() == before


def test_renewal_comes_before_the_end(folders: Folders) -> None:
    folders.make()
    assert folders.renew(250) == "it expires in 146 days"
    assert folders.renew(250) == ""
    then = str(int(time.time() + 251 * DAY))
    assert verified(folders, "-attime", then).endswith(": OK\n")


def test_last_certificate_ends_with_the_authority(folders: Folders) -> None:
    folders.make()
    assert folders.renew(3600) == "it has expired"
    assert folders.renew(3600) == ""
    end = openssl("x509", "-in", folders.certificate, "-noout", "-enddate")
    assert end == openssl("x509", "-in", folders.ca, "-noout", "-enddate")


def test_renewal_comes_with_a_new_address(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.make()
    addresses = {*made.own_addresses(), "192.168.77.7", "203.0.113.9"}
    monkeypatch.setattr(made, "own_addresses", lambda: addresses)
    assert folders.renew(0) == "it is not for 192.168.77.7"
    assert verified(folders, "-verify_ip", "192.168.77.7").endswith(": OK\n")


def test_certificate_that_a_power_cut_emptied_is_made_again(folders: Folders) -> None:
    folders.make()
    Path(folders.certificate).write_text("")
    assert folders.renew(0) == "there is none"
    assert verified(folders).endswith(": OK\n")


def test_name_that_the_authority_does_not_permit_needs_another(folders: Folders) -> None:
    folders.make()
    done = folders.run("--name", "drone-1.example")
    assert done.returncode == 1
    assert "--new-authority" in done.stderr
    before = Path(folders.ca).read_bytes()
    done = folders.run("--name", "drone-1.example", "--new-authority")
    assert done.returncode == 0, done.stderr
    assert Path(folders.ca).read_bytes() != before
    assert verified(folders, "-verify_hostname", "drone-1.example").endswith(": OK\n")
    folders.make()  # keeps the name
    assert verified(folders, "-verify_hostname", "drone-1.example").endswith(": OK\n")


@pytest.mark.parametrize("name", ["10.0.0.1", "a b", "x;y", "$HOME", "-x"])
def test_what_is_no_host_name_is_refused(folders: Folders, name: str) -> None:
    assert folders.run(f"--name={name}").returncode == 2
    assert not folders.kept.exists()


def test_nothing_is_made_while_the_clock_is_not_set(folders: Folders) -> None:
    with pytest.raises(CertificateError, match="clock is not set"):
        folders.authority.make(RELEASED - 1, (), anew=False, always=True)
    assert not folders.kept.exists()


def test_certificate_of_somebody_else_is_not_overwritten(folders: Folders) -> None:
    theirs = Path(folders.certificate)
    theirs.write_text("theirs")
    done = folders.run()
    assert done.returncode == 1
    assert f"{theirs} is there" in done.stderr
    assert theirs.read_text() == "theirs"


def test_missing_openssl_is_named(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CertificateError, match="apt-get install openssl"):
        folders.authority.make(time.time(), (), anew=False, always=True)


def test_server_takes_the_renewed_certificate_at_a_reload(folders: Folders, tmp_path: Path) -> None:
    folders.make()
    files = {"certificate": folders.certificate, "private_key": f"{folders.served}/server.key"}
    with ServerProcess(tmp_path, {"tls": files}) as server:
        before = serial(server.port, folders.ca)
        folders.make()
        server.send(signal.SIGHUP)
        server.wait_for_line("reloaded")
        assert serial(server.port, folders.ca) != before


def serial(port: int, ca: str) -> str:
    context = ssl.create_default_context(cafile=ca)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain, context.wrap_socket(
        plain, server_hostname=HOST
    ) as wrapped:
        found = wrapped.getpeercert()
        assert found is not None
        return str(found["serialNumber"])


# --- clients --------------------------------------------------------------------------------------


class Site:
    """An HTTPS server that records the paths it is asked for."""

    def __init__(self, folders: Folders) -> None:
        self.paths: list[str] = []
        self.refusals: list[str] = []
        self.judged = threading.Event()
        """A client has run the page, or has refused the certificate."""
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.paths.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(PAGE)
                if self.path.startswith("/secure"):
                    site.judged.set()

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                _, error, _ = sys.exc_info()
                if isinstance(error, ssl.SSLError):  # the client's alert
                    site.refusals.append(str(error))
                    site.judged.set()

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folders.certificate, str(folders.served / "server.key"))
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = self.server.server_address[1]
        self.url = f"https://{HOST}:{self.port}/"


@pytest.fixture
def site(ready: Folders) -> Iterator[Site]:
    site = Site(ready)
    thread = threading.Thread(target=site.server.serve_forever, args=(0.05,))
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


def python_3_13() -> str:
    said = subprocess.run([ROOT / ".ci/pythons"], capture_output=True, text=True, check=True).stdout
    found = dict(line.split() for line in said.splitlines())
    if "3.13" not in found:
        pytest.skip("no Python 3.13 on this machine")
    return found["3.13"]


def test_python_3_13_trusts_it(site: Site, ready: Folders) -> None:
    """Its default context is strict (VERIFY_X509_STRICT)."""
    program = (
        "import socket, ssl, sys; c = ssl.create_default_context(cafile=sys.argv[3]);"
        "assert c.verify_flags & ssl.VERIFY_X509_STRICT;"
        "s = socket.create_connection(('127.0.0.1', int(sys.argv[2])));"
        "c.wrap_socket(s, server_hostname=sys.argv[1]).close()"
    )
    command = [python_3_13(), "-I", "-c", program, HOST, str(site.port), ready.ca]
    subprocess.run(command, check=True, timeout=PATIENCE)


def trust(database: Path, ready: Folders) -> None:
    database.mkdir(parents=True, exist_ok=True)
    nss = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*nss, "-N", "--empty-password"], check=True, timeout=PATIENCE)
    add = ["-A", "-t", "C,,", "-n", "hawkeye", "-i", ready.ca]
    subprocess.run([*nss, *add], check=True, timeout=PATIENCE)


def chromium(home: Path, url: str) -> list[str]:
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    more = "--disable-background-networking --disable-component-update"
    rules = f"--host-resolver-rules=MAP {HOST} 127.0.0.1"
    data = f"--user-data-dir={home}/chromium"
    return ["/usr/bin/chromium", *flags.split(), *more.split(), rules, data, "--dump-dom", url]


def firefox(home: Path, url: str) -> list[str]:
    profile = home / "firefox"
    profile.mkdir(exist_ok=True)
    preferences = {
        "network.dns.forceResolve": '"127.0.0.1"',
        "browser.shell.checkDefaultBrowser": "false",
        "datareporting.policy.dataSubmissionEnabled": "false",
        "toolkit.telemetry.reportingpolicy.firstRun": "false",
        "dom.security.https_only_mode": "false",
    }
    lines = [f'user_pref("{key}", {value});' for key, value in preferences.items()]
    (profile / "user.js").write_text("\n".join(lines))
    picture = str(home / "shot.png")
    return ["/usr/bin/firefox-esr", "--headless", "--profile", str(profile), "--no-remote",
            "--screenshot", picture, url]  # fmt: skip


BROWSERS: dict[str, tuple[Callable[[Path, str], list[str]], str]] = {
    "chromium": (chromium, ".pki/nssdb"),
    "firefox": (firefox, "firefox"),
}


@pytest.mark.parametrize("name", BROWSERS)
def test_browser_that_trusts_the_authority_has_a_camera_and_a_clipboard(
    name: str, site: Site, ready: Folders, tmp_path: Path
) -> None:
    command, database = BROWSERS[name]
    trust(tmp_path / database, ready)
    run_browser(command(tmp_path, site.url), tmp_path, site)
    assert SECURE in site.paths, site.refusals


@pytest.mark.parametrize("name", BROWSERS)
def test_browser_that_does_not_trust_it_sends_no_request(
    name: str, site: Site, tmp_path: Path
) -> None:
    command, _ = BROWSERS[name]
    run_browser(command(tmp_path, site.url), tmp_path, site)
    assert site.paths == []
    assert "alert" in site.refusals[0]


def run_browser(command: list[str], home: Path, site: Site) -> None:
    """Run it until it has judged the site."""
    with (home / "log").open("w") as log, subprocess.Popen(
        command,
        env={**os.environ, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    ) as process:
        try:
            assert site.judged.wait(BROWSER_SECONDS), (home / "log").read_text()
        finally:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGKILL)
