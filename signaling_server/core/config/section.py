"""The sections of the configuration as frozen data classes, without methods compiled for each.

`@dataclass(frozen=True)` compiles six methods for each class at each start: 14 ms of CPU time for
the sections of schema.py on a PC. The methods here serve any section: 1 ms.
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from typing import Any, Callable, NoReturn, TypeVar

T = TypeVar("T")


def section(*, frozen: bool) -> Callable[[type[T]], type[T]]:
    """As `dataclass(frozen=True)`, whose name schema.py gives it for mypy.

    Every field must have a default. `frozen` must be true.
    """
    if not frozen:
        raise TypeError("a section is frozen")

    def make(cls: type[T]) -> type[T]:
        made = dataclass(init=False, repr=False, eq=False)(cls)
        for name, method in _METHODS.items():
            setattr(made, name, method)
        return made

    return make


def _init(self: Any, *given: object, **named: object) -> None:
    members = self.__dataclass_fields__
    values = dict(zip(members, given))
    wrong = [name for name in named if name in values or name not in members]
    if wrong or len(given) > len(members):
        what = f"{wrong[0]} is unknown, or given twice" if wrong else "too many values"
        raise TypeError(f"{type(self).__name__}: {what}")
    values.update(named)
    for name, member in members.items():
        self.__dict__[name] = values.get(name, member.default)


def _repr(self: Any) -> str:
    values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
    return f"{type(self).__qualname__}({values})"


def _eq(self: Any, other: object) -> bool:
    return vars(self) == vars(other) if type(self) is type(other) else NotImplemented


def _hash(self: Any) -> int:
    return hash(tuple(vars(self).values()))


def _setattr(self: Any, name: str, value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


_METHODS = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
}
