"""Hosts of one fleet: server processes on this machine, each with its own way to Redis."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

from fleet.proxy import Proxy
from fleet.redis_server import RedisServer, free_port
from integration.pages import get
from integration.server import ServerProcess


class Machine:
    """One host. It has the same port after a restart."""

    def __init__(self, folder: Path, name: str, redis_port: int, config: dict[str, Any]) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.proxy = Proxy(redis_port)
        """Between this host and Redis."""
        self._folder = folder / name
        self._folder.mkdir()
        self._config = config
        self._server: ServerProcess | None = None
        self._earlier: list[str] = []
        """The log of its processes before this one."""

    @property
    def server(self) -> ServerProcess:
        assert self._server
        return self._server

    async def start(self) -> None:
        """Start the process, and wait until it listens."""
        if not self.proxy.port:
            await self.proxy.start()
        own = {"url": f"redis://127.0.0.1:{self.proxy.port}", "name": self.name}
        config = {
            **self._config,
            "listen": {"port": self.port},
            "fleet": {**own, **self._config.get("fleet", {})},
        }
        self._earlier = self.log
        self._server = ServerProcess(self._folder, config)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._server.__enter__)

    async def kill(self) -> None:
        """SIGKILL: the kernel closes its connections."""
        self.server.send(signal.SIGKILL)
        await self.server.exit_code()

    async def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        self.server.send(signal.SIGTERM)
        assert await self.server.exit_code() == 0

    def freeze(self) -> None:
        self.server.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.server.send(signal.SIGCONT)

    def cut_off(self) -> None:
        """From now on nothing passes between this host and Redis, and nobody is told."""
        self.proxy.open.clear()

    def heal(self) -> None:
        """What was under way passes now, as in a network that was cut."""
        self.proxy.open.set()

    async def metrics(self, token: str = "") -> dict[str, float]:
        """What /metrics says, by name and labels."""
        loop = asyncio.get_running_loop()
        text = (await loop.run_in_executor(None, get, f"{self.url}/metrics", token)).body
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}

    async def end(self) -> None:
        if self._server is not None:
            self.thaw()
            self._server.__exit__(None, None, None)
        if self.proxy.port:
            await self.proxy.stop()

    @property
    def log(self) -> list[str]:
        """Of all its processes."""
        return [*self._earlier, *(self._server.lines if self._server else ())]


class Machines:
    """All hosts of a test, on one Redis."""

    def __init__(self, folder: Path, redis: RedisServer) -> None:
        self._folder = folder
        self._redis = redis
        self._all: list[Machine] = []

    def make(self, name: str, **config: Any) -> Machine:
        """A host that is not started; `config`: sections of its configuration."""
        self._all.append(Machine(self._folder, name, self._redis.port, config))
        return self._all[-1]

    async def start(self, *names: str, **config: Any) -> list[Machine]:
        """Start these hosts, and wait until each has a link to each."""
        machines = [self.make(name, **config) for name in names]
        await asyncio.gather(*(machine.start() for machine in machines))
        for machine in machines:
            for name in names:
                if name != machine.name:
                    await machine.server.line(f"host {name} is part of the fleet")
        return machines

    async def end(self) -> None:
        await asyncio.gather(*(machine.end() for machine in self._all))
        for machine in self._all:  # pytest shows it where a test failed
            print(f"--- {machine.name}", *machine.log, sep="\n")
