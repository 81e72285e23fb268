"""Build the packages once, and boot a machine with the package installed for each suite."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import pytest

from .machine import CACHE, ROOT, SUITES, Machine, host_command, tree
from .service import INSIDE, Service

OLDER = "0.0.9"
"""A version to upgrade from: the same tree with a lower number."""
APT = "DEBIAN_FRONTEND=noninteractive apt-get --quiet -o Dpkg::Use-Pty=0 --yes"
EXTRAS = ("avahi-daemon", "autopkgtest", "dpkg-dev", "ufw")
"""Packages that tests install on machines beside the package."""


class Packages(NamedTuple):
    """What the builds made."""

    deb: Path
    older: Path
    """In a folder of its own."""
    repositories: dict[str, Path]
    """A signed repository for each suite, with all dependencies, and with EXTRAS."""
    source: Path
    """The source tree of the package."""


@pytest.fixture(scope="session")
def wheels() -> Path:
    """The wheels of the lock file, fetched once."""
    folder = CACHE / "wheels"
    download = "python3 -m pip --quiet download --require-hashes --no-deps --only-binary :all:"
    lock = str(ROOT / "packaging/wheels.lock")
    host_command(*download.split(), "--dest", str(folder), "--requirement", lock)
    return folder


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
    work = tmp_path_factory.mktemp("packages")
    with ThreadPoolExecutor(2) as pool:
        trees = [pool.submit(tree, suite) for suite in SUITES]
        source = work / "source"
        deb = build("--output", str(work), "--source", str(source))
        older = build("--output", str(work / "older"), "--version", OLDER)
        made = {s: make_repository(s, work / s, deb, "amd64", EXTRAS) for s in SUITES}
        for waiting in trees:
            waiting.result()
    return Packages(deb, older, made, source)


def make_repository(
    suite: str, folder: Path, deb: Path, architecture: str, also: Sequence[str] = ()
) -> Path:
    command = [str(ROOT / "packaging/make-repo.sh"), "--key-home", str(folder.parent / "key")]
    command += ["--with-dependencies", suite, architecture]
    command += [word for package in also for word in ("--also", package)]
    host_command(*command, str(folder), str(deb))
    return folder


def _peer(suite: str, work: Path) -> Path:
    """A repository with redis-server for a suite, made once: a service to compare with."""
    made = CACHE / f"peer-{suite}"
    if not made.exists():
        control = work / "hawkeye-peer/DEBIAN/control"
        control.parent.mkdir(parents=True)
        names = "Package: hawkeye-peer\nVersion: 1\nArchitecture: all\n"
        maintainer = "Maintainer: Hawkeye maintainers <maintainers@users.noreply.github.com>\n"
        control.write_text(f"{names}{maintainer}Depends: redis-server\nDescription: redis-server\n")
        deb = work / "hawkeye-peer_1_all.deb"
        host_command("dpkg-deb", "--build", str(control.parents[1]), str(deb))
        make_repository(suite, work / "repository", deb, "amd64")
        shutil.move(work / "repository", made)
    return made


@pytest.fixture
def redis(machine: Machine) -> Iterator[str]:
    """redis-server's unit, installed for one test."""
    place = "/etc/apt/sources.list.d/peer.sources"
    machine.shell(
        f"sed s,/media/hawkeye,/mnt/peer, /mnt/peer/*.sources >{place}; apt-get -qq update"
    )
    machine.shell(f"{APT} install --no-install-recommends redis-server; rm {place}")
    yield "redis-server.service"
    machine.shell(f"{APT} purge --autoremove redis-server")


@pytest.fixture(scope="session", params=SUITES)
def machine(
    request: pytest.FixtureRequest, packages: Packages, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """A machine without a network, with the package installed by its name, without Recommends."""
    suite = request.param
    repository = packages.repositories[suite]
    shared = {
        "/media/hawkeye": repository,
        "/mnt/older": packages.older.parent,
        "/mnt/peer": _peer(suite, tmp_path_factory.mktemp("peer")),
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
