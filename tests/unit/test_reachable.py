"""Where other machines reach this server."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from signaling_server.appliance.reachable import LOOK_SECONDS, Reachable
from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, ListenSettings
from signaling_server.core.reporting.client_urls import Interface

WIFI, WIRE = Interface("wlan0", "192.168.1.10"), Interface("eth0", "10.0.0.5")


def reachable(host: str = "0.0.0.0", *found: Interface) -> Reachable:
    config = replace(Config(), listen=ListenSettings(host=host, port=0))
    made = Reachable(Settings(Loaded(config, {})), "http", lambda: [*found])
    made.port = 9000
    return made


def test_report_has_the_addresses_and_the_room() -> None:
    assert reachable("0.0.0.0", WIFI).report() == {
        "places": [{"url": "http://192.168.1.10:9000/", "kind": "Wi-Fi", "interface": "wlan0"}],
        "note": "",
        "room": "default",
    }


def test_report_says_why_there_is_none() -> None:
    report = reachable("127.0.0.1", WIFI).report()
    assert report["places"] == []
    assert report["note"].startswith("the server listens on 127.0.0.1 alone")


def test_log_has_the_complete_urls_and_says_when_they_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = [WIFI]
    made = reachable()
    made._addresses = lambda: found
    looks: list[float] = []

    async def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            found.append(WIRE)
        if len(looks) == 3:
            raise asyncio.CancelledError

    caplog.set_level(logging.INFO)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(made.keep_telling(sleep))
    assert looks == [LOOK_SECONDS] * 3
    wifi = (
        "clients reach this server over Wi-Fi: "
        "Streaming Node http://192.168.1.10:9000/?room=default&name=streaming-node "
        "GCOM http://192.168.1.10:9000/?room=default&name=gcom"
    )
    assert caplog.messages == [
        wifi,
        wifi,
        wifi.replace("Wi-Fi", "Ethernet").replace("192.168.1.10", "10.0.0.5"),
    ]


def test_log_says_why_there_is_no_address() -> None:
    assert reachable("localhost", WIFI).lines() == [reachable("localhost").report()["note"]]
