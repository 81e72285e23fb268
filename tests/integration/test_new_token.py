"""`new-token`: prints a token once, and adds its line to a file of tokens."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from integration.server import run_to_its_end
from signaling_server.core.config.token_file import parse_tokens


def _added(file: Path, name: str) -> str:
    made = run_to_its_end("new-token", "--name", name, "--add", str(file))
    assert (made.returncode, made.stderr) == (0, "")
    assert "systemctl reload hawkeye-signaling" in made.stdout
    assert "sha256" not in made.stdout
    return next(line for line in made.stdout.splitlines() if line.startswith("hs_"))


def test_tokens_are_added_to_a_file_that_the_first_one_makes(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    made = {name: _added(file, name) for name in ("node", "gcom")}
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    tokens = parse_tokens(str(file), file.read_text(), 0.0)
    assert {tokens.check(token, time.time()).name for token in made.values()} == set(made)
    assert not [token for token in made.values() if token in file.read_text()]
    assert list(tmp_path.iterdir()) == [file]


def test_owner_mode_and_link_stay(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text("# mine\n")
    file.chmod(0o600)
    (tmp_path / "link").symlink_to(file)
    _added(tmp_path / "link", "node")
    assert (tmp_path / "link").is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("# mine\ntokens:\n  - {id: ")


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (b"tokens: []\n", 78, "write each token on a line of its own"),
        (b"\xff", 1, "not UTF-8: nothing was added"),
    ],
)
def test_file_that_cannot_take_a_token_stays_as_it_was(
    tmp_path: Path, text: bytes, code: int, said: str
) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_bytes(text)
    made = run_to_its_end("new-token", "--name", "node", "--add", str(file))
    assert (made.returncode, made.stdout) == (code, "")
    assert said in made.stderr
    assert file.read_bytes() == text
    assert list(tmp_path.iterdir()) == [file]


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    made = run_to_its_end("new-token", "--name", "node", "--add", str(tmp_path / "no/tokens.yaml"))
    assert made.returncode == 1
    assert made.stderr.startswith(f"hawkeye-signaling: cannot add to {tmp_path}/no/tokens.yaml: No")
