"""Whom the service runs as, by its unit."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from signaling_server.appliance import service_user
from signaling_server.appliance.service_user import from_properties, unit

NOBODY = pwd.getpwnam("nobody")
ADM = grp.getgrnam("adm").gr_gid


def test_instance_has_a_unit_of_its_own() -> None:
    assert unit() == "hawkeye-signaling.service"
    assert unit("drone-1") == "hawkeye-signaling@drone-1.service"


def test_user_and_groups_are_those_of_the_unit() -> None:
    who = from_properties({"User": "nobody", "Group": "adm", "SupplementaryGroups": "tty adm"})
    assert who is not None
    assert (who.user, who.uid, who.gid) == ("nobody", NOBODY.pw_uid, ADM)
    assert set(who.groups) == {ADM, grp.getgrnam("tty").gr_gid}


def test_numbers_are_users_and_groups_too() -> None:
    who = from_properties({"User": str(NOBODY.pw_uid), "Group": "7"})
    assert who is not None
    assert (who.user, who.gid) == ("nobody", 7)


@pytest.mark.parametrize(
    ("properties", "hides"),
    [
        ({}, ("ProtectHome", "PrivateTmp")),
        ({"ProtectHome": "no", "PrivateTmp": "yes"}, ("PrivateTmp",)),
        ({"ProtectHome": "read-only", "PrivateTmp": "no"}, ()),
        ({"ProtectHome": "tmpfs", "PrivateTmp": "no"}, ("ProtectHome",)),
    ],
)
def test_folders_are_hidden_as_the_unit_says(
    properties: dict[str, str], hides: tuple[str, ...]
) -> None:
    who = from_properties({"User": "nobody", **properties})
    assert who is not None
    assert who.hides == hides


def test_nobody_runs_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert from_properties({"User": "no-such-user"}) is None
    assert from_properties({"User": "nobody", "SupplementaryGroups": "no-such-group"}) is None
    monkeypatch.setattr(service_user, "SERVICE", "no-such-user")
    assert from_properties({}) is None
    monkeypatch.setenv("PATH", "/nowhere")  # a system without systemd
    assert service_user.identity() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_command_runs_as_the_user_and_its_exit_code_comes_back(
    capfd: pytest.CaptureFixture[str],
) -> None:
    who = from_properties({"User": "nobody", "Group": "adm"})
    assert who is not None

    def command() -> int:
        print(os.getuid(), os.getgid(), sorted(os.getgroups()))
        return 78

    assert service_user.run_as(who, command) == 78
    assert capfd.readouterr().out == f"{NOBODY.pw_uid} {ADM} {sorted(who.groups)}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_command_that_crashes_says_so_and_fails(capfd: pytest.CaptureFixture[str]) -> None:
    who = from_properties({"User": "nobody"})
    assert who is not None

    def crash() -> int:
        raise LookupError("a mistake")

    assert service_user.run_as(who, crash) == 1
    assert "LookupError: a mistake" in capfd.readouterr().err
