"""Debian's proxies, each run with the file that docs/examples/proxies gives to operators.

Ports, addresses and files of the documented text are replaced by a test's own, nothing else. A
proxy needs no privileges, keeps its files in a folder of the test, and ends with it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from integration.credentials import make_ca, make_certificate
from integration.server import PATIENCE, ROOT

DOCUMENTED = ROOT / "docs" / "examples" / "proxies"
APACHE_MODULES = Path("/usr/lib/apache2/modules")
APACHE_LOADED = (
    *("mpm_event", "authz_core", "alias", "headers", "macro", "ssl"),
    *("socache_shmcb", "proxy", "proxy_http", "proxy_wstunnel"),
)


class Ends(NamedTuple):
    """Where a proxy listens, and whom it calls."""

    plain: int
    tls: int
    server: int


class Proxy:
    """A running proxy. Use it as a context manager: no process is left over."""

    file = ""
    """Its name under docs/examples/proxies."""

    def __init__(self, folder: Path, server: int) -> None:
        self.folder = folder
        self.ends = Ends(free_port(), free_port(), server)
        self.ca = str(make_ca(folder))
        self.certificate, self.key = make_certificate(folder, "drone")

    def replacements(self) -> dict[str, str]:
        """The documented text -> the test's own."""
        raise NotImplementedError

    def command(self, config: Path) -> list[str]:
        """What runs it in the foreground, with the documented text in the file `config`."""
        raise NotImplementedError

    def text(self) -> str:
        """The documented file with the test's ports and files."""
        text = (DOCUMENTED / self.file).read_text()
        for documented, own in self.replacements().items():
            assert documented in text, f"{self.file} has no {documented!r}"
            text = text.replace(documented, own)
        return text

    def __enter__(self) -> Proxy:
        config = self.folder / self.file
        config.write_text(self.text())
        self._log = (self.folder / "log").open("w")
        home = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(self.folder))
        self._process = subprocess.Popen(
            self.command(config),
            cwd=self.folder,
            env={**os.environ, **home},
            stdout=self._log,
            stderr=self._log,
        )
        try:
            for port in self.ends[:2]:
                self._wait_for(port)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def url(self, scheme: str, path: str = "") -> str:
        """Where clients reach it."""
        port = self.ends.tls if scheme == "https" else self.ends.plain
        return f"{scheme}://127.0.0.1:{port}{path}"

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        """What it said so far."""
        return (self.folder / "log").read_text()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE)
        self._log.close()


class Nginx(Proxy):
    file = "nginx.conf"

    def replacements(self) -> dict[str, str]:
        return {
            "listen 80;": f"listen 127.0.0.1:{self.ends.plain};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.ends.tls} ssl;",
            "/etc/nginx/drone.crt": self.certificate,
            "/etc/nginx/drone.key": self.key,
            "127.0.0.1:8080": f"127.0.0.1:{self.ends.server}",
        }

    def command(self, config: Path) -> list[str]:
        user = "user root;" if os.geteuid() == 0 else ""  # else it could not read the folder
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "\n".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)
        main = self.folder / "main.conf"
        main.write_text(
            f"{user} daemon off; pid {self.folder}/pid; error_log stderr; worker_processes 1;\n"
            f"events {{}}\nhttp {{ access_log off; {temporary}\ninclude {config}; }}\n"
        )
        return ["nginx", "-c", str(main), "-p", str(self.folder), "-e", "stderr"]


class Haproxy(Proxy):
    file = "haproxy.cfg"

    def replacements(self) -> dict[str, str]:
        both = self.folder / "drone.pem"
        both.write_text(Path(self.certificate).read_text() + Path(self.key).read_text())
        return {
            "bind :80": f"bind 127.0.0.1:{self.ends.plain}",
            "bind :443": f"bind 127.0.0.1:{self.ends.tls}",
            "/etc/haproxy/drone.pem": str(both),
            "127.0.0.1:8080": f"127.0.0.1:{self.ends.server}",
        }

    def command(self, config: Path) -> list[str]:
        return ["haproxy", "-db", "-f", str(config)]


class Caddy(Proxy):
    file = "Caddyfile"

    def replacements(self) -> dict[str, str]:
        return {
            "\tauto_https off": "\tauto_https off\n\tadmin off\n\tdefault_bind 127.0.0.1\n"
            f"\thttp_port {self.ends.plain}\n\thttps_port {self.ends.tls}\n"
            "\tdefault_sni 127.0.0.1",  # clients give no name for an address
            "//drone.example": "//127.0.0.1",
            "/etc/caddy/drone.crt": self.certificate,
            "/etc/caddy/drone.key": self.key,
            "127.0.0.1:8080": f"127.0.0.1:{self.ends.server}",
        }

    def command(self, config: Path) -> list[str]:
        return ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]


class Apache(Proxy):
    file = "apache.conf"

    def replacements(self) -> dict[str, str]:
        return {
            "<VirtualHost *:80>": f"<VirtualHost 127.0.0.1:{self.ends.plain}>",
            "<VirtualHost *:443>": f"<VirtualHost 127.0.0.1:{self.ends.tls}>",
            "/etc/apache2/drone.crt": self.certificate,
            "/etc/apache2/drone.key": self.key,
            "127.0.0.1:8080": f"127.0.0.1:{self.ends.server}",
        }

    def command(self, config: Path) -> list[str]:
        modules = "\n".join(
            f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in APACHE_LOADED
        )
        ports = "\n".join(f"Listen 127.0.0.1:{port}" for port in self.ends[:2])
        main = self.folder / "main.conf"
        main.write_text(
            f"ServerRoot {self.folder}\nServerName localhost\nPidFile {self.folder}/pid\n"
            f"DefaultRuntimeDir {self.folder}\nErrorLog /dev/stderr\n{modules}\n{ports}\n"
            f"<IfModule unixd_module>\nUser www-data\nGroup www-data\n</IfModule>\n"
            f"Include {config}\n"
        )
        return ["apache2", "-f", str(main), "-DFOREGROUND"]


PROXIES = {"nginx": Nginx, "haproxy": Haproxy, "caddy": Caddy, "apache": Apache}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
