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


@pytest.mark.parametrize("module", modules(PACKAGE / "transport"))
def test_the_transport_does_not_know_where_a_fleet_meets(module: str) -> None:
    names = imported(PACKAGE / module)
    assert not [name for name in names if name.startswith("signaling_server.fleet")]


@pytest.mark.parametrize("module", modules(PACKAGE))
def test_only_the_fleet_knows_redis(module: str) -> None:
    libraries = {name.split(".")[0] for name in imported(PACKAGE / module)}
    assert module.startswith("fleet/") or "redis" not in libraries


def test_fleet_knows_redis_but_its_interface_does_not() -> None:
    assert "redis.exceptions" in {*imported(PACKAGE / "fleet/redis_engine.py")}
    for module in ("fleet/engine.py", "fleet/library.py"):
        assert not [name for name in imported(PACKAGE / module) if name.startswith("redis")]


@pytest.mark.parametrize("module", modules(PACKAGE / "transport/engine"))
def test_the_seam_knows_nothing_of_the_rest_of_the_transport(module: str) -> None:
    ours = {name for name in imported(PACKAGE / module) if "signaling_server.transport" in name}
    assert not [name for name in ours if not f"{name}.".startswith(SEAM)]


# --- inside core ----------------------------------------------------------------------------------

CORE = "signaling_server.core."
SEES = {
    "config": (),
    "protocol": ("config",),
    "ice": ("config", "protocol"),
    "insight": ("config", "protocol"),
    "fleet": ("config", "protocol"),
    "reporting": ("config", "protocol", "insight", "fleet"),
    "certificate": ("config", "protocol"),
    "announcement": ("config", "protocol"),
}
"""The folders that each folder of core may import from, beside itself and core's own files."""
_RULE = (CORE + "protocol.naming",)
EXCEPTIONS = {
    "core/config/token_file.py": (CORE + "protocol.auth",),
    "core/config/network_types.py": (
        CORE + "protocol",
        *(f"{CORE}protocol.{name}" for name in ("forwarded", "hosts", "naming", "origins")),
    ),
    "core/config/schema.py": _RULE,
    "core/config/write.py": _RULE,
}
"""Configuration makes what the protocol asks: `Tokens`, and the rules about names and addresses."""


def for_annotations_alone(path: Path) -> set[str]:
    """The modules that a file imports under `if TYPE_CHECKING:`."""
    blocks = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
    ]
    statements = [statement for block in blocks for statement in block.body]
    return {each.module or "" for each in statements if isinstance(each, ast.ImportFrom)}


def folders_seen(module: str) -> set[str]:
    """The folders of core that a module imports from when it runs, such as {"config"}."""
    spared = (*for_annotations_alone(PACKAGE / module), *EXCEPTIONS.get(module, ()))
    names = [name for name in imported(PACKAGE / module) if not name.startswith(spared)]
    inside = {name[len(CORE) :].split(".")[0] for name in names if name.startswith(CORE)}
    return inside & {*SEES}


@pytest.mark.parametrize("folder", SEES)
def test_folders_of_core_see_only_those_before_them(folder: str) -> None:
    allowed = {folder, *SEES[folder]}
    seen = {module: folders_seen(module) - allowed for module in modules(PACKAGE / "core" / folder)}
    assert not {module: more for module, more in seen.items() if more}


def test_files_of_core_itself_see_no_folder_of_it() -> None:
    files = [module for module in modules(PACKAGE / "core") if module.count("/") == 1]
    assert {"core/names.py", "core/words.py"} <= {*files}
    assert not [module for module in files if folders_seen(module)]
