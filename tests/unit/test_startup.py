"""A start with a configuration that cannot be used."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Callable, Iterator

import pytest

from signaling_server.appliance.startup import LOOK_SECONDS, PATIENCE_SECONDS, read_patiently
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.errors import Complaint, ConfigError

COMPLAINT = Complaint("config.yaml", 3, 7, "unknown key prot: did you mean port?")


class Files:
    """Configuration files that are bad until the time `corrected_at`; time passes by sleeping."""

    def __init__(self, corrected_at: float = float("inf")) -> None:
        self.now = 0.0
        self.reads = 0
        self._corrected_at = corrected_at
        self.loaded = Loaded(Config(), {})

    def read(self) -> Loaded:
        self.reads += 1
        if self.now < self._corrected_at:
            raise ConfigError([COMPLAINT])
        return self.loaded

    def fingerprint(self) -> bool:
        return self.now >= self._corrected_at

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def read_patiently(self) -> Loaded:
        return read_patiently(self.read, self.fingerprint, clock=self.clock, sleep=self.sleep)


@pytest.fixture
def next_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Under a service manager; call it for its next message."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setattr("signaling_server.appliance.systemd.BARRIER_SECONDS", 0)
        yield lambda: manager.recv(4096).decode()


def test_good_configuration_is_read_once() -> None:
    files = Files(corrected_at=0)
    assert files.read_patiently() is files.loaded
    assert files.reads == 1


def test_bad_configuration_ends_the_process_at_once_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    files = Files()
    with pytest.raises(ConfigError):
        files.read_patiently()
    assert files.now == 0


def test_under_systemd_the_mistake_is_reported_and_the_socket_released(
    next_message: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        Files().read_patiently()
    assert ended.value.code == 78
    assert next_message() == (
        "STATUS=not serving, configuration error: "
        "config.yaml:3:7: unknown key prot: did you mean port?"
    )
    assert next_message() == "FDSTOREREMOVE=1\nFDNAME=listen"
    assert capsys.readouterr().err == "<3>config.yaml:3:7: unknown key prot: did you mean port?\n"


def test_process_waits_before_it_exits(next_message: Callable[[], str]) -> None:
    files = Files()
    with pytest.raises(SystemExit):
        files.read_patiently()
    assert PATIENCE_SECONDS <= files.now <= PATIENCE_SECONDS + LOOK_SECONDS
    assert files.reads == 1


def test_corrected_file_is_noticed_within_a_second(next_message: Callable[[], str]) -> None:
    files = Files(corrected_at=3.0)
    assert files.read_patiently() is files.loaded
    assert files.now <= 3.0 + LOOK_SECONDS
