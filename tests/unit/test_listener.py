"""The listening socket: what is inherited, opened, stored and released."""

from __future__ import annotations

import socket
from typing import Callable, Iterator

import pytest

from signaling_server.appliance import listener as listener_module
from signaling_server.appliance.listener import open_listener, refuse_callers
from signaling_server.appliance.systemd import Inherited, Notifier
from signaling_server.errors import StartError

LOOPBACK = "127.0.0.1"


class RecordingNotifier(Notifier):
    """Records what would happen to systemd's store."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[object] = []

    def store_listener(self, listener: socket.socket) -> None:
        self.said.append(("store", listener.getsockname()))

    def drop_listener(self) -> None:
        self.said.append("drop")


@pytest.fixture
def notifier(monkeypatch: pytest.MonkeyPatch) -> RecordingNotifier:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    return RecordingNotifier()


@pytest.fixture
def inherit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., socket.socket]]:
    """inherit(name) returns a listening socket that the next start inherits under this name."""
    inherited: list[Inherited] = []
    monkeypatch.setattr(listener_module, "inherited_listeners", lambda: list(inherited))

    def add(name: str = "listen") -> socket.socket:
        listener = socket.create_server((LOOPBACK, 0))
        inherited.append(Inherited(name, listener))
        return listener

    yield add
    for one in inherited:
        one.socket.close()


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def test_new_socket_listens_and_is_stored(notifier: RecordingNotifier) -> None:
    with open_listener(LOOPBACK, 0, 10, notifier) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert not listener.getblocking()
        assert notifier.said == [("store", listener.getsockname())]


def test_stored_socket_comes_back_and_is_not_stored_twice(
    notifier: RecordingNotifier, inherit: Callable[..., socket.socket]
) -> None:
    stored = inherit()
    assert open_listener(LOOPBACK, port_of(stored), 10, notifier) is stored
    assert notifier.said == []


def test_socket_of_a_socket_unit_is_used_and_never_stored(
    notifier: RecordingNotifier, inherit: Callable[..., socket.socket]
) -> None:
    from_unit = inherit("hawkeye-signaling.socket")
    assert open_listener(LOOPBACK, port_of(from_unit), 10, notifier) is from_unit
    assert notifier.said == []


def test_stored_socket_for_another_port_is_released_before_a_new_one_opens(
    notifier: RecordingNotifier, inherit: Callable[..., socket.socket]
) -> None:
    stored = inherit()
    with open_listener(LOOPBACK, 0, 10, notifier) as listener:
        assert stored.fileno() == -1
        assert notifier.said == ["drop", ("store", listener.getsockname())]


def test_one_of_several_stored_sockets_is_kept_and_stored_alone(
    notifier: RecordingNotifier, inherit: Callable[..., socket.socket]
) -> None:
    other, stored = inherit(), inherit()
    assert open_listener(LOOPBACK, port_of(stored), 10, notifier) is stored
    assert other.fileno() == -1
    assert notifier.said == ["drop", ("store", stored.getsockname())]


def test_port_in_use_is_one_clear_sentence(notifier: RecordingNotifier) -> None:
    with open_listener(LOOPBACK, 0, 10, notifier) as listener:
        port = port_of(listener)
        with pytest.raises(StartError) as raised:
            open_listener(LOOPBACK, port, 10, notifier)
        sentence = f"cannot listen on 127.0.0.1, port {port}: Address already in use"
        assert str(raised.value) == sentence


def test_address_of_another_machine_is_refused(notifier: RecordingNotifier) -> None:
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1, port 0: Cannot assign"):
        open_listener("192.0.2.1", 0, 10, notifier)


def test_all_ipv6_addresses_take_ipv4_callers_too(notifier: RecordingNotifier) -> None:
    with open_listener("::", 0, 10, notifier) as listener:
        for host in (LOOPBACK, "::1"):
            socket.create_connection((host, port_of(listener)), timeout=5).close()


def test_callers_of_a_released_socket_are_refused_at_once(
    notifier: RecordingNotifier, inherit: Callable[..., socket.socket]
) -> None:
    stored = inherit()
    port = port_of(stored)
    refuse_callers(notifier)
    assert notifier.said == ["drop"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port), timeout=5)
