from __future__ import annotations

import pytest

from signaling_server.core.insight.h264 import H264Format, difference, parse_format


@pytest.mark.parametrize(
    ("parameters", "read"),
    [
        ("profile-level-id=42E01F;packetization-mode=1", H264Format("42e01f", "1")),
        (
            "level-asymmetry-allowed=1; packetization-mode = 0; profile-level-id = 640032",
            H264Format("640032", "0"),
        ),
        ("", H264Format("42000a", "0")),
        ("profile-level-id=xyz;packetization-mode=9", H264Format("42000a", "0")),
    ],
)
def test_parameters_are_read_and_what_is_missing_has_its_default(
    parameters: str, read: H264Format
) -> None:
    assert parse_format(parameters) == read


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ("42e01f", "constrained baseline"),
        ("42c015", "constrained baseline"),
        ("4d8028", "constrained baseline"),
        ("58c028", "constrained baseline"),
        ("42001f", "baseline"),
        ("588028", "baseline"),
        ("4d0028", "main"),
        ("580028", "extended"),
        ("640032", "high"),
        ("640c1f", "constrained high"),
        ("f4001f", "f400"),
    ],
)
def test_profiles_have_the_names_of_the_standard(profile: str, name: str) -> None:
    assert H264Format(profile).name == name


def test_level_may_differ() -> None:
    assert difference([H264Format("42e033", "1")], [H264Format("42c01f", "1")]) == ""


def test_profile_that_is_not_accepted() -> None:
    assert difference([H264Format("640032", "1")], [H264Format("42e01f", "1")]) == (
        "profile 640032 (high) is offered, 42e01f (constrained baseline) is accepted"
    )


def test_packetization_mode_that_is_not_accepted() -> None:
    assert difference([H264Format("42e01f", "0")], [H264Format("42e01f", "1")]) == (
        "packetization-mode 0 is offered, 1 is accepted"
    )


def test_one_fitting_format_is_enough_and_unknown_ones_are_not_judged() -> None:
    high, base = H264Format("640032", "1"), H264Format("42e01f", "1")
    assert difference([high, base], [base]) == ""
    assert difference([], [base]) == ""
    assert difference([base], []) == ""
