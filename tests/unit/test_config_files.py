"""Which files are read, in which order, and what is wrong with them."""

from __future__ import annotations

import os
import pwd
import re
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
def test_complaint_about_permissions_names_the_user_the_mode_and_a_command(
    guarded: Path, name: str
) -> None:
    path = guarded / name
    path.chmod(0)
    with no_root():
        (told,) = complaints()
    user = pwd.getpwuid(os.geteuid() or NOBODY).pw_name
    place = re.escape(str(path))
    whose = r"\(\S+:\S+, mode 0\)"
    assert re.fullmatch(rf"{place}: user {user} may not read {place} {whose}: ch.* {place}", told)
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


def test_password_and_secret_of_a_fleet_are_read_from_their_files(etc: Path) -> None:
    for name in ("password", "secret"):
        (etc / name).write_text(f"the {name}\n")
    files = f"password_file: {etc / 'password'}, secret_file: {etc / 'secret'}"
    conf_d(etc, fleet=f"fleet: {{url: 'redis://a', {files}}}\n")
    loaded = config_files.read(None, {})
    assert (loaded.fleet_password, loaded.fleet_secret) == ("the password", "the secret")
    assert loaded.remarks == ()


def test_password_of_a_fleet_may_be_in_its_url(etc: Path) -> None:
    conf_d(etc, fleet="fleet: {url: 'redis://:in-the-url@10.0.0.5'}\n")
    loaded = config_files.read(None, {})
    assert (loaded.fleet_password, loaded.fleet_secret) == ("in-the-url", "")
    (remark,) = loaded.remarks
    assert remark.startswith("fleet.secret_file is not set")


def test_missing_turn_secret_is_a_complaint(etc: Path) -> None:
    (etc / "config.yaml").write_text("turn: {urls: ['turn:10.0.0.1'], secret_file: /no/such}")
    with pytest.raises(ConfigError, match="there is no such file"):
        config_files.read(None, {})


# --- remarks --------------------------------------------------------------------------------------


def test_files_that_are_not_read_and_empty_ones_are_remarks(etc: Path) -> None:
    conf_d(etc, a="", b="# nothing yet", c="listen: {port: 2}")
    for name in ("d.yml", "README", "e.yaml.dpkg-old"):
        (etc / "conf.d" / name).write_text("nonsense")
    (etc / "conf.d" / "masked.yaml").symlink_to("/dev/null")
    (etc / "config.yaml").write_text("")
    assert config_files.read(None, {}).remarks == (
        f"{etc}/conf.d/d.yml is not read: rename it to d.yaml",
        f"{etc}/conf.d/a.yaml is empty: was it cut short?",
    )


@pytest.mark.parametrize("content", ["", "tokens:\n", "tokens: []\n"])
def test_tokens_file_without_a_token_is_a_remark(etc: Path, content: str) -> None:
    tokens = etc / "tokens.yaml"
    tokens.write_text(content)
    (etc / "config.yaml").write_text(f"auth: {{tokens_file: {tokens}}}")
    assert config_files.read(None, {}).remarks == (f"{tokens}: no tokens: nobody can connect",)


# --- instances ------------------------------------------------------------------------------------


def test_instance_has_a_folder_of_its_own(etc: Path) -> None:
    conf_d(etc, local="listen: {port: 2}")
    (etc / "drone-1").mkdir()
    (etc / "drone-1" / "config.yaml").write_text("listen: {backlog: 3}")
    conf_d(etc / "drone-1", local="listen: {port: 4}")
    listen = config_files.read(None, {}, "drone-1").config.listen
    assert (listen.port, listen.backlog) == (4, 3)
    assert config_files.read(None, {}).config.listen.port == 2


def test_instance_needs_its_folder_but_no_file_in_it(etc: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        config_files.read(None, {}, "drone-1")
    assert str(raised.value) == (
        f"{etc}/drone-1: there is no such folder: make it, with a config.yaml that sets listen.port"
    )
    before = config_files.watched(None, "drone-1")
    (etc / "drone-1").mkdir()
    assert config_files.read(None, {}, "drone-1").config == Config()
    (etc / "drone-1" / "config.yaml").write_text("")
    assert config_files.watched(None, "drone-1") != before


@pytest.mark.parametrize("name", ["conf.d", "..", "a/b", "-a", "a" * 65])
def test_name_of_an_instance_is_none_of_another_folder(etc: Path, name: str) -> None:
    conf_d(etc)
    with pytest.raises(ConfigError, match=f"^hawkeye-signaling@{name}: the name must be 1 to 64"):
        config_files.read(None, {}, name)
    assert config_files.watched(None, name) == ()


def test_given_file_counts_before_that_of_the_instance(etc: Path) -> None:
    (etc / "own.yaml").write_text("listen: {port: 5}")
    assert config_files.read(str(etc / "own.yaml"), {}, "drone-1").config.listen.port == 5
