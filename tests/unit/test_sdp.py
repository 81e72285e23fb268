from __future__ import annotations

import pytest

from sdps import AIORTC_ANSWER, CHROME_OFFER, candidate, sdp
from signaling_server.core.insight import sdp as sdp_module
from signaling_server.core.insight.h264 import H264Format
from signaling_server.core.insight.sdp import (
    MAX_CANDIDATES,
    MAX_CODECS,
    MAX_LINES,
    MAX_SECTIONS,
    MAX_WORD,
    Candidate,
    Description,
    Section,
    parse_candidate,
    parse_description,
)


def test_offer_from_chrome() -> None:
    assert parse_description(CHROME_OFFER) == Description(
        sections=(
            Section("audio", False, "0", "sendrecv", ("OPUS", "PCMU"), "actpass"),
            Section(
                "video",
                False,
                "1",
                "sendonly",
                ("VP8", "H264", "VP9", "AV1"),
                "actpass",
                (H264Format("42001f", "1"),),
            ),
        ),
        origin="4611731400430051336 2",
        ufrags=frozenset({"Ek4L"}),
        has_password=True,
        has_fingerprint=True,
        well_formed=True,
    )


def test_answer_from_aiortc_with_its_candidates() -> None:
    description = parse_description(AIORTC_ANSWER)
    assert description.sections == (
        Section("video", False, "0", "recvonly", ("VP8", "H264"), "active"),
    )
    assert description.candidates == (
        Candidate("host", "private", "10.1.2.0/24"),
        Candidate("host", "private", "fd00:1:2:3::/64"),
    )
    assert description.complete
    assert description.ufrags == {"DVr6"}


@pytest.mark.parametrize("secret", ["9Yxq0AUmXPn9KzD2PqV0vJ1t", "6B:8B:F0", "4TOk42mSjXCkVIa6"])
def test_passwords_and_fingerprints_are_not_kept(secret: str) -> None:
    assert secret in CHROME_OFFER
    assert secret not in repr(parse_description(CHROME_OFFER))


def test_address_is_not_kept() -> None:
    assert "10.1.2.3" not in repr(parse_description(AIORTC_ANSWER))


def test_lines_may_end_without_a_carriage_return() -> None:
    text = CHROME_OFFER.replace("\r\n", "\n")
    assert parse_description(text) == parse_description(CHROME_OFFER)


def test_session_attributes_are_the_defaults_of_all_sections() -> None:
    text = "a=sendonly\na=setup:passive\nm=video 9 x 96\nm=video 9 x 96\na=inactive\na=setup:active"
    first, second = parse_description(text).sections
    assert (first.direction, first.setup) == ("sendonly", "passive")
    assert (second.direction, second.setup) == ("inactive", "active")


def test_port_0_rejects_a_section_unless_it_is_only_bundled() -> None:
    text = "m=video 0 x 96\nm=video 0 x 96\na=bundle-only"
    assert [section.rejected for section in parse_description(text).sections] == [True, False]


def test_shape_distinguishes_two_descriptions() -> None:
    one, other = parse_description(CHROME_OFFER), parse_description(AIORTC_ANSWER)
    assert one.shape == [("audio", "0"), ("video", "1")]
    assert one.shape != other.shape


@pytest.mark.parametrize(
    "text", ["", "m", "=", "hello", "v=0\r\ns=-", "a=sendonly\na=rtpmap", "\0\ud800", "m =video"]
)
def test_text_without_a_section_is_no_description(text: str) -> None:
    assert parse_description(text).sections == ()


def test_section_may_be_cut_off_anywhere() -> None:
    text = sdp(candidates=[candidate("10.0.0.1")])
    for end in range(text.index("m=") + 2, len(text)):
        assert len(parse_description(text[:end]).sections) == 1


def test_kept_words_are_bounded() -> None:
    lots = MAX_SECTIONS * 4
    text = "".join(f"m=video{'x' * 999} 9 x 96\na=mid:{'m' * 999}\n" for _ in range(lots))
    text += "".join(f"a=ice-ufrag:{n}\n" for n in range(lots))
    text += "".join(f"a={candidate('10.0.0.1')}\n" for _ in range(MAX_CANDIDATES * 2))
    description = parse_description(text)
    assert len(description.sections) == MAX_SECTIONS
    assert len(description.ufrags) <= MAX_SECTIONS
    assert len(description.sections[0].kind) == len(description.sections[0].mid) == MAX_WORD


def test_lines_that_are_read_are_bounded() -> None:
    text = "m=video 9 x 96\n" + "a=sendrecv\n" * (MAX_LINES - 2) + "a=sendonly\na=recvonly\n"
    assert parse_description(text).sections[0].direction == "sendonly"


