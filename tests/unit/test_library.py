"""A fleet is refused without a redis-py that is new enough."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from signaling_server.core.config.load import Loaded, load
from signaling_server.errors import ConfigError
from signaling_server.fleet import library


def loaded(text: str) -> Loaded:
    return load([("a.yaml", text)], {})


def install(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("redis")
    module.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "redis", module)


@pytest.mark.parametrize("version", ["4.3.4", "4.10", "6.1.1", "8.1.0", "8.2.0rc1"])
def test_new_enough_ones_are_fine(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(version, monkeypatch)
    assert library.fault() == ""


@pytest.mark.parametrize("version", ["3.5.3", "4.3.3", "4.0.0rc1"])
def test_old_ones_are_named(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(version, monkeypatch)
    assert f"redis-py {version} is too old, at least 4.3.4 is required" in library.fault()


def test_missing_one_is_refused_at_the_key_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigError) as error:
        library.refuse_without(loaded("fleet:\n  url: redis://127.0.0.1\n"))
    assert str(error.value).startswith(
        "a.yaml:2: fleet.url is set, but redis-py is not installed: `apt install python3-redis`"
    )


def test_without_a_url_no_redis_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    library.refuse_without(loaded("fleet: {name: a}"))


def test_fleet_is_welcome_with_a_library_that_is_new_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install("4.3.4", monkeypatch)
    library.refuse_without(loaded("fleet: {url: 'redis://127.0.0.1'}"))
