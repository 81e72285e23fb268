"""TLS: the certificate, its renewal without a restart, and the warning before it expires."""

from __future__ import annotations

import ssl
import time
from typing import Any

from signaling_server.appliance import file_text
from signaling_server.core.config.schema import TLSSettings
from signaling_server.errors import Complaint, ConfigError

NO_PASSWORD = ""
"""Without a password, OpenSSL asks for that of an encrypted key at the terminal and blocks."""
WARN_SECONDS = 14 * 86400.0
"""How long before it expires a certificate is worth a warning."""


class Certificate:
    """The server's TLS context: new handshakes use what was loaded last, connections live on."""

    def __init__(self, settings: TLSSettings) -> None:
        self.context = _context(settings)
        self._read(settings)

    def reload(self, settings: TLSSettings) -> None:
        """Load the files anew. Raises ConfigError, and the old pair stays in use."""
        _context(settings)
        self.context.load_cert_chain(str(settings.certificate), settings.private_key, NO_PASSWORD)
        self._read(settings)

    def _read(self, settings: TLSSettings) -> None:
        decoded = _decoded(settings)
        self.expires = float(ssl.cert_time_to_seconds(decoded["notAfter"]))
        """Seconds since 1970."""
        self.names = _host_names(decoded)
        """The host names that it is for."""

    def warning(self, wall_clock: float, released: float) -> str:
        """A warning about the expiry, or ""; "" too if the clock is before the build date."""
        days = (self.expires - wall_clock) / 86400
        if wall_clock < released or days > WARN_SECONDS / 86400:
            return ""
        if days < 0:
            return f"the TLS certificate expired on {_day(self.expires)}: clients refuse it"
        return f"the TLS certificate expires on {_day(self.expires)}, in {days:.0f} days"


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def _context(settings: TLSSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate = str(settings.certificate)
    for file in (certificate, str(settings.private_key)):
        file_text.contents(file)  # OpenSSL would wait for a pipe, and names neither file
    try:
        context.load_cert_chain(certificate, settings.private_key, NO_PASSWORD)
    except OSError as error:  # ssl.SSLError is one
        reason = str(getattr(error, "reason", "") or error).lower().replace("_", " ")
        raise _error(certificate, f"not a PEM certificate that matches its key: {reason}") from None
    return context


def _decoded(settings: TLSSettings) -> Any:
    # The only decoder of certificates in the standard library: transport/engine/internals.py.
    decode: Any = ssl._ssl._test_decode_cert  # type: ignore[attr-defined] # noqa: SLF001
    return decode(settings.certificate)


def _host_names(decoded: Any) -> tuple[str, ...]:
    """Those of the subject alternative names, and the common name: old tools give no other."""
    alternative = [name for kind, name in decoded.get("subjectAltName", ()) if kind == "DNS"]
    subject = [pair for pairs in decoded.get("subject", ()) for pair in pairs]
    return (*alternative, *(value for key, value in subject if key == "commonName"))


def _error(file: str, text: str) -> ConfigError:
    return ConfigError([Complaint(file, 0, 0, text)])
