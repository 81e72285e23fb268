"""What the errors say, and to whom."""

from __future__ import annotations

import pytest

from signaling_server.errors import Complaint, ConfigError, Rejection, SignalingError, StartError


def test_complaint_names_its_position() -> None:
    assert str(Complaint("config.yaml", 3, 7, "no such key")) == "config.yaml:3:7: no such key"


def test_complaint_without_a_position_names_the_file() -> None:
    assert str(Complaint("config.yaml", 0, 0, "cannot be read")) == "config.yaml: cannot be read"


def test_config_error_lists_all_complaints() -> None:
    complaints = [Complaint("a", 1, 2, "first"), Complaint("b", 0, 0, "second")]
    error = ConfigError(complaints)
    assert str(error) == "a:1:2: first\nb: second"
    assert error.complaints == tuple(complaints)


def test_start_error_keeps_its_advice_apart() -> None:
    error = StartError("port 8080 is in use", "stop the other program")
    assert (str(error), error.advice) == ("port 8080 is in use", "stop the other program")
    assert StartError("no such address").advice == ""


def test_rejection_gives_the_client_everything_but_the_note() -> None:
    rejection = Rejection("too-large", "too long", note="from 10.0.0.2", limit=5)
    assert rejection.payload() == {"code": "too-large", "message": "too long", "limit": 5}
    assert (str(rejection), rejection.note) == ("too long", "from 10.0.0.2")


@pytest.mark.parametrize("kind", [ConfigError, StartError, Rejection])
def test_every_error_is_a_signaling_error(kind: type) -> None:
    assert issubclass(kind, SignalingError)


def test_note_is_for_the_log_and_not_for_the_client() -> None:
    rejection = Rejection("name-in-use", "two machines use it", note="the other is at 10.0.0.2")
    assert rejection.noted == "two machines use it (the other is at 10.0.0.2)"
    assert rejection.payload() == {"code": "name-in-use", "message": "two machines use it"}
    assert Rejection("too-large", "too large").noted == "too large"


def test_what_a_client_sent_can_be_kept_out_of_the_log() -> None:
    rejection = Rejection("invalid-type", "not 'x'", logged="wrong", note="why")
    assert (rejection.message, rejection.noted) == ("not 'x'", "wrong (why)")
    assert rejection.payload() == {"code": "invalid-type", "message": "not 'x'"}