def test_codecs_and_candidates_are_bounded() -> None:
    codecs = [f"CODEC{number}" for number in range(MAX_CODECS * 2)]
    lines = [candidate("10.0.0.1")] * (MAX_CANDIDATES * 2) + ["candidate:cut off"]
    description = parse_description(sdp(codecs=codecs, candidates=lines))
    assert description.sections[0].codecs == tuple(codecs[:MAX_CODECS])
    assert len(description.candidates) == MAX_CANDIDATES


def test_no_more_candidates_are_parsed_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []

    def parse(text: str) -> Candidate | None:
        parsed.append(text)
        return parse_candidate(text)

    monkeypatch.setattr(sdp_module, "parse_candidate", parse)
    parse_description(sdp(candidates=[candidate("fd00::1")] * 900))
    assert len(parsed) == MAX_CANDIDATES


@pytest.mark.parametrize(
    ("address", "kind", "subnet"),
    [
        ("4f3c1e5b-1f6d-4c0e.local", "mdns", ""),
        ("10.9.8.7", "private", "10.9.8.0/24"),
        ("172.16.0.1", "private", "172.16.0.0/24"),
        ("172.15.0.1", "public", ""),
        ("172.32.0.1", "public", ""),
        ("192.168.178.20", "private", "192.168.178.0/24"),
        ("192.169.0.1", "public", ""),
        ("100.64.3.2", "private", "100.64.3.0/24"),
        ("100.128.0.1", "public", ""),
        ("203.0.113.7", "public", ""),
        ("127.0.0.1", "loopback", ""),
        ("169.254.3.4", "link-local", ""),
        ("fd12:3456:789a:1::2", "private", "fd12:3456:789a:1::/64"),
        ("2001:db8::1", "public", ""),
        ("::1", "loopback", ""),
        ("fe80::1%wlan0", "link-local", ""),
        ("0.0.0.0", "other", ""),
        ("224.0.0.251", "other", ""),
        ("turn.example.org", "other", ""),
        ("10.0.0.256", "other", ""),
    ],
)
def test_kinds_of_addresses(address: str, kind: str, subnet: str) -> None:
    found = parse_candidate(candidate(address))
    assert found == Candidate("host", kind, subnet)


def test_tcp_candidate_from_chrome() -> None:
    line = (
        "candidate:1876313031 1 TCP 1518280447 203.0.113.7 9 typ host "
        "tcptype active generation 0 ufrag Ek4L network-id 1 network-cost 999"
    )
    found = parse_candidate(line)
    assert found == Candidate("host", "public", "", "tcp", "active", "Ek4L")
    assert found.label == "host public tcp active"


def test_reflexive_candidate_counts_by_its_public_address() -> None:
    found = parse_candidate(candidate("203.0.113.7", "srflx", "raddr 10.0.0.4 rport 5 ufrag a/b+"))
    assert found == Candidate("srflx", "public", ufrag="a/b+")
    assert found.label == "srflx public"


@pytest.mark.parametrize("before", ["", "a=", "a=candidate:"])
def test_candidate_line_may_lack_or_repeat_its_prefix(before: str) -> None:
    line = candidate("10.0.0.1")
    if before != "a=":
        line = line[len("candidate:") :]
    assert parse_candidate(before + line) == Candidate("host", "private", "10.0.0.0/24")


@pytest.mark.parametrize(
    "text", ["", "candidate:", "candidate:1 1 udp 1 10.0.0.1 9 typ", "a b c d e f g h", "\ud800"]
)
def test_unreadable_line_is_no_candidate(text: str) -> None:
    assert parse_candidate(text) is None


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("a=ice-ufrag", ["a=ice-ufrag"]),
        ("a=ice-pwd", ["a=ice-pwd"]),
        ("a=fingerprint", ["a=fingerprint"]),
        ("v=0", ["valid lines (v=0 first, each <type>=<value>)"]),
        ("nothing", []),
    ],
)
def test_what_no_stack_does_without(line: str, missing: list[str]) -> None:
    lines = [each for each in sdp().splitlines(True) if not each.startswith(line)]
    assert parse_description("".join(lines)).missing == missing


def test_of_what_was_not_read_nothing_is_missing() -> None:
    assert Description(was_read=False).missing == []


def test_parameters_of_a_codec_that_is_not_h264_are_skipped() -> None:
    text = sdp(codecs=["VP9"]) + "a=fmtp:96 profile-id=0\r\n"
    assert parse_description(text).sections[0].h264 == ()


def test_h264_formats_are_bounded() -> None:
    text = sdp(codecs=["H264"] * 40) + "".join(
        f"a=fmtp:{96 + number} profile-level-id=4200{number:02x}\r\n" for number in range(40)
    )
    assert len(parse_description(text).sections[0].h264) == MAX_CODECS
