"""Connection errors in words for a person."""

from __future__ import annotations

import asyncio
import socket
import ssl
from urllib.error import URLError

import pytest

from signaling_server.cli.connection_errors import explain


def because(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def while_handling(error: Exception, first: BaseException) -> Exception:
    error.__context__ = first
    return error


def bad_certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


REFUSED = ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)")
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
TLS = "TLS handshake failed (is it an http:// server?)"
HINT = "--cafile names the authority to trust; --url must use a name in the certificate"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (REFUSED, "Connection refused"),
        (because(OSError("cannot connect"), REFUSED), "Connection refused"),
        (while_handling(URLError(REFUSED), REFUSED), "Connection refused"),
        (because(ValueError("odd"), because(OSError(), UNKNOWN)), "Name or service not known"),
        (bad_certificate(), f"its certificate cannot be verified: self-signed certificate; {HINT}"),
        (
            ssl.SSLError(1, "wrong version"),
            f"{TLS}: wrong version",
        ),
        (ssl.SSLError("odd"), f"{TLS}: ('odd',)"),
        (OSError("Multiple exceptions"), "Multiple exceptions"),
        (asyncio.TimeoutError(), "no answer in time"),
        (ValueError("an odd answer"), "an odd answer"),
    ],
)
def test_explanation_is_that_of_the_first_cause(error: Exception, text: str) -> None:
    assert explain(error) == text
