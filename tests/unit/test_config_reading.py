"""How the server reads its configuration beside its work."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from signaling_server.appliance.config_reading import outcome
from signaling_server.errors import ConfigError


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("error", [None, ConfigError([])])
def test_no_garbage_is_collected_while_files_are_read(error: Any, before: bool) -> None:
    collecting = []

    def load() -> Any:
        collecting.append(gc.isenabled())
        if error is not None:
            raise error
        return "loaded"

    (gc.enable if before else gc.disable)()
    try:
        read = outcome(load)
        assert (collecting, gc.isenabled()) == ([False], before)
    finally:
        gc.enable()
    if error is None:
        assert read() == "loaded"
    else:
        with pytest.raises(ConfigError):
            read()
