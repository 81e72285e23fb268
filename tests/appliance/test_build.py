"""The package as a file: reproducible, clean, small, with the right dependencies."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any, Callable

import pytest

from .conftest import Packages
from .machine import ROOT, host_command
from .once import BUILT_FROM

UNIT_FILE = ROOT / "systemd/hawkeye-signaling.service"


def copy_source(folder: Path) -> None:
    """Copy to a folder all that the package is built from."""
    for part in BUILT_FROM:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for document in ROOT.glob("*.md"):
        shutil.copy(document, folder)


@pytest.fixture(scope="session")
def field(packages: Packages) -> Callable[[str], str]:
    """Reads a field of the package's control file."""
    return lambda name: host_command("dpkg-deb", "--field", str(packages.deb), name).strip()


@pytest.fixture(scope="session")
def files(packages: Packages) -> dict[str, str]:
    """The package's paths, each with its permissions."""
    listed = host_command("dpkg-deb", "--contents", str(packages.deb)).splitlines()
    return {line.split()[5]: line.split()[0] for line in listed}


def test_builds_of_one_commit_are_identical_in_any_folder_time_zone_and_umask(
    packages: Packages, build: Callable[..., Path], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "another folder"
    copy_source(elsewhere)
    when = host_command(
        *("git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "log", "-1", "--format=%ct")
    ).strip()
    mask = os.umask(0o077)
    try:
        again = build(
            *("--output", str(tmp_path / "out")),
            root=elsewhere,
            SOURCE_DATE_EPOCH=when,
            TZ="Asia/Kathmandu",
        )
    finally:
        os.umask(mask)
    assert _sha256(again) == _sha256(packages.deb)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_lintian_finds_nothing(packages: Packages) -> None:
    lintian = ("lintian", "--allow-root", "--pedantic", "--fail-on", "error,warning,pedantic")
    host_command(*lintian, str(packages.deb))


def test_package_is_smaller_than_half_a_megabyte(
    packages: Packages, record: Callable[..., None]
) -> None:
    size = packages.deb.stat().st_size
    record("package", kilobytes=round(size / 1000))
    assert size < 500_000


def test_package_depends_on_debian_packages_except_for_socketio(
    field: Callable[[str], str],
) -> None:
    depends = {name.split()[0] for name in field("Depends").split(", ")}
    assert depends == {
        "openssl",
        "python3-aiohttp",
        "python3-sdnotify",
        "python3-systemd",
        "python3-yaml",
        "python3:any",
        "systemd",  # or another package that creates users
    }
    assert "python3-aiohttp (>= 3.8.1)" in field("Depends")
    assert field("Recommends") == "python3-segno, python3-uvloop"
    assert field("Architecture") == "all"


def test_package_has_the_version_of_the_program(
    packages: Packages, field: Callable[[str], str]
) -> None:
    source = (ROOT / "signaling_server/version.py").read_text()
    assert f'VERSION = "{field("Version")}"' in source
    assert packages.deb.name == f"hawkeye-signaling_{field('Version')}_all.deb"


def test_package_contains_no_build_products(files: dict[str, str]) -> None:
    assert not [p for p in files if "dist-info" in p or "__pycache__" in p or p.endswith(".whl")]


def test_only_root_can_write_to_the_files(files: dict[str, str]) -> None:
    assert not [path for path, mode in files.items() if mode[0] != "l" and mode[8] == "w"]
    assert files["./etc/hawkeye-signaling/config.yaml"] == "-rw-r--r--"


def test_only_conffile_that_is_read_is_config_yaml(packages: Packages) -> None:
    said = host_command("dpkg-deb", "--info", str(packages.deb), "conffiles")
    assert sorted(said.split()) == [
        "/etc/hawkeye-signaling/conf.d/README",
        "/etc/hawkeye-signaling/config.yaml",
        "/etc/ufw/applications.d/hawkeye-signaling",
    ]


MACHINES = ("protocol.asyncapi.yaml", "openapi.yaml")
"""The documents for programs."""


def test_documents_are_where_slim_images_keep_them(files: dict[str, str]) -> None:
    doc = "./usr/share/hawkeye-signaling/doc"
    for name in (
        "operations.md",
        "troubleshooting.md",
        "protocol.md",
        "examples/gcom.py",
        *MACHINES,
    ):
        assert f"{doc}/docs/{name}" in files
    assert {f"{doc}/{name}.md" for name in ("README", "SECURITY", "CHANGELOG")} <= {*files}
    for name in ("docs", "SECURITY.md", "CHANGELOG.md", "examples"):
        assert files[f"./usr/share/doc/hawkeye-signaling/{name}"].startswith("l")
    # Of use only beside the source, and the package is small.
    assert not [path for path in files if path.endswith(("/CONTRIBUTING.md", "/architecture.md"))]


def test_changelog_and_news_are_those_of_the_project(packages: Packages, tmp_path: Path) -> None:
    host_command("dpkg-deb", "--extract", str(packages.deb), str(tmp_path))
    doc = tmp_path / "usr/share/doc/hawkeye-signaling"
    changelog = gzip.decompress((doc / "changelog.gz").read_bytes()).decode()
    assert changelog.startswith("hawkeye-signaling (")
    assert "  * Relay of `signal`" in changelog
    news = gzip.decompress((doc / "NEWS.Debian.gz").read_bytes()).decode()
    assert "cors_allowed_origins" in news
    assert max(len(line) for line in news.splitlines() if line.startswith("  ")) <= 80


def test_unit_passes_systemds_security_analysis(record: Callable[..., None]) -> None:
    said = host_command(
        *("systemd-analyze", "security", "--offline=true", "--threshold=12", str(UNIT_FILE))
    )
    score = said.split("Overall exposure level")[1].split()[2]
    record("security", score=score)


def test_build_names_a_missing_dependency(build: Callable[..., Path], tmp_path: Path) -> None:
    copy_source(tmp_path)
    control = tmp_path / "packaging/debian/control"
    control.write_text(control.read_text().replace(" dh-python,", " dh-python, no-such-tool,"))
    with pytest.raises(AssertionError, match="install first: no-such-tool"):
        build("--output", str(tmp_path), root=tmp_path, SOURCE_DATE_EPOCH="0")


def test_build_refuses_a_wheel_with_another_hash(
    wheels: Path, build: Callable[..., Any], tmp_path: Path
) -> None:
    copy_source(tmp_path)
    lock = tmp_path / "packaging/wheels.lock"
    lock.write_text(lock.read_text().replace("sha256:e768", "sha256:0768"))
    with pytest.raises(AssertionError, match="HASHES"):
        build("--output", str(tmp_path), root=tmp_path, SOURCE_DATE_EPOCH="0")
