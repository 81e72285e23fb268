"""The URL and the TLS context of a server that is asked."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from signaling_server.cli.remote import RemoteServer
from signaling_server.errors import NoAnswerError


def server(url: str, cafile: str | None = None) -> RemoteServer:
    return RemoteServer(url, "/socket.io", "", cafile)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("drone.local", "http://drone.local"),
        ("https://drone.local/relay/", "https://drone.local/relay"),
        ("http://[::1]:80/", "http://[::1]:80"),
    ],
)
def test_base_has_a_scheme_and_no_slash_at_the_end(url: str, base: str) -> None:
    assert server(url).base() == base


@pytest.mark.parametrize(
    "url", ["", "ftp://a", "http://", "a:99999", "a:0", "http://[::1", "http://a:b"]
)
def test_complaint_names_a_url_that_is_not_valid(url: str) -> None:
    with pytest.raises(NoAnswerError) as raised:
        server(url).base()
    expected = "expected something like http://192.168.1.5:8080"
    assert str(raised.value) == f"{url} is not a valid URL; {expected}"


def test_certificates_are_verified() -> None:
    context = server("https://a").tls()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_complaint_names_a_cafile_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with pytest.raises(NoAnswerError, match=f"^{file}: No such file"):
        server("https://a", str(file)).tls()
    file.write_text("")
    with pytest.raises(NoAnswerError, match=f"^{file}: "):
        server("https://a", str(file)).tls()
