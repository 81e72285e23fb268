"""Notifications to systemd, and the sockets that it passes."""

from __future__ import annotations

import array
import fcntl
import os
import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator

import pytest

from signaling_server.appliance import systemd
from signaling_server.appliance.systemd import Notifier, inherited_listeners, watchdog_seconds


class FakeSystemd:
    """The other end of $NOTIFY_SOCKET, as systemd(1) keeps it: messages with descriptors."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.socket.bind(self.path)

    def hear(self) -> tuple[str, list[int]]:
        """The next message and its descriptors."""
        numbers = array.array("i")
        text, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4 * 8))
        for _level, kind, data in ancillary:
            assert kind == socket.SCM_RIGHTS
            numbers.frombytes(data)
        return text.decode(), list(numbers)

    def silent(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(5)
        return False


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSystemd]:
    fake = FakeSystemd(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", fake.path)
    yield fake
    fake.socket.close()


def listening() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    return listener


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier()
    assert not notifier.active
    notifier.ready()
    notifier.close()
    notifier.status("well")
    notifier.drop_listener()
    with listening() as listener:
        notifier.store_listener(listener)


def test_systemd_hears_of_start_life_and_stop(manager: FakeSystemd) -> None:
    notifier = Notifier()
    assert notifier.active
    notifier.ready()
    notifier.watchdog()
    notifier.stopping()
    assert [manager.hear()[0] for _ in range(3)] == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_reload_gives_the_time_at_which_it_began(
    manager: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic_ns", lambda: 1_234_567_890)
    Notifier().reloading()
    assert manager.hear()[0] == "RELOADING=1\nMONOTONIC_USEC=1234567"


def test_abstract_notify_socket_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"hawkeye-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        Notifier().ready()
        manager.settimeout(5)
        assert manager.recv(100) == b"READY=1"


def test_status_is_sent_when_it_changes(manager: FakeSystemd) -> None:
    notifier = Notifier()
    notifier.status("1 peer")
    notifier.status("1 peer")
    notifier.status("2 peers")
    assert [manager.hear()[0] for _ in range(2)] == ["STATUS=1 peer", "STATUS=2 peers"]
    assert manager.silent()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Drohne über Köln", "Drohne ?ber K?ln"),
        ("one\nREADY=1\r\ntwo", "one READY=1 two"),
        ("x" * 9000, "x" * 500),
    ],
    ids=["ascii", "one line", "bounded"],
)
def test_status_is_a_short_ascii_line(manager: FakeSystemd, text: str, told: str) -> None:
    Notifier().status(text)
    assert manager.hear()[0] == f"STATUS={told}"


def test_stored_descriptor_is_the_listener(manager: FakeSystemd) -> None:
    with listening() as listener:
        Notifier().store_listener(listener)
        state, descriptors = manager.hear()
        assert state == "FDSTORE=1\nFDNAME=listen"
        (descriptor,) = descriptors
        with socket.socket(fileno=descriptor) as stored:
            assert stored.getsockname() == listener.getsockname()


def test_drop_waits_until_systemd_has_handled_it(manager: FakeSystemd) -> None:
    dropped = threading.Event()

    def drop() -> None:
        Notifier().drop_listener()
        dropped.set()

    caller = threading.Thread(target=drop)
    caller.start()
    assert manager.hear() == ("FDSTOREREMOVE=1\nFDNAME=listen", [])
    state, descriptors = manager.hear()
    assert state == "BARRIER=1"
    assert not dropped.is_set()
    os.close(descriptors[0])
    caller.join(5)
    assert dropped.is_set()


def test_lost_systemd_is_no_error(manager: FakeSystemd) -> None:
    notifier = Notifier()
    manager.socket.close()
    notifier.ready()
    with listening() as listener:
        notifier.store_listener(listener)
    notifier.drop_listener()


def test_notifier_that_is_closed_says_no_more(manager: FakeSystemd) -> None:
    notifier = Notifier()
    notifier.close()
    notifier.ready()
    assert manager.silent()


def test_unreachable_notify_socket_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notifier = Notifier()
    notifier.ready()
    notifier.drop_listener()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "15000000"}, 15.0),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "1"}, None),
    ],
    ids=["not watched", "watched", "watched by pid", "another is watched"],
)
def test_watchdog_of_this_process(
    environment: dict[str, str], seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert watchdog_seconds() == seconds


@contextmanager
def passed(
    monkeypatch: pytest.MonkeyPatch, *sources: int, pid: int = 0, names: str | None = None
) -> Iterator[None]:
    """Copies of these descriptors in a row, announced as systemd does (sd_listen_fds(3))."""
    first = fcntl.fcntl(sources[0], fcntl.F_DUPFD, 500)
    copies = [os.dup2(source, first + offset) for offset, source in enumerate(sources)]
    monkeypatch.setattr(systemd, "FIRST_DESCRIPTOR", first)
    monkeypatch.setenv("LISTEN_FDS", str(len(copies)))
    monkeypatch.setenv("LISTEN_PID", str(pid or os.getpid()))
    if names is not None:
        monkeypatch.setenv("LISTEN_FDNAMES", names)
    try:
        yield
    finally:
        for copy in copies:
            with suppress(OSError):
                os.close(copy)


def test_no_child_inherits_the_listener(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listening() as listener, passed(monkeypatch, listener.fileno(), names="listen"):
        (inherited,) = inherited_listeners()
        assert inherited.name == "listen"
        assert inherited.socket.getsockname() == listener.getsockname()
        assert not inherited.socket.get_inheritable()
        assert not [name for name in os.environ if name.startswith("LISTEN_")]
        assert inherited_listeners() == []
        inherited.socket.close()


def test_sockets_of_another_process_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as listener, passed(monkeypatch, listener.fileno(), pid=1):
        assert inherited_listeners() == []
        assert not [name for name in os.environ if name.startswith("LISTEN_")]


def test_descriptors_that_do_not_listen_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = socket.socket()
    null = os.open(os.devnull, os.O_RDONLY)
    with listening() as listener, passed(monkeypatch, plain.fileno(), null, listener.fileno()):
        (inherited,) = inherited_listeners()
        assert inherited.name == "unknown"
        assert inherited.socket.getsockname() == listener.getsockname()
        for offset in (0, 1):
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(systemd.FIRST_DESCRIPTOR + offset)
        inherited.socket.close()
    plain.close()
    os.close(null)


def test_without_systemd_nothing_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        monkeypatch.delenv(name, raising=False)
    assert inherited_listeners() == []
