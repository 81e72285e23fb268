"""Shared by the unit tests."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from typing import Iterator

import pytest


class Hoard:
    """Opens files until the process has no descriptor left."""

    def __init__(self) -> None:
        self._descriptors: list[int] = []

    def take_all(self) -> None:
        with suppress(OSError):
            while True:
                self._descriptors.append(os.open(os.devnull, os.O_RDONLY))

    def give_back(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())


@pytest.fixture
def hoard() -> Iterator[Hoard]:
    """For a test in which the process runs out of descriptors."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    hoard = Hoard()
    yield hoard
    hoard.give_back()
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
