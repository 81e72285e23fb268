"""The command `new-certificate`: HTTPS for this server, and how phones get to trust it."""

from __future__ import annotations

import argparse
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction  # what add_subparsers() returns; no public name

TIMER = "hawkeye-signaling-certificate.timer"
"""Of the package."""
SERVICES = ("hawkeye-signaling.service", "hawkeye-signaling@*.service")

GUIDE = """\
The server's certificate: {certificate}
The authority that signed it: {authority}
  SHA-256 {fingerprint}

Put these lines into /etc/hawkeye-signaling/conf.d/tls.yaml, then
`systemctl restart hawkeye-signaling`:

tls:
  certificate: {certificate}
  private_key: {key}

Clients then connect to https://{host}:8080, and have to trust the authority once. Take its file,
ca.crt, to each of them by cable, stick or a channel that you trust, and compare the SHA-256:

Android        Settings > Security & privacy > More > Encryption & credentials > Install a
               certificate > CA certificate. Chrome trusts it; Firefox does not by itself.
iPhone, iPad   open the file, then Settings > General > VPN & Device Management > install it, then
               Settings > General > About > Certificate Trust Settings > turn it on.
Chrome, Edge   on Linux: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n hawkeye -i ca.crt
               on Windows: certutil -addstore root ca.crt; on macOS: open it in Keychain Access.
Firefox        Settings > Privacy & Security > Certificates > View Certificates > Import.
Node           NODE_EXTRA_CA_CERTS=ca.crt
Python         SSL_CERT_FILE=ca.crt
"""
RENEWAL = "{timer} renews the certificate before it ends or when addresses change.\n"


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "new-certificate",
        help="make an authority of this machine's own, and a certificate for https",
    )
    command.add_argument(
        "--name",
        metavar="HOST",
        type=_host,
        action="append",
        default=[],
        help="a further host name of this server; repeat it for more",
    )
    either = command.add_mutually_exclusive_group()
    either.add_argument(
        "--new-authority",
        action="store_true",
        help="make another authority, which every client then has to trust",
    )
    either.add_argument(
        "--renew",
        action="store_true",
        help="only if the certificate is about to expire, or addresses have changed; "
        "then reload the service",
    )
    command.add_argument(
        "--directory",
        metavar="DIR",
        default="/etc/hawkeye-signaling",
        help="for ca.crt, server.crt and server.key; default: %(default)s",
    )
    command.add_argument(
        "--authority",
        metavar="DIR",
        default="/var/lib/hawkeye-signaling-authority",
        help="for the authority's key; default: %(default)s",
    )
    command.set_defaults(run=run)


def _host(text: str) -> str:
    from signaling_server.core.certificate.contents import is_host

    name = text.lower().rstrip(".")
    if not is_host(name):
        raise argparse.ArgumentTypeError(f"{text!r} is not a host name")
    return name


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises CertificateError."""
    # Imported here, because `serve` does without them.
    from signaling_server.appliance.authority import Authority

    authority = Authority(Path(options.directory), Path(options.authority))
    made = authority.make(
        time.time(), options.name, anew=options.new_authority, always=not options.renew
    )
    if options.renew:
        if made.reason:
            print(f"renewed {authority.server_certificate}: {made.reason}")
            _reload_services()
        return 0
    host = f"{socket.gethostname().split('.')[0].lower()}.local"
    print(
        GUIDE.format(
            certificate=authority.server_certificate,
            authority=authority.certificate,
            fingerprint=authority.fingerprint(),
            key=authority.server_key,
            host=host,
        )
    )
    if _systemctl("restart", TIMER) is not None:
        print(RENEWAL.format(timer=TIMER))
        _reload_services()
    if made.left_out:
        print(
            f"not in it, because the authority does not permit them: {', '.join(made.left_out)}",
            file=sys.stderr,
        )
    return 0


def _reload_services() -> None:
    """Let the services that run load the certificate."""
    shown = _systemctl("list-units", "--plain", "--no-legend", "--state=active", *SERVICES)
    units = [line.split()[0] for line in (shown or "").splitlines() if line.strip()]
    if units:
        _systemctl("reload", *units)


def _systemctl(*arguments: str) -> str | None:
    """What it prints; None if it fails, or there is no systemd."""
    import subprocess

    try:
        done = subprocess.run(
            ("systemctl", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
