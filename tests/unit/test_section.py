"""Sections are frozen data classes without methods of their own."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Callable

import pytest

from signaling_server.core.config.schema import Config
from signaling_server.core.config.section import section as plain_section

if TYPE_CHECKING:
    from dataclasses import dataclass as section
else:
    section = plain_section


@section(frozen=True)
class Inner:
    """A section."""

    a: int = field(default=1, metadata={"doc": "one"})
    b: str = "x"


@section(frozen=True)
class Outer:
    """A section with one in it."""

    inner: Inner = Inner()


def test_fields_are_those_of_a_data_class() -> None:
    assert is_dataclass(Inner)
    assert [(each.name, each.default) for each in fields(Inner)] == [("a", 1), ("b", "x")]
    assert fields(Inner)[0].metadata["doc"] == "one"


def test_values_come_by_place_by_name_and_from_the_defaults() -> None:
    assert vars(Inner()) == {"a": 1, "b": "x"}
    assert vars(Inner(2)) == {"a": 2, "b": "x"}
    assert vars(Inner(2, b="y")) == {"a": 2, "b": "y"}
    assert replace(Outer(), inner=Inner(3)).inner == Inner(3)


@pytest.mark.parametrize(
    ("given", "named", "what"),
    [
        ((), {"c": 1}, "c is unknown"),
        ((1,), {"a": 1}, "given twice"),
        ((1, "x", 3), {}, "too many"),
    ],
)
def test_wrong_values_are_refused(given: Any, named: Any, what: str) -> None:
    with pytest.raises(TypeError, match=what):
        Inner(*given, **named)


def test_equal_sections_have_one_hash() -> None:
    assert Inner(2) == Inner(2) != Inner(3)
    assert Inner() != 1
    assert Inner() != Outer()
    assert {Inner(2), Inner(2), copy.copy(Inner(2))} == {Inner(2)}
    assert repr(Outer()) == "Outer(inner=Inner(a=1, b='x'))"


@pytest.mark.parametrize(
    "change", [lambda it: setattr(it, "a", 2), lambda it: delattr(it, "a")], ids=["set", "delete"]
)
def test_nothing_can_be_changed(change: Callable[[Inner], None]) -> None:
    inner = Inner()
    with pytest.raises(FrozenInstanceError):
        change(inner)
    assert inner.a == 1


def test_section_must_be_frozen() -> None:
    with pytest.raises(TypeError, match="frozen"):
        plain_section(frozen=False)


def test_sections_of_the_configuration_share_their_methods() -> None:
    made = {
        vars(type(each))["__init__"]
        for each in (Config(), *vars(Config()).values())
        if is_dataclass(each)
    }
    assert made == {vars(Inner)["__init__"]}
