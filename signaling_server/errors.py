"""The tree of errors.

SignalingError
├── ConfigError     the configuration cannot be used; exit code 78 (EX_CONFIG of sysexits.h)
├── StartError      the server cannot start; exit code 1
├── CertificateError `new-certificate` cannot make one; exit code 1
├── PairingError    a server cannot pair a device; the page says why
├── NoAnswerError   `status` or `probe` got no usable answer from a server; exit code 1
└── Rejection       a client's request is refused; carries the reply to the client
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence


class SignalingError(Exception):
    """Base of all errors of this package; str() is a sentence for a person."""


class Complaint(NamedTuple):
    """One mistake in the configuration. Line and column count from 1; line 0: the whole file."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.text}"


class ConfigError(SignalingError):
    """The configuration cannot be used; `complaints` lists every mistake, not only the first."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        super().__init__("\n".join(str(complaint) for complaint in complaints))
        self.complaints = tuple(complaints)


class StartError(SignalingError):
    """The server cannot start (port in use, bad address, no permission); `advice` may be ""."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class CertificateError(SignalingError):
    """`new-certificate` cannot make a certificate."""


class PairingError(SignalingError):
    """A server cannot pair a device."""


class NoAnswerError(SignalingError):
    """A server gives no answer, or none that is of use."""


class Rejection(SignalingError):
    """A client's request is refused.

    `code` is one of the error codes in docs/protocol.md. `details` are further fields for the
    client, such as `valid_types`. `note` goes into the server's log and never to the client;
    `logged` is in the log in place of a message that repeats what the client sent.
    """

    def __init__(
        self, code: str, message: str, *, note: str = "", logged: str = "", **details: Any
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.note = note
        self.logged = logged
        self.details = details

    @property
    def noted(self) -> str:
        """The message with the note, for the server's log."""
        message = self.logged or self.message
        return f"{message} ({self.note})" if self.note else message

    def payload(self) -> dict[str, Any]:
        """The body of an `error` event: {code, message, ...}."""
        return {"code": self.code, "message": self.message, **self.details}
