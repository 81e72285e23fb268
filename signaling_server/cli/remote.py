"""The server that `status` and `probe` ask, here or elsewhere."""

from __future__ import annotations

import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

from signaling_server.errors import NoAnswerError


class RemoteServer(NamedTuple):
    """How to reach it. `token` may be empty; `cafile` is the authority to trust for https."""

    url: str
    socketio_path: str
    token: str
    cafile: str | None

    def base(self) -> str:
        """The URL to which paths are added. Raises NoAnswerError."""
        url = self.url if "://" in self.url else f"http://{self.url}"
        try:
            parts = urlsplit(url)
            valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # from `port`, or about brackets
            valid = False
        if not valid:
            example = "http://192.168.1.5:8080"
            raise NoAnswerError(f"{self.url} is not a valid URL; expected something like {example}")
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"

    def tls(self) -> ssl.SSLContext:
        """Trusts `cafile`, such as a ground station's own; else the system's authorities.

        Raises NoAnswerError.
        """
        try:
            return ssl.create_default_context(cafile=self.cafile)
        except OSError as error:  # ssl.SSLError is one
            raise NoAnswerError(f"{self.cafile}: {error.strerror or error}") from None
