"""The command line about `fleet:`: what it refuses, and what it never prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from integration.server import ServerProcess

EX_CONFIG = 78


def run(command: str, folder: Path, text: str, path: str = "") -> subprocess.CompletedProcess[str]:
    config = folder / "config.yaml"
    config.write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "signaling_server", command, "--config", str(config)],
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("command", ["print-config", "check-config"])
def test_password_in_a_url_is_printed_nowhere(tmp_path: Path, command: str) -> None:
    done = run(command, tmp_path, "fleet: {url: 'redis://hawkeye:hunter2@127.0.0.1'}\n")
    assert "hunter2" not in done.stdout + done.stderr
    assert command != "print-config" or "redis://hawkeye:***@127.0.0.1:6379" in done.stdout


def test_password_in_a_url_is_not_logged(tmp_path: Path, unused_port: int) -> None:
    url = f"redis://hawkeye:hunter2@127.0.0.1:{unused_port}"
    with ServerProcess(tmp_path, {"fleet": {"url": url}}) as server:
        server.wait_for_line(f"Redis is lost: .*{unused_port}")
        assert not [line for line in server.lines if "hunter2" in line]


@pytest.mark.parametrize("command", ["check-config", "serve"])
@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("raise ImportError", "fleet.url is set, but redis-py is not installed: `apt install"),
        (
            "__version__ = '4.3.3'",
            "fleet.url is set, but redis-py 4.3.3 is too old, at least 4.3.4",
        ),
    ],
)
def test_fleet_without_the_library_is_refused(
    tmp_path: Path, command: str, module: str, sentence: str
) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "redis.py").write_text(f"{module}\n")
    done = run(command, tmp_path, "fleet:\n  url: unix:///a.sock\n", str(modules))
    assert (done.returncode, done.stdout) == (EX_CONFIG, "")
    assert f"config.yaml:2: {sentence}" in done.stderr


def test_fleet_is_fine_with_the_library(tmp_path: Path) -> None:
    done = run("check-config", tmp_path, "fleet:\n  url: unix:///a.sock\n")
    assert (done.returncode, done.stdout) == (0, "the configuration is fine\n")


def test_redis_is_not_imported_without_a_fleet(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "redis.py").write_text("raise SystemExit('imported')\n")
    done = run("check-config", tmp_path, "fleet: {name: a}\n", str(modules))
    assert (done.returncode, done.stdout) == (0, "the configuration is fine\n")
