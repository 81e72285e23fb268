"""What two hosts of a fleet say to each other; batch.py has the text of it."""

from __future__ import annotations

from typing import Any, NamedTuple, Union

# --- edge to owner --------------------------------------------------------------------------------


class Join(NamedTuple):
    """A client of the edge asks for a place; `about` is what joining.py makes of its hello."""

    sid: str
    about: dict[str, Any]


class Say(NamedTuple):
    """A signal that passed the edge's checks; `ack`: the id of the answer it asks for, or ""."""

    sid: str
    ack: str
    type: str
    to: str | None
    size: int
    body: str


class Gone(NamedTuple):
    """A connection of the edge has ended."""

    sid: str
    reason: str
    goodbye: bool


class Report(NamedTuple):
    """The JSON text of a client's `report`."""

    sid: str
    text: str


class Liveness(NamedTuple):
    """What the edge knows of a connection: the value of a Pulse."""

    sid: str
    pulse: int


class Withdrawn(NamedTuple):
    """Fingerprints of the grants that a host no longer accepts."""

    fingerprints: tuple[str, ...]


# --- owner to edge --------------------------------------------------------------------------------


class Admitted(NamedTuple):
    """A client is in."""

    sid: str


class Denied(NamedTuple):
    """A client is not in: the payload of its error; code `moved`: ask who owns the room."""

    sid: str
    payload: dict[str, Any]


class Passed(NamedTuple):
    """A signal for a connection."""

    sid: str
    sender: str
    seq: int
    body: str


class Told(NamedTuple):
    """An event of the owner's own for a connection, with the JSON text of its payload."""

    sid: str
    event: str
    text: str


class Answered(NamedTuple):
    """The answer to a signal that asked for one, as JSON text."""

    sid: str
    ack: str
    text: str


class Shut(NamedTuple):
    """Dismiss a client (code as in Close), or break its connection so that it returns."""

    sid: str
    code: str
    stays_away: bool


# --- both ways; never numbered --------------------------------------------------------------------


class HelloHost(NamedTuple):
    """Names the receiver, and the lowest and highest version that the sender speaks."""

    to: str
    lowest: int
    highest: int


class Beat(NamedTuple):
    """The number sent last, a time of the sender's (ms), and the last time it heard of the other's.

    `echo` is that time plus the milliseconds since; -1: none was heard.
    """

    sent: int
    stamp: int
    echo: int


class Bye(NamedTuple):
    """The sender stops."""


class Again(NamedTuple):
    """Something is missing: send all again that is not acknowledged."""


Record = Union[
    Join, Say, Gone, Report, Liveness, Withdrawn, Admitted, Denied, Passed, Told, Answered, Shut
]
Control = Union[HelloHost, Beat, Bye, Again]
