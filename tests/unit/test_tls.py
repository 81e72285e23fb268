"""The certificate: its expiry, its renewal, and bad files."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.credentials import make_ca, make_certificate
from signaling_server.appliance import tls
from signaling_server.appliance.tls import WARN_SECONDS, Certificate
from signaling_server.core.config.schema import TLSSettings
from signaling_server.errors import ConfigError

A_DAY = 86400.0


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vault")
    make_ca(folder)
    return folder


@pytest.fixture
def settings(vault: Path) -> TLSSettings:
    return TLSSettings(*make_certificate(vault, "server", days=100))


def test_certificate_tells_its_host_names(settings: TLSSettings, vault: Path) -> None:
    assert "server" in Certificate(settings).names
    assert tls._host_names({"notAfter": ""}) == ()
    alternative = (("DNS", "drone.example"), ("IP Address", "10.0.0.1"))
    assert tls._host_names({"subjectAltName": alternative}) == ("drone.example",)


def test_warning_about_the_expiry_comes_14_days_ahead(settings: TLSSettings) -> None:
    certificate = Certificate(settings)
    end = certificate.expires
    assert certificate.warning(end - WARN_SECONDS - 1, released=0.0) == ""
    assert certificate.warning(end - 3 * A_DAY, released=0.0).endswith(", in 3 days")
    assert "expired on" in certificate.warning(end + 1, released=0.0)


def test_unset_clock_gives_no_warning(settings: TLSSettings) -> None:
    certificate = Certificate(settings)
    assert certificate.warning(certificate.expires - 1, released=certificate.expires) == ""


def test_reload_gives_the_new_expiry(settings: TLSSettings, vault: Path) -> None:
    certificate = Certificate(settings)
    before = certificate.expires
    certificate.reload(TLSSettings(*make_certificate(vault, "next", days=200)))
    assert certificate.expires - before == pytest.approx(100 * A_DAY, abs=60)


def test_bad_files_change_nothing(settings: TLSSettings, vault: Path) -> None:
    certificate = Certificate(settings)
    before = certificate.expires
    _, other_key = make_certificate(vault, "other", days=5)
    for bad in (
        TLSSettings(settings.certificate, other_key),
        TLSSettings(settings.certificate, str(vault / "none.key")),
        TLSSettings(str(vault / "names"), settings.private_key),
    ):
        with pytest.raises(ConfigError) as raised:
            certificate.reload(bad)
        missing = bad.private_key if str(bad.private_key).endswith("none.key") else ""
        assert raised.value.complaints[0].file == (missing or bad.certificate)
    assert certificate.expires == before
