"""Which entry of a path is in the way of a reader, and what helps."""

from __future__ import annotations

import stat

import pytest

from signaling_server.core.config.permissions import Entry, Reader, hidden, hidden_text, obstacle

SERVICE = Reader("hawkeye-signaling", 990, "hawkeye-signaling", frozenset({990, 50}))


def folder(path: str, mode: int, uid: int = 0, gid: int = 0) -> Entry:
    return Entry(path, stat.S_IFDIR | mode, uid, gid, "root" if uid == 0 else "op", _name(gid))


def file(path: str, mode: int, uid: int = 0, gid: int = 0) -> Entry:
    return folder(path, 0, uid, gid)._replace(mode=stat.S_IFREG | mode)


def _name(gid: int) -> str:
    return {0: "root", 990: "hawkeye-signaling", 50: "ssl-cert"}[gid]


ROOT = folder("/", 0o755)


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        (
            [ROOT, file("/key", 0o600)],
            "user hawkeye-signaling may not read /key (root:root, mode 600): "
            "chgrp hawkeye-signaling /key && chmod g+r /key",
        ),
        (
            [ROOT, file("/key", 0o600, gid=50)],
            "user hawkeye-signaling may not read /key (root:ssl-cert, mode 600): chmod g+r /key",
        ),
        (
            [ROOT, file("/key", 0o040, uid=990, gid=990)],
            "user hawkeye-signaling may not read /key (op:hawkeye-signaling, mode 40): "
            "chmod u+r /key",
        ),
        (
            [ROOT, file("/key", 0o604, gid=990)],  # "others" does not count for a member
            "user hawkeye-signaling may not read /key (root:hawkeye-signaling, mode 604): "
            "chmod g+r /key",
        ),
        (
            [ROOT, folder("/a", 0o700)],  # what is behind it cannot be seen
            "user hawkeye-signaling may not enter /a (root:root, mode 700): "
            "chgrp hawkeye-signaling /a && chmod g+x /a",
        ),
        (
            [ROOT, folder("/conf.d", 0o2751)],
            "user hawkeye-signaling may not read /conf.d (root:root, mode 2751): "
            "chgrp hawkeye-signaling /conf.d && chmod g+rx /conf.d",
        ),
        (
            [ROOT, file("/key", 0o644)],
            "user hawkeye-signaling may not read /key, though its mode allows it: "
            "an access control list or a security module is in the way",
        ),
    ],
)
def test_sentence_names_the_entry_its_mode_and_the_command(
    entries: list[Entry], sentence: str
) -> None:
    path = {"/a": "/a/key"}.get(entries[-1].path, entries[-1].path)
    assert obstacle(path, entries, SERVICE) == sentence


def test_first_entry_in_the_way_is_named() -> None:
    path = [ROOT, folder("/a", 0o711), folder("/a/b", 0o700), file("/a/b/key", 0)]
    assert obstacle("/a/b/key", path, SERVICE).startswith(
        "user hawkeye-signaling may not enter /a/b "
    )


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/home/op/key.pem", "/home"),
        ("/root/key.pem", "/root"),
        ("/run/user/1000/key.pem", "/run/user"),
        ("/tmp/key.pem", "/tmp"),
        ("/var/tmp/key.pem", "/var/tmp"),
        ("/homes/key.pem", ""),
        ("/etc/tmp/key.pem", ""),
    ],
)
def test_folders_that_the_sandbox_hides(path: str, folder: str) -> None:
    assert hidden(path) == folder


def test_folder_is_not_hidden_without_the_key_that_hides_it() -> None:
    assert hidden("/home/op/key.pem", ["PrivateTmp"]) == ""
    assert hidden("/tmp/key.pem", ["PrivateTmp"]) == "/tmp"


def test_sentence_about_a_hidden_folder_names_the_key_and_a_better_place() -> None:
    assert hidden_text("/tmp") == (
        "the service cannot see files below /tmp: its sandbox (PrivateTmp=) hides them; "
        "move this to /etc/hawkeye-signaling"
    )
