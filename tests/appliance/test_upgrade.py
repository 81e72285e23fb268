"""From the package of 0.1.0 to that of the next release, with clients connected, and back."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Callable

import pytest

from .conftest import APT, Packages
from .machine import ROOT, host_command
from .service import CONFIG, Service
from .test_build import copy_source
from .test_package import installed_version

FIRST = "c5cf23f"
"""The commit of 0.1.0."""
NEXT = "0.2.0"
EDITED = "rooms: {default: mine, expected_peers: 3}\n"


@pytest.fixture(scope="session")
def first(packages: Packages, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The package of 0.1.0, by its path inside the machine."""
    tree = tmp_path_factory.mktemp("first")
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    archive = subprocess.run([*git, "archive", FIRST], stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(tree)], input=archive, check=True)
    output = packages.older.parent / "0.1.0"
    script = str(tree / "packaging/build-deb.sh")
    host_command(
        *(script, "--wheels", str(wheels), "--output", str(output)), SOURCE_DATE_EPOCH="1795404434"
    )
    return "/mnt/older/0.1.0/*.deb"


@pytest.fixture(scope="session")
def following(
    packages: Packages, build: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The package of the next release, made as `make release` makes it; its path inside."""
    tree = tmp_path_factory.mktemp("next")
    copy_source(tree)
    script = str(tree / "packaging/changelog.py")
    host_command("python3", "-B", script, "release", NEXT, "2026-12-01")
    output = packages.older.parent / NEXT
    deb = build("--output", str(output), root=tree, SOURCE_DATE_EPOCH="1796083200")
    host_command("dpkg-deb", "--extract", str(deb), str(tree / "unpacked"))
    news = tree / "unpacked/usr/share/doc/hawkeye-signaling/NEWS.Debian.gz"
    assert host_command("zcat", str(news)).startswith(f"hawkeye-signaling ({NEXT}) ")
    return f"/mnt/older/{NEXT}/*.deb"


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
