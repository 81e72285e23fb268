"""Looks at files as the service does: with its user and groups, and without what its unit hides."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
import traceback
from typing import Callable, Mapping, NamedTuple

from signaling_server.appliance.file_text import SERVICE

PROPERTIES = ("User", "Group", "SupplementaryGroups", "ProtectHome", "PrivateTmp")
SYSTEMCTL_SECONDS = 5


class Identity(NamedTuple):
    """Whom the service runs as; `hides` are the keys of its unit that hide folders from it."""

    user: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    hides: tuple[str, ...]


def unit(instance: str = "") -> str:
    """The name of the unit of the service, or of one of its instances."""
    return f"hawkeye-signaling@{instance}.service" if instance else "hawkeye-signaling.service"


def identity(instance: str = "") -> Identity | None:
    """Whom the service runs as, by its unit with all overrides; None: there is no such user."""
    return from_properties(_properties(unit(instance)))


def from_properties(properties: Mapping[str, str]) -> Identity | None:
    """The same, from properties of the unit; without any, as the package installs it."""
    name = properties.get("User") or SERVICE
    try:
        user = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
        group = properties.get("Group")
        gid = _gid(group) if group else user.pw_gid
        more = [_gid(each) for each in properties.get("SupplementaryGroups", "").split()]
    except KeyError:
        return None
    groups = {*os.getgrouplist(user.pw_name, gid), *more}
    hides = tuple(
        key
        for key in ("ProtectHome", "PrivateTmp")
        if properties.get(key, "yes") not in ("no", "read-only")
    )
    return Identity(user.pw_name, user.pw_uid, gid, tuple(sorted(groups)), hides)


def _gid(group: str) -> int:
    return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid


def _properties(name: str) -> dict[str, str]:
    """Properties of a unit; empty without systemd."""
    command = ["systemctl", "show", f"--property={','.join(PROPERTIES)}", name]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            timeout=SYSTEMCTL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {key: value for key, _, value in pairs}


def run_as(who: Identity, command: Callable[[], int]) -> int:
    """Run `command` in a process of that user, which is the service's but for the sandbox.

    You must be root, and have no other threads. Returns the exit code.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1
    code = 1
    try:
        os.setgroups(who.groups)
        os.setgid(who.gid)
        os.setuid(who.uid)
        code = command()
    except BaseException:  # nothing of this process may run on as the parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
