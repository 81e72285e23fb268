"""What make-repo.sh says where it cannot make a repository: the real cause, and what helps."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import Packages
from .machine import PATH, ROOT, host_command

SCRIPT = str(ROOT / "packaging/make-repo.sh")
UBUNTU_KEYS = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
UNSHARED = ("unshare", "--mount", "/bin/sh", "-ec")


def attempt(folder: Path, deb: Path, *suite: str) -> tuple[int, str]:
    """Its exit code and output. It sees no keys of Ubuntu."""
    keys = f"mount -t tmpfs tmpfs {UBUNTU_KEYS.parent};" if suite[:1] == ("jammy",) else ""
    options = ["--key-home", str(folder / "key")]
    repository = str(folder / "repository")
    if suite:
        options += ["--with-dependencies", *suite]
    done = subprocess.run(
        [*UNSHARED, f'{keys}exec "$@"', "sh", SCRIPT, *options, repository, str(deb)],
        env={"PATH": PATH, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def deb(packages: Packages) -> Path:
    return packages.deb


def agent(key: Path) -> str:
    """What the agent of a GnuPG home says, such as its process id; nothing if none runs."""
    ask = ("gpg-connect-agent", "--no-autostart", "--homedir", str(key), "getinfo pid", "/bye")
    return "".join(line for line in host_command(*ask).splitlines() if line.startswith("D "))


def test_only_an_agent_that_was_there_before_is_left_behind(deb: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    code, said = attempt(tmp_path, deb)
    assert code == 0, said
    assert not agent(key)
    host_command("gpg-connect-agent", "--homedir", str(key), "/bye")  # starts one
    try:
        before = agent(key)
        code, said = attempt(tmp_path, deb)
        assert code == 0, said
        assert agent(key) == before != ""
    finally:
        host_command("gpgconf", "--homedir", str(key), "--kill", "gpg-agent")


def test_ubuntu_suite_without_ubuntus_keys_says_where_they_are(deb: Path, tmp_path: Path) -> None:
    code, said = attempt(tmp_path, deb, "jammy", "arm64")
    assert code == 1
    assert said.startswith(
        f"make-repo.sh: jammy is a release of Ubuntu: needs {UBUNTU_KEYS}. It is in\n"
        "Ubuntu's package ubuntu-keyring, http://archive.ubuntu.com/"
    )
    assert not (tmp_path / "repository").exists()


def test_release_that_does_not_exist_is_named_with_apts_reason(deb: Path, tmp_path: Path) -> None:
    code, said = attempt(tmp_path, deb, "no-such-release", "amd64")
    assert code == 1
    last = said[said.rindex("make-repo.sh: ") :]
    assert last.startswith("make-repo.sh: cannot read the lists of no-such-release for amd64: E: ")
    assert "debian/dists/no-such-release/Release" in last or "no-such-release Release" in last


def test_dependency_that_the_release_has_not_is_named(packages: Packages, tmp_path: Path) -> None:
    control = tmp_path / "needy/DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text(
        "Package: needy\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@localhost>\n"
        "Depends: no-such-library\nDescription: a package that cannot be installed\n"
    )
    deb = tmp_path / "needy.deb"
    host_command("dpkg-deb", "--build", str(control.parents[1]), str(deb))
    code, said = attempt(tmp_path, deb, "bookworm", "amd64")
    assert code == 1
    last = said[said.rindex("make-repo.sh: ") :]
    assert last.startswith("make-repo.sh: bookworm has not all that the package depends on: ")
    assert "no-such-library" in last


def test_folder_that_cannot_be_written_is_the_cause_that_is_named(
    deb: Path, tmp_path: Path
) -> None:
    (tmp_path / "repository").write_text("a file where the folder would be")
    code, said = attempt(tmp_path, deb)
    assert code != 0
    assert f"{tmp_path}/repository" in said
