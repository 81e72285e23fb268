"""The command `announce`: write the file by which Avahi announces this server."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from signaling_server.appliance import config_files
from signaling_server.version import VERSION

if TYPE_CHECKING:
    from argparse import _SubParsersAction  # what add_subparsers() returns; no public name

FILE = "/etc/avahi/services/hawkeye-signaling.service"

SETTLE_SECONDS = 0.5
"""How long the configuration has to stay the same with --settle."""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command to the parser; returns its own."""
    command = commands.add_parser(
        "announce", help="write the file by which Avahi announces this server in its network"
    )
    command.add_argument(
        "--file", metavar="FILE", default=FILE, help="the file to write; default: %(default)s"
    )
    command.add_argument(
        "--settle",
        action="store_true",
        help="write it again until the configuration has stayed the same for half a second",
    )
    command.set_defaults(run=run)
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises ConfigError, and the file stays."""
    while True:
        read = config_files.watched(options.config)
        _write(options)
        if not options.settle:
            return 0
        # systemd does not start the unit again for a change that comes while it runs.
        time.sleep(SETTLE_SECONDS)
        if config_files.watched(options.config) == read:
            return 0


def _write(options: argparse.Namespace) -> None:
    from signaling_server.core.announcement.service_file import is_ours, service_file

    file = Path(options.file)
    if not file.parent.is_dir():
        print(f"Avahi is not installed: there is no folder {file.parent}")
        return
    wanted = service_file(config_files.read_settings(options.config, {}).config, VERSION)
    found = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    if found == wanted:
        return
    if found and not is_ours(found):
        print(f"{file} is not from this command, and stays as it is")
        return
    if not wanted:
        file.unlink()
        print(f"removed {file}: the server listens on this machine alone")
        return
    new = file.with_name(f".{file.name}.new")  # Avahi reads *.service
    new.write_text(wanted, encoding="utf-8")
    new.chmod(0o644)
    new.replace(file)
    print(f"wrote {file}")
