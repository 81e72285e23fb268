"""Which files are read, in which order, and what is wrong with them."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

import pytest

from signaling_server.appliance import config_files
from signaling_server.core.config.schema import Config
from signaling_server.errors import ConfigError

NOBODY = 65534


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /etc/hawkeye-signaling; nothing is in it."""
    monkeypatch.setattr(config_files, "DEFAULT", str(tmp_path / "config.yaml"))
    return tmp_path


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As `etc`, with a file, a conf.d and a reader who is not root, so that permissions count."""
    with tempfile.TemporaryDirectory() as name:
        etc = Path(name)
        etc.chmod(0o755)
        (etc / "config.yaml").write_text("version: 1")
        conf_d(etc)
        monkeypatch.setattr(config_files, "DEFAULT", str(etc / "config.yaml"))
        yield etc


@contextmanager
def no_root() -> Iterator[None]:
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def conf_d(etc: Path, **files: str) -> None:
    (etc / "conf.d").mkdir(exist_ok=True)
    for name, text in files.items():
        (etc / "conf.d" / f"{name}.yaml").write_text(text, encoding="utf-8")


def complaints(path: Path | None = None) -> list[str]:
    with pytest.raises(ConfigError) as error:
        config_files.read(str(path) if path else None, {})
    return [str(complaint) for complaint in error.value.complaints]


def test_without_any_file_all_is_at_its_default(etc: Path) -> None:
    assert config_files.read(None, {}).config == Config()


def test_default_file_and_its_conf_d_are_read_in_order(etc: Path) -> None:
    (etc / "config.yaml").write_text("listen: {port: 1, backlog: 1, host: a}")
    conf_d(etc, a10="listen: {port: 10, backlog: 10}", a2="listen: {port: 2}")
    config, origins, *_ = config_files.read(None, {"hold.enabled": (False, "--no-hold")})
    assert (config.listen.host, config.listen.backlog, config.listen.port) == ("a", 10, 2)
    assert origins["listen.port"] == f"{etc}/conf.d/a2.yaml:1"
    assert origins["hold.enabled"] == "--no-hold"


def test_conf_d_counts_without_the_default_file(etc: Path) -> None:
    conf_d(etc, local="listen: {port: 2}")
    assert config_files.read(None, {}).config.listen.port == 2


def test_conf_d_beside_a_given_file_is_read(
    etc: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf_d(etc, local="listen: {port: 2}")
    own = tmp_path_factory.mktemp("own")
    conf_d(own, local="listen: {backlog: 3}")
    (own / "my.yaml").write_text("listen: {host: a}")
    monkeypatch.chdir(own)
    for path in (str(own / "my.yaml"), "my.yaml"):
        listen = config_files.read(path, {}).config.listen
        assert (listen.host, listen.port, listen.backlog) == ("a", 8080, 3)


def test_only_visible_yaml_files_of_conf_d_are_read(etc: Path) -> None:
    conf_d(etc)
    for name in ("a.yaml~", "a.yaml.dpkg-old", "README", "a.yml"):
        (etc / "conf.d" / name).write_text("nonsense")
    (etc / "conf.d" / ".#a.yaml").symlink_to("what-emacs-leaves-while-editing")
    assert config_files.read(None, {}).config == Config()


def test_complaints_about_all_files_come_at_once(etc: Path) -> None:
    (etc / "config.yaml").write_text("port: 1")
    conf_d(etc, a="listen: {port: x}")
    (etc / "conf.d" / "b.yaml").mkdir()
    (etc / "conf.d" / "c.yaml").symlink_to("gone")
    assert complaints() == [
        f"{etc}/conf.d/b.yaml: this is a directory: name a file in it, such as config.yaml",
        f"{etc}/conf.d/c.yaml: there is no such file: "
        "check the name, or whether it is a dangling symlink",
        f"{etc}/config.yaml:1:1: unknown key port; did you mean listen.port?",
        f"{etc}/conf.d/a.yaml:1:16: listen.port is x, but must be a whole number from 0 to 65535",
    ]


def test_given_file_must_exist(etc: Path) -> None:
    path = etc / "typo.yaml"
    told = f"{path}: there is no such file: check the name, or whether it is a dangling symlink"
    assert complaints(path) == [told]


def test_directory_is_refused_as_a_file(etc: Path) -> None:
    assert complaints(etc) == [
        f"{etc}: this is a directory: name a file in it, such as config.yaml"
    ]


def test_other_errors_are_reported_in_the_words_of_the_system(etc: Path) -> None:
    (etc / "file").write_text("")
    (etc / "conf.d").write_text("")
    assert complaints(etc / "file" / "config.yaml")[-1] == (
        f"{etc}/file/config.yaml: cannot be read: Not a directory"
    )
    assert complaints() == [f"{etc}/conf.d: cannot be read: Not a directory"]


@pytest.mark.parametrize("name", ["config.yaml", "conf.d"])
def test_complaint_about_permissions_names_the_user(guarded: Path, name: str) -> None:
    path = guarded / name
    path.chmod(0)
    with no_root():
        user = os.geteuid()
        assert complaints() == [
            f"{path}: user {user} may not read this: try chmod 640, chgrp hawkeye-signaling"
        ]
    path.chmod(0o700)


def test_unreadable_folder_is_not_mistaken_for_a_missing_one(guarded: Path) -> None:
    guarded.chmod(0)
    with no_root():
        assert [told.partition(":")[0] for told in complaints()] == [
            str(guarded / "conf.d"),
            str(guarded / "config.yaml"),
        ]
        assert config_files.watched(None) == (
            (str(guarded / "config.yaml"), None),
            (str(guarded / "conf.d"), None),
        )
    guarded.chmod(0o700)


def test_file_that_is_not_utf8_is_refused_with_the_position(etc: Path) -> None:
    path = etc / "config.yaml"
    for content, place in (
        (b"# \xc3\xa9\xff", "1:4"),
        (b"a: 1\nb: \xe9\n", "2:4"),
        ("listen:".encode("utf-16"), "1:1"),
    ):
        path.write_bytes(content)
        told = f"{path}:{place}: this is not UTF-8: save the file as UTF-8"
        assert complaints(path) == [told]


def test_large_file_is_refused_unread(etc: Path) -> None:
    path = etc / "config.yaml"
    path.write_bytes(b"#" * config_files.MAX_BYTES)
    assert config_files.read(str(path), {}).config == Config()
    path.write_bytes(b"\xff" * (config_files.MAX_BYTES + 1))
    assert complaints(path) == [f"{path}: this is larger than 1048576 bytes: is it the right file?"]
    assert complaints(Path("/dev/zero"))[-1].startswith("/dev/zero: this is larger than")


def test_dev_null_asks_for_the_defaults() -> None:
    assert config_files.read("/dev/null", {}).config == Config()


def test_tokens_come_with_the_configuration(etc: Path) -> None:
    tokens = etc / "tokens.yaml"
    tokens.write_text("tokens: []")
    (etc / "config.yaml").write_text(f"auth: {{tokens_file: {tokens}}}")
    assert config_files.read(None, {}).tokens is not None
    tokens.write_text("tokens: 5")
    assert complaints() == [f"{tokens}:1:9: tokens is 5, but must be a list of tokens"]


def test_missing_tokens_file_does_not_open_the_server(etc: Path) -> None:
    (etc / "config.yaml").write_text("auth: {tokens_file: /nowhere/tokens.yaml}")
    assert complaints() == [
        "/nowhere/tokens.yaml: there is no such file: "
        "check the name, or whether it is a dangling symlink"
    ]


def rewrite(path: Path) -> None:
    path.write_text("listen: {port: 9}")


def replace_in_the_same_instant(path: Path) -> None:
    before = path.stat()
    path.rename(path.with_suffix(".old"))
    path.write_bytes(b" " * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        rewrite,
        replace_in_the_same_instant,
        Path.unlink,
        lambda path: path.chmod(0o600),
        lambda path: os.utime(path, ns=(1, 1)),
        lambda path: conf_d(path.parent, b=""),
        lambda path: (path.parent / "conf.d" / "a.yaml").unlink(),
        lambda path: rewrite(path.parent / "conf.d" / "a.yaml"),
        lambda path: (path.parent / "conf.d").chmod(0o700),
    ],
)
@pytest.mark.parametrize("given", [True, False])
def test_fingerprint_changes_with_the_files(
    etc: Path, change: Callable[[Path], object], given: bool
) -> None:
    path = etc / "config.yaml"
    path.write_text("version: 1")
    path.chmod(0o644)
    conf_d(etc, a="")
    before = config_files.watched(str(path) if given else None)
    assert config_files.watched(str(path) if given else None) == before
    change(path)
    assert config_files.watched(str(path) if given else None) != before


def test_fingerprint_changes_when_files_appear(etc: Path) -> None:
    before = config_files.watched(None)
    (etc / "config.yaml").write_text("")
    between = config_files.watched(None)
    conf_d(etc)
    assert len({before, between, config_files.watched(None)}) == 3


def test_turn_secret_is_read_from_its_file(etc: Path) -> None:
    secret = etc / "turn-secret"
    secret.write_text("north wind\n")
    (etc / "config.yaml").write_text(f"turn: {{urls: ['turn:10.0.0.1'], secret_file: {secret}}}")
    assert config_files.read(None, {}).turn_secret == "north wind"


@pytest.mark.parametrize("content", ["", "\n", "two\nlines\n"])
def test_turn_secret_is_one_line(etc: Path, content: str) -> None:
    secret = etc / "turn-secret"
    secret.write_text(content)
    (etc / "config.yaml").write_text(f"turn: {{urls: ['turn:10.0.0.1'], secret_file: {secret}}}")
    with pytest.raises(ConfigError, match="one line: the secret"):
        config_files.read(None, {})


def test_missing_turn_secret_is_a_complaint(etc: Path) -> None:
    (etc / "config.yaml").write_text("turn: {urls: ['turn:10.0.0.1'], secret_file: /no/such}")
    with pytest.raises(ConfigError, match="there is no such file"):
        config_files.read(None, {})
