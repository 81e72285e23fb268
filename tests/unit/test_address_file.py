"""Where the service says that it listens."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from signaling_server.appliance import address_file
from signaling_server.appliance.address_file import Whereabouts, whereabouts

HERE = Whereabouts("http://127.0.0.1:8080", "/socket.io", os.getpid())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that systemd makes for the service."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(address_file, "FOLDER", str(tmp_path))
    return tmp_path


def test_what_the_service_writes_is_read(folder: Path) -> None:
    assert address_file.read() is None
    assert address_file.write(HERE) == ""
    assert address_file.read() == HERE
    assert os.listdir(folder) == ["address.json"]
    address_file.remove()
    assert address_file.read() is None
    address_file.remove()  # twice is no error


def test_everybody_may_read_it_whatever_the_mask(folder: Path) -> None:
    mask = os.umask(0o077)
    try:
        address_file.write(HERE)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((folder / "address.json").stat().st_mode) == 0o644


def test_instance_has_a_folder_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "drone-1").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{folder}/drone-1")
    address_file.write(HERE)
    assert address_file.read() is None
    assert address_file.read("drone-1") == HERE


def test_nothing_is_written_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert address_file.own_file() == ""
    assert address_file.write(HERE) == ""
    address_file.remove()


def test_folder_that_cannot_be_written_is_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{folder}/missing")
    assert address_file.write(HERE) == (
        f"{folder}/missing/address.json cannot be written (No such file or directory): "
        "status and probe need --url"
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": "a", "socketio_path": "b"}', "1"])
def test_file_that_is_no_such_file_counts_as_none(folder: Path, text: str) -> None:
    (folder / "address.json").write_text(text)
    assert address_file.read() is None


def test_file_of_a_process_that_was_killed_does_not_count(folder: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    for pid in (child, 0, 1 << 80):
        (folder / "address.json").write_text(json.dumps(HERE._replace(pid=pid)._asdict()))
        assert address_file.read() is None


def test_file_of_another_users_process_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(pid: int, number: int) -> None:
        raise PermissionError

    address_file.write(HERE)
    monkeypatch.setattr(os, "kill", forbidden)
    assert address_file.read() == HERE


@pytest.mark.parametrize(
    ("host", "v6only", "url"),
    [
        ("0.0.0.0", 0, "http://127.0.0.1:"),
        ("127.0.0.1", 0, "http://127.0.0.1:"),
        ("::", 0, "http://127.0.0.1:"),
        ("::", 1, "http://[::1]:"),
        ("::1", 0, "http://[::1]:"),
    ],
)
def test_url_is_one_that_this_machine_reaches(host: str, v6only: int, url: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        listener.bind((host, 0))
        port = listener.getsockname()[1]
        assert whereabouts(listener, "/s", tls=False) == (f"{url}{port}", "/s", os.getpid())
        assert whereabouts(listener, "/s", tls=True).url == f"{url}{port}".replace("p:", "ps:")
