"""Dependencies point inward; what is pure does no I/O."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Iterator

import pytest

import signaling_server

PACKAGE = Path(signaling_server.__file__).parent
SEAM = "signaling_server.transport.engine."
IO = {"asyncio", "socket", "aiohttp", "socketio", "engineio", "logging", "time"}


def imported(path: Path) -> Iterator[str]:
    """What a file imports, wherever in it: `a.b` for `import a.b`, `a` and `a.b` for `from a`."""
    parents = ("signaling_server", *path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = parents[: -node.level] if node.level else ()
            module = ".".join([*inside, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def modules(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(PACKAGE)) for path in folder.rglob("*.py"))


def test_there_is_something_to_look_at() -> None:
    assert "core/protocol/relay.py" in modules(PACKAGE / "core")
    assert {"asyncio", "socketio", "engineio"} <= {
        name for path in (PACKAGE / "transport").rglob("*.py") for name in imported(path)
    }


@pytest.mark.parametrize("module", modules(PACKAGE / "core"))
def test_core_is_pure(module: str) -> None:
    names = set(imported(PACKAGE / module))
    assert not {name.split(".")[0] for name in names} & IO
    ours = {name for name in names if name.startswith("signaling_server.")}
    inner = tuple(f"signaling_server.{name}" for name in ("core", "errors", "version"))
    assert not [name for name in ours if not name.startswith(inner)]


@pytest.mark.parametrize("module", modules(PACKAGE))
def test_only_the_seam_and_the_probe_know_socketio(module: str) -> None:
    libraries = {name.split(".")[0] for name in imported(PACKAGE / module)}
    allowed = module.startswith("transport/engine/") or module == "cli/probe.py"
    assert allowed or not libraries & {"socketio", "engineio"}


@pytest.mark.parametrize("module", modules(PACKAGE / "transport/engine"))
def test_the_seam_knows_nothing_of_the_rest_of_the_transport(module: str) -> None:
    ours = {name for name in imported(PACKAGE / module) if "signaling_server.transport" in name}
    assert not [name for name in ours if not f"{name}.".startswith(SEAM)]
