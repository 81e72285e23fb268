"""packaging/changelog.py: the package's changelog and NEWS, and `make release`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "packaging/changelog.py"
CHANGELOG = """\
# Changelog

## [Unreleased]

### Upgrading

List a public [GCOM](docs/gcom.md) in
`socketio`.

- Another thing, which is so long that it does not fit on one line of a terminal, and goes on.

### Added

- One thing,
  on two lines.
- Another ([why](docs/why.md)).

### Fixed

- A third.

## [0.1.1] - 2026-11-24

### Upgrading

Nothing to do.

### Fixed

- A fourth.

## [0.1.0] - 2026-11-23

### Upgrading

The first release: nothing.

### Added

- Everything.
"""
SECONDS = 1_795_000_000.0
MAINTAINER = "Some One <one@example>"


def load() -> Any:
    spec = importlib.util.spec_from_file_location("changelog", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["changelog"] = module
    spec.loader.exec_module(module)
    return module


script = load()


def test_package_changelog_has_an_entry_for_each_release() -> None:
    text = script.changelog(script.for_package(CHANGELOG, "0.2.0", SECONDS), MAINTAINER)
    assert text.split("\nhawkeye")[0] == (
        "hawkeye-signaling (0.2.0) unstable; urgency=medium\n\n"
        "  * One thing, on two lines.\n  * Another (why).\n  * A third.\n\n"
        " -- Some One <one@example>  Wed, 18 Nov 2026 00:00:00 +0000\n"
    )
    assert [line.split()[1] for line in text.splitlines() if line.startswith("hawkeye")] == [
        "(0.2.0)",
        "(0.1.1)",
        "(0.1.0)",
    ]


def test_news_tell_what_an_operator_has_to_do_and_nothing_else() -> None:
    text = script.news(script.for_package(CHANGELOG, "0.2.0", SECONDS), MAINTAINER)
    assert text == (
        "hawkeye-signaling (0.2.0) unstable; urgency=medium\n\n"
        "  List a public GCOM in `socketio`.\n\n"
        "  - Another thing, which is so long that it does not fit on one line of a\n"
        "    terminal, and goes on.\n\n"
        " -- Some One <one@example>  Wed, 18 Nov 2026 00:00:00 +0000\n"
    )


def test_package_between_two_releases_has_what_is_not_released_first() -> None:
    first, second = script.for_package(CHANGELOG, "0.1.1", SECONDS)
    assert [entry.split()[1] for entry in first.entries] == [
        "thing,",
        "([why](docs/why.md)).",
        "third.",
        "fourth.",
    ]
    assert first.upgrading.startswith("List")
    assert second.version == "0.1.0"


def test_release_names_what_was_not_released() -> None:
    text = script.closed(CHANGELOG, "0.2.0", "2026-12-01")
    empty, released, *_ = script.releases(text)
    assert (empty.version, empty.entries, empty.upgrading) == ("Unreleased", [], "Nothing to do.")
    assert (released.version, released.date) == ("0.2.0", "2026-12-01")
    assert released.entries[0] == "One thing, on two lines."
    assert [each.version for each in script.for_package(text, "0.2.0", SECONDS)] == [
        "0.2.0",
        "0.1.1",
        "0.1.0",
    ]


@pytest.mark.parametrize(
    ("version", "text", "mistake"),
    [
        ("0.2", CHANGELOG, "is not a version"),
        ("", CHANGELOG, "is not a version"),
        ("0.1.1", CHANGELOG, "is not newer than 0.1.1"),
        ("0.0.10", CHANGELOG, "is not newer than 0.1.1"),
        ("0.2.0", CHANGELOG.replace("### Upgrading\n\nList", "List", 1), "Upgrading"),
        ("0.2.0", CHANGELOG[CHANGELOG.index("## [0.1.1]") :], "no unreleased changes"),
    ],
)
def test_release_is_refused(version: str, text: str, mistake: str) -> None:
    with pytest.raises(script.Mistake, match=mistake):
        script.closed(text, version, "2026-12-01")


def test_version_and_date_of_the_program_are_set() -> None:
    source = (ROOT / "signaling_server/version.py").read_text()
    names: dict[str, Any] = {}
    exec(script.dated(source, "1.2.3", "2026-12-01"), names)
    assert names["VERSION"] == "1.2.3"
    assert names["RELEASED"] == 1_796_083_200.0
    assert "2026-12-01, in seconds" in script.dated(source, "1.2.3", "2026-12-01")


def test_make_release_changes_both_files_or_none(tmp_path: Path) -> None:
    (tmp_path / "packaging").mkdir()
    (tmp_path / "signaling_server").mkdir()
    for name in ("packaging/changelog.py", "signaling_server/version.py", "Makefile"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    changelog, version = tmp_path / "CHANGELOG.md", tmp_path / "signaling_server/version.py"
    changelog.write_text(CHANGELOG)
    before = version.read_text()

    def make(number: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "release", f"VERSION={number}", f"PYTHON={sys.executable}"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = make("0.1.0")
    assert done.returncode != 0
    assert "not newer" in done.stderr
    assert (changelog.read_text(), version.read_text()) == (CHANGELOG, before)
    done = make("0.2.0")
    assert done.returncode == 0, done.stderr
    assert "git tag v0.2.0" in done.stdout
    assert 'VERSION = "0.2.0"' in version.read_text()
    assert "## [0.2.0] - 20" in changelog.read_text()


def test_changelog_of_the_project_is_read() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    contained = script.for_package(text, "99.0.0", SECONDS)
    assert contained[-1].version == "0.1.0"
    assert all(each.entries and each.upgrading and each.date for each in contained)
