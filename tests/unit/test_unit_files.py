"""The unit files: an instance's is made from the service's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "systemd"
SERVICE = (FOLDER / "hawkeye-signaling.service").read_text().splitlines()


@pytest.fixture
def instance() -> list[str]:
    """The lines of hawkeye-signaling@.service."""
    sed = ["sed", "-f", str(FOLDER / "instance.sed"), str(FOLDER / "hawkeye-signaling.service")]
    return subprocess.run(sed, capture_output=True, text=True, check=True).stdout.splitlines()


def test_instance_differs_from_the_service_only_in_what_is_its_own(instance: list[str]) -> None:
    assert [line for line in instance if line not in SERVICE] == [
        "# Made from hawkeye-signaling.service by instance.sed. %i is the name of the instance.",
        "Description=WebRTC signaling relay between the Streaming Node and GCOM (%i)",
        "ExecStart=/usr/bin/hawkeye-signaling serve --instance %i",
        "ExecReload=/usr/bin/hawkeye-signaling check-config --instance %i",
        "StateDirectory=hawkeye-signaling/%i",
        "RuntimeDirectory=hawkeye-signaling/%i",
    ]
    assert len(instance) == len(SERVICE) + 1


def test_service_starts_on_kernels_without_user_namespaces() -> None:
    assert not [line for line in SERVICE if line.startswith(("PrivateUsers=", "DynamicUser="))]


def test_stop_of_the_service_keeps_the_folders_of_its_instances() -> None:
    assert "RuntimeDirectoryPreserve=yes" in SERVICE
