"""From the package of 0.1.0 to that of the next release, with clients connected, and back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from .conftest import APT, Packages
from .machine import ROOT, host_command
from .once import made_once, source
from .service import CONFIG, Service
from .test_build import copy_source
from .test_package import installed_version

FIRST = "c5cf23f"
"""The commit of 0.1.0."""
NEXT = "0.2.0"
EDITED = "rooms: {default: mine, expected_peers: 3}\n"


def in_the_machines(packages: Packages, made: Path, version: str) -> str:
    """Copy a package to where the machines see it; returns its path inside."""
    folder = packages.older.parent / version
    folder.mkdir()
    for deb in made.glob("*.deb"):
        shutil.copy(deb, folder)
    return f"/mnt/older/{version}/*.deb"


@pytest.fixture(scope="session")
def first(packages: Packages, wheels: Path) -> str:
    """The package of 0.1.0, by its path inside the machine."""

    def make(folder: Path) -> None:
        tree = folder / "source"
        tree.mkdir()
        git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
        archive = subprocess.run([*git, "archive", FIRST], stdout=subprocess.PIPE, check=True)
        subprocess.run(["tar", "-x", "-C", str(tree)], input=archive.stdout, check=True)
        script = str(tree / "packaging/build-deb.sh")
        options = ("--wheels", str(wheels), "--output", str(folder))
        host_command(script, *options, SOURCE_DATE_EPOCH="1795404434")

    return in_the_machines(packages, made_once("first", FIRST, make), "0.1.0")


@pytest.fixture(scope="session")
def following(packages: Packages, build: Callable[..., Path]) -> str:
    """The package of the next release, made as `make release` makes it; its path inside."""

    def make(folder: Path) -> None:
        tree = folder / "source"
        copy_source(tree)
        script = str(tree / "packaging/changelog.py")
        host_command("python3", "-B", script, "release", NEXT, "2026-12-01")
        deb = build("--output", str(folder), root=tree, SOURCE_DATE_EPOCH="1796083200")
        host_command("dpkg-deb", "--extract", str(deb), str(tree / "unpacked"))
        news = tree / "unpacked/usr/share/doc/hawkeye-signaling/NEWS.Debian.gz"
        assert host_command("zcat", str(news)).startswith(f"hawkeye-signaling ({NEXT}) ")

    return in_the_machines(packages, made_once("following", source(), make), NEXT)


def test_upgrade_from_the_first_release_and_back_keeps_clients_and_configuration(
    service: Service, first: str, following: str
) -> None:
    machine = service.machine
    install = f"{APT} install --allow-downgrades --no-install-recommends"
    try:
        machine.shell(f"{install} --reinstall {first}")
        service.configure(EDITED)
        service.systemctl("restart")
        for package, version in ((following, NEXT), (first, "0.1.0")):
            with service.knocks() as knocks, service.peers("mine") as peers:
                machine.shell(f"{install} {package}")
                peers.next("handshake")
            assert knocks["refused"] == knocks["lost"] == 0
            assert installed_version(machine) == version
            assert f"hawkeye-signaling {version}" in machine.run("hawkeye-signaling", "--version")
            assert machine.read(CONFIG) == EDITED
            assert machine.run("dpkg", "--audit") == ""
            assert service.active
    finally:
        machine.shell(f"{install} --reinstall hawkeye-signaling")
