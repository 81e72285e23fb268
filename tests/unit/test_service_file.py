"""The file for Avahi. tests/outside/test_discovery.py lets Avahi read it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from signaling_server.core.announcement.service_file import TYPE, is_ours, service_file
from signaling_server.core.config import schema


def config(**sections: object) -> schema.Config:
    return schema.Config(**sections)  # type: ignore[arg-type]


def services(text: str) -> dict[str, tuple[str, list[str]]]:
    """Each type of a file -> its port and TXT record."""
    return {
        str(each.findtext("type")): (
            str(each.findtext("port")),
            [str(record.text) for record in each.iter("txt-record")],
        )
        for each in ET.fromstring(text).iter("service")
    }


def test_type_is_short_enough_for_dns_sd() -> None:
    assert re.fullmatch(r"_[a-z0-9-]{1,15}\._tcp", TYPE)


def test_server_is_announced_with_what_a_client_has_to_know() -> None:
    text = service_file(config(), "1.2.3")
    txt = ["version=1.2.3", "tls=0", "path=/socket.io", "room=default"]
    assert services(text) == {TYPE: ("8080", txt), "_http._tcp": ("8080", [])}
    assert is_ours(text)
    assert not is_ours("<service-group/>")


def test_tls_shows() -> None:
    found = services(
        service_file(
            config(
                tls=schema.TLSSettings(certificate="/c", private_key="/k"),
                listen=schema.ListenSettings(port=443),
                rooms=schema.RoomsSettings(default="drone-1"),
            ),
            "1",
        )
    )
    assert found.keys() == {TYPE, "_https._tcp"}
    assert found[TYPE] == ("443", ["version=1", "tls=1", "path=/socket.io", "room=drone-1"])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_server_that_others_do_not_reach_is_not_announced(host: str) -> None:
    assert service_file(config(listen=schema.ListenSettings(host=host)), "1") == ""


def test_server_without_a_fixed_port_is_not_announced() -> None:
    assert service_file(config(listen=schema.ListenSettings(port=0)), "1") == ""


def test_host_name_to_listen_on_is_announced() -> None:
    assert service_file(config(listen=schema.ListenSettings(host="drone-1.local")), "1")


def test_text_is_escaped_and_what_is_too_long_is_left_out() -> None:
    settings = schema.SocketIOSettings(path="/a&b")
    found = services(service_file(config(socketio=settings), "<1>"))
    assert found[TYPE][1][:3] == ["version=<1>", "tls=0", "path=/a&b"]
    settings = schema.SocketIOSettings(path="/" + "x" * 255)
    found = services(service_file(config(socketio=settings), "1"))
    assert [record.split("=")[0] for record in found[TYPE][1]] == ["version", "tls", "room"]
