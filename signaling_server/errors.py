"""The tree of errors.

SignalingError
├── ConfigError     the configuration cannot be used; exit code 78 (EX_CONFIG of sysexits.h)
├── StartError      the server cannot start; exit code 1
├── NoAnswerError   a server that was asked does not answer; exit code 1
└── Rejection       a client did something it may not: carries the reply that the client deserves
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence


class SignalingError(Exception):
    """Base of every error of our own; str() is a sentence for a person."""


class Complaint(NamedTuple):
    """One thing wrong in the configuration. Lines and columns count from 1; line 0: no place."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.text}"


class ConfigError(SignalingError):
    """The configuration cannot be used; `complaints` is all that was found, not only the first."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        super().__init__("\n".join(str(complaint) for complaint in complaints))
        self.complaints = tuple(complaints)


class StartError(SignalingError):
    """The server cannot start (port in use, bad address, no permission); `advice` may be empty."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class NoAnswerError(SignalingError):
    """A server that was asked does not answer, or not so that it helps."""


class Rejection(SignalingError):
    """A client's request is refused.

    `code` is one of the error codes of docs/protocol.md, `details` are further fields for the
    client (such as `valid_types`), `note` is for our own log alone.
    """

    def __init__(self, code: str, message: str, *, note: str = "", **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.note = note
        self.details = details

    @property
    def noted(self) -> str:
        """The message with the note: for our own log."""
        return f"{self.message} ({self.note})" if self.note else self.message

    def payload(self) -> dict[str, Any]:
        """The body of an `error` event: {code, message, ...}."""
        return {"code": self.code, "message": self.message, **self.details}
