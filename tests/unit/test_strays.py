"""Which files of conf.d deserve a remark."""

from __future__ import annotations

import pytest

from signaling_server.core.config.strays import empty, is_read, stray


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("local.yml", "is not read: rename it to local.yaml"),
        ("LOCAL.YAML", "is not read: rename it to LOCAL.yaml"),
        ("50-port.conf", "is not read: only files in .yaml are"),
        ("local.yaml.txt", "is not read: only files in .yaml are"),
        ("notes", "is not read: only files in .yaml are"),
    ],
)
def test_file_that_is_not_read_is_named(name: str, remark: str) -> None:
    assert not is_read(name)
    assert stray(name) == remark


@pytest.mark.parametrize(
    "name",
    [
        *("README", "README.md", ".gitignore", ".#a.yaml", ".a.yaml.swp", "#a.yaml#"),
        *("a.yaml~", "a.yaml.bak", "a.yaml.orig", "a.yaml.old", "a.yaml.save"),
        *("a.yaml.dpkg-old", "a.yaml.dpkg-dist", "a.yaml.ucf-dist"),
    ],
)
def test_readme_and_backups_are_no_strays(name: str) -> None:
    assert not is_read(name)
    assert stray(name) == ""


def test_file_that_is_read_is_no_stray() -> None:
    assert is_read("local.yaml")
    assert stray("local.yaml") == ""


@pytest.mark.parametrize("text", ["", "\n", " \t\r\n", "\ufeff"])
def test_file_without_a_text_is_empty(text: str) -> None:
    assert empty(text) == "is empty: was it cut short?"


@pytest.mark.parametrize("text", ["# nothing yet\n", "version: 1"])
def test_comment_is_a_text(text: str) -> None:
    assert empty(text) == ""
