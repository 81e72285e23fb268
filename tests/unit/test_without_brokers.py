"""What a library finds installed while it is loaded, and afterwards."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from signaling_server.transport.engine.without_brokers import load

LIBRARY = """
try:
    import zmq
except ImportError:
    zmq = None
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Python looks first: there is a broker, and a library that can use it."""
    (tmp_path / "zmq.py").write_text("")
    (tmp_path / "a_library.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("zmq", "a_library"):
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_broker_is_hidden_from_the_library_alone() -> None:
    load("a_library")
    assert sys.modules["a_library"].zmq is None
    assert "zmq" not in sys.modules
    import zmq  # type: ignore[import-not-found,unused-ignore]

    assert zmq


@pytest.mark.usefixtures("folder")
def test_broker_that_is_loaded_already_stays() -> None:
    import zmq  # type: ignore[import-not-found,unused-ignore]

    load("a_library")
    assert sys.modules["a_library"].zmq is zmq is sys.modules["zmq"]


def test_nothing_stays_hidden_when_the_library_cannot_be_loaded(folder: Path) -> None:
    (folder / "a_library.py").write_text("raise ValueError('broken')")
    with pytest.raises(ValueError, match="broken"):
        load("a_library")
    assert "zmq" not in sys.modules
