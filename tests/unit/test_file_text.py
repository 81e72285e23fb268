"""The text of a file, or a sentence on why it cannot be had; nothing waits."""

from __future__ import annotations

import os
import pwd
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from signaling_server.appliance import file_text
from signaling_server.core.config.permissions import Entry, Reader
from signaling_server.errors import ConfigError


def told(path: Path | str) -> str:
    with pytest.raises(ConfigError) as raised:
        file_text.text(str(path))
    return str(raised.value)


def test_file_that_is_not_utf8_is_refused_with_the_position(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    for content, place in (
        (b"# \xc3\xa9\xff", "1:4"),
        (b"a: 1\nb: \xe9\n", "2:4"),
        ("listen:".encode("utf-16"), "1:1"),
    ):
        path.write_bytes(content)
        assert told(path) == f"{path}:{place}: this is not UTF-8: save the file as UTF-8"


def test_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"#" * file_text.MAX_BYTES)
    assert len(file_text.contents(str(path))) == file_text.MAX_BYTES
    path.write_bytes(b"\xff" * (file_text.MAX_BYTES + 1))
    assert told(path) == f"{path}: this is larger than 1048576 bytes: is it the right file?"
    assert told("/dev/zero").startswith("/dev/zero: this is larger than")


def test_named_pipe_and_socket_are_refused_at_once(tmp_path: Path) -> None:
    pipe, end = tmp_path / "pipe.yaml", tmp_path / "socket.yaml"
    os.mkfifo(pipe)
    assert told(pipe) == f"{pipe}: this is a named pipe, not a file: remove it"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(end))
        assert told(end) == f"{end}: this is a socket, not a file: remove it"


def test_device_is_refused_at_once() -> None:
    assert told("/dev/tty") == "/dev/tty: this is a device, not a file: remove it"
    assert file_text.text("/dev/null") == ""


def test_pipe_that_the_caller_holds_open_is_read() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"version: 1")
    os.close(writer)
    try:
        assert file_text.text(f"/dev/fd/{reader}") == "version: 1"
    finally:
        os.close(reader)


@pytest.mark.parametrize("error", [FileNotFoundError(2, "x"), PermissionError(13, "x")])
@pytest.mark.parametrize("how", ["environment", "user"])
def test_service_hears_that_its_sandbox_hides_the_file(
    monkeypatch: pytest.MonkeyPatch, error: OSError, how: str
) -> None:
    if how == "environment":
        monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/hawkeye-signaling")
    else:
        monkeypatch.setattr(file_text, "SERVICE", pwd.getpwuid(os.geteuid()).pw_name)
    sentence = file_text.complaint("/home/op/no-such-file", error).text
    assert sentence.startswith("the service cannot see files below /home")


def test_others_hear_of_the_file_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    for error, sentence in (
        (FileNotFoundError(2, "x"), "there is no such file"),
        (PermissionError(13, "x"), "user "),
    ):
        assert file_text.complaint("/home/op/no-such-file", error).text.startswith(sentence)


def test_names_are_shown_and_numbers_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[Entry], Reader]] = []

    def record(path: str, entries: list[Entry], reader: Reader) -> str:
        seen.append((entries, reader))
        return "in the way"

    monkeypatch.setattr(file_text, "obstacle", record)
    denied = PermissionError(13, "x")
    assert file_text.complaint("/etc/passwd", denied).text == "in the way"
    entries, reader = seen.pop()
    assert [entry.path for entry in entries] == ["/", "/etc", "/etc/passwd"]
    assert (entries[-1].owner, entries[-1].group) == ("root", "root")
    assert stat.S_ISDIR(entries[1].mode)
    assert reader.name == pwd.getpwuid(os.geteuid()).pw_name
    file_text.complaint("/etc/no/such/file", denied)
    assert [entry.path for entry in seen.pop()[0]] == ["/", "/etc"]
    monkeypatch.setattr(os, "geteuid", lambda: 3_000_000_001)
    monkeypatch.setattr(os, "getegid", lambda: 3_000_000_002)
    file_text.complaint("/etc/passwd", denied)
    reader = seen.pop()[1]
    assert (reader.name, reader.group) == ("3000000001", "3000000002")


def test_other_errors_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert (
        told(tmp_path) == f"{tmp_path}: this is a directory: name a file in it, such as config.yaml"
    )
    assert told(tmp_path / "gone").startswith(f"{tmp_path}/gone: there is no such file")
    assert told(tmp_path / "file" / "a") == f"{tmp_path}/file/a: cannot be read: Not a directory"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not enter")
def test_folder_that_may_not_be_entered_is_named_before_what_is_in_it() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "secret"
        folder.mkdir(mode=0o700)
        (folder / "key").write_text("")
        Path(name).chmod(0o755)
        os.seteuid(65534)
        try:
            sentence = told(folder / "key")
        finally:
            os.seteuid(0)
    assert f"may not enter {folder} (root:root, mode 700)" in sentence
