"""Build the packages once, and boot a machine with the package installed for each suite."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import pytest

from .machine import CACHE, ROOT, SUITES, Machine, host_command, tree
from .once import digest, made_once, source
from .service import INSIDE, Service

OLDER = "0.0.9"
"""A version to upgrade from: the same tree with a lower number."""
APT = "DEBIAN_FRONTEND=noninteractive apt-get --quiet -o Dpkg::Use-Pty=0 --yes"
EXTRAS = ("avahi-daemon", "autopkgtest", "dpkg-dev", "redis-server", "ufw")
"""Packages that tests install on machines beside the package."""


class Packages:
    """What is built from the checkout: each piece when a test asks for it, once for all processes.

    `folder`: the machines see it; tests put further packages there, to upgrade to.
    """

    def __init__(self, build: Callable[..., Path], folder: Path) -> None:
        self._build = build
        self._key = source()
        self.folder = folder

    @cached_property
    def _built(self) -> Path:
        def make(folder: Path) -> None:
            self._build("--output", str(folder), "--source", str(folder / "source"))

        return made_once("package", self._key, make)

    @property
    def deb(self) -> Path:
        (deb,) = self._built.glob("*.deb")
        return deb

    @property
    def source(self) -> Path:
        """The source tree of the package."""
        return self._built / "source"

    @cached_property
    def older(self) -> Path:
        """The same package with the number OLDER, in a folder of its own."""
        tree, folder = self.folder / "tree", self.folder / "older"
        folder.mkdir()
        host_command("dpkg-deb", "--raw-extract", str(self.deb), str(tree))
        host_command("sed", "-i", f"s/^Version: .*/Version: {OLDER}/", str(tree / "DEBIAN/control"))
        host_command("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(folder))
        shutil.rmtree(tree)
        return next(folder.glob("*.deb"))

    def repository(self, suite: str) -> Path:
        """A signed repository for a suite, with all dependencies, and with EXTRAS."""

        def make(folder: Path) -> None:
            make_repository(suite, folder / "repository", self.deb, "amd64", EXTRAS)

        return made_once(f"repository-{suite}", self._key, make) / "repository"


@pytest.fixture(scope="session")
def wheels() -> Path:
    """The wheels of the lock file."""
    lock = ROOT / "packaging/wheels.lock"
    download = "python3 -m pip --quiet download --require-hashes --no-deps --only-binary :all:"

    def make(folder: Path) -> None:
        host_command(*download.split(), "--dest", str(folder), "--requirement", str(lock))

    return made_once("wheels", digest(lock), make)


@pytest.fixture(scope="session")
def build(wheels: Path) -> Callable[..., Path]:
    """Runs build-deb.sh; returns the .deb."""

    def run(*options: str, root: Path = ROOT, **environment: str) -> Path:
        script = str(root / "packaging/build-deb.sh")
        said = host_command(script, "--wheels", str(wheels), *options, **environment)
        return Path(said.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def packages(build: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Packages:
    return Packages(build, tmp_path_factory.mktemp("packages"))


def make_repository(
    suite: str, folder: Path, deb: Path, architecture: str, also: Sequence[str] = ()
) -> Path:
    command = [str(ROOT / "packaging/make-repo.sh"), "--key-home", str(folder.parent / "key")]
    command += ["--with-dependencies", suite, architecture]
    command += [word for package in also for word in ("--also", package)]
    host_command(*command, str(folder), str(deb))
    return folder


@pytest.fixture
def redis(machine: Machine) -> Iterator[str]:
    """redis-server's unit, installed for one test."""
    machine.shell(f"{APT} install --no-install-recommends redis-server")
    yield "redis-server.service"
    machine.shell(f"{APT} purge --autoremove redis-server")


@pytest.fixture(scope="session", params=SUITES)
def machine(
    request: pytest.FixtureRequest, packages: Packages, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """A machine without a network, with the package installed by its name, without Recommends."""
    suite = request.param
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(tree, suite)  # which mostly waits for the network
        repository = packages.repository(suite)
        waiting.result()
    shared = {
        "/media/hawkeye": repository,
        "/mnt/older": packages.older.parent,
        "/mnt/source": packages.source,
        INSIDE: Path(__file__).parent / "inside",
    }
    machine = Machine(suite, tmp_path_factory.mktemp(suite), shared)
    try:
        machine.boot()
        sources = (repository / "hawkeye-signaling.sources").read_text()
        machine.write("/etc/apt/sources.list.d/hawkeye-signaling.sources", sources)
        machine.run("apt-get", "--quiet", "update")
        machine.shell(f"{APT} install --no-install-recommends hawkeye-signaling")
        yield machine
    finally:
        machine.remove()


@pytest.fixture
def service(machine: Machine) -> Service:
    """The service, configured as after its installation, and running."""
    service = Service(machine)
    service.reset()
    return service


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Records measured figures under a heading, by suite, for the documentation."""

    def note(heading: str, **figures: Any) -> None:
        parametrized = getattr(request.node, "callspec", None)
        suite = parametrized.params.get("machine", "host") if parametrized else "host"
        file = CACHE / f"results-{suite}.json"  # one for each: suites run side by side
        results = json.loads(file.read_text()) if file.exists() else {}
        results.setdefault(heading, {}).update(figures)
        file.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")

    return note
