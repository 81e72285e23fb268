"""What openssl reads and prints. tests/outside/test_certificate.py runs it."""

from __future__ import annotations

from signaling_server.core.certificate import openssl
from signaling_server.core.certificate.contents import Certificate, Contents

SHOWN = """\
notAfter=Dec  9 08:07:06 2027 GMT
X509v3 Subject Alternative Name: 
    DNS:localhost, DNS:drone-1.local, IP Address:127.0.0.1, IP Address:FD00:0:0:0:0:0:0:10
"""  # noqa: W291
CONSTRAINTS = """\
notAfter=Nov 25 18:00:00 2036 GMT
X509v3 Name Constraints: critical
    Permitted:
      DNS:localhost
      DNS:local
      IP:10.0.0.0/255.0.0.0
"""


def test_certificate_is_read() -> None:
    contents = Contents(("localhost", "drone-1.local"), ("127.0.0.1", "fd00::10"))
    assert openssl.certificate(SHOWN) == Certificate(contents, 1_828_339_626.0)
    assert openssl.certificate("unable to load certificate") is None


def test_permitted_names_are_read() -> None:
    assert openssl.permitted_names(CONSTRAINTS) == ["localhost", "local"]


def test_times_are_in_utc() -> None:
    assert openssl.moment(1_828_339_626.0) == "20271209080706Z"


def test_authority_is_constrained() -> None:
    said = openssl.authority_config("/work", "x" * 99, ["localhost", "local"])
    assert "basicConstraints = critical,CA:TRUE,pathlen:0\n" in said
    assert "keyUsage = critical,keyCertSign,cRLSign\n" in said
    assert (
        "nameConstraints = critical,@permitted\n[permitted]\npermitted;DNS.0 = localhost\n" in said
    )
    assert "permitted;IP.2 = 10.0.0.0/255.0.0.0\n" in said
    assert f"commonName = {'x' * 64}\n" in said


def test_certificate_is_for_a_server() -> None:
    said = openssl.server_config("/work", "drone-1.local", Contents(("localhost",), ("::1",)))
    assert "extendedKeyUsage = serverAuth\n" in said
    assert said.endswith("subjectAltName = @names\n[names]\nDNS.0 = localhost\nIP.0 = ::1\n")
    assert "permitted" not in said
