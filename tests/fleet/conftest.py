"""Tests against a real redis-server. A test may be a coroutine."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from fleet.hosts import Hosts
from fleet.machine import Machines
from fleet.redis_programs import ON_EACH, chosen, not_there, title
from fleet.redis_server import RedisServer, free_port

TEST_SECONDS = 60.0
_numbers = itertools.count()
_used: list[str] = []
"""The programs that ran as Redis in this run."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what may differ between Redis and Valkey on each that is there."""
    programs = chosen(metafunc.config.getoption("--redis-server"))
    on_each = metafunc.module.__name__.rpartition(".")[2] in ON_EACH
    if on_each and len(programs) > 1 and "redis_program" in metafunc.fixturenames:
        names = [Path(program).name for program in programs]
        metafunc.parametrize("redis_program", programs, ids=names, indirect=True, scope="session")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what ran as Redis, and what did not: a run without Valkey looks the same otherwise."""
    for program in _used:
        terminalreporter.write_line(f"tests/fleet ran on {title(program)}")
    for name in not_there(_used) if _used else ():
        terminalreporter.write_line(f"tests/fleet did not run on {name}")


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    asyncio.set_event_loop(None)
    loop.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    loop: Any = pyfuncitem.funcargs["loop"]
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    loop.run_until_complete(asyncio.wait_for(pyfuncitem.obj(**arguments), TEST_SECONDS))
    return True


def pytest_collection_modifyitems(items: list[Any]) -> None:
    for item in items:
        if inspect.iscoroutinefunction(getattr(item, "obj", None)):
            item.fixturenames.insert(0, "loop")


@pytest.fixture(scope="session")
def redis_program(request: pytest.FixtureRequest) -> str:
    """What runs as Redis."""
    program: str = getattr(request, "param", "")
    if not program:
        program, *_ = chosen(request.config.getoption("--redis-server"))
    if program not in _used:
        _used.append(program)
    return program


@pytest.fixture(scope="session")
def shared_redis(
    tmp_path_factory: pytest.TempPathFactory, redis_program: str
) -> Iterator[RedisServer]:
    """For tests that do it no harm; each has a prefix of its own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"), server=redis_program).start()
    yield server
    server.kill()


@pytest.fixture
def redis(tmp_path: Path, redis_program: str) -> Iterator[RedisServer]:
    """For one test, which may stop, freeze and kill it."""
    server = RedisServer(tmp_path, server=redis_program).start()
    yield server
    server.thaw_if_there()
    server.kill()


@pytest.fixture
def start_redis(tmp_path: Path, redis_program: str) -> Iterator[Callable[..., RedisServer]]:
    """Starts further ones: `start_redis(NAME, LINE ..., arguments=[...])`."""
    started: list[RedisServer] = []

    def start(name: str, *lines: str, arguments: tuple[str, ...] = ()) -> RedisServer:
        started.append(RedisServer(tmp_path, *lines, name=name, server=redis_program))
        return started[-1].start(*arguments)

    yield start
    for server in started:
        server.thaw_if_there()
        server.kill()


@pytest.fixture
def unused_port() -> int:
    return free_port()


@pytest.fixture
def hosts(loop: asyncio.AbstractEventLoop) -> Iterator[Hosts]:
    """Engines, stopped at the end."""
    hosts = Hosts(f"t{next(_numbers)}")
    yield hosts
    loop.run_until_complete(hosts.stop())


@pytest.fixture
def machines(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, redis: RedisServer
) -> Iterator[Machines]:
    """Server processes, on a Redis of their own; ended at the end."""
    machines = Machines(tmp_path, redis)
    yield machines
    loop.run_until_complete(machines.end())
