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
HINT = "--cafile names the authority to trust, --url the server as its certificate does"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (REFUSED, "Connection refused"),
        (because(OSError("cannot connect"), REFUSED), "Connection refused"),
        (while_handling(URLError(REFUSED), REFUSED), "Connection refused"),
        (because(ValueError("odd"), because(OSError(), UNKNOWN)), "Name or service not known"),
        (bad_certificate(), f"its certificate is not good: self-signed certificate; {HINT}"),
        (ssl.SSLError(1, "wrong version"), "it does not speak TLS as we do: wrong version"),
        (ssl.SSLError("odd"), "it does not speak TLS as we do: ('odd',)"),
        (OSError("Multiple exceptions"), "Multiple exceptions"),
        (asyncio.TimeoutError(), "no answer in time"),
        (ValueError("an odd answer"), "an odd answer"),
    ],
)
def test_words_are_those_of_what_went_wrong_first(error: Exception, text: str) -> None:
    assert explain(error) == text
