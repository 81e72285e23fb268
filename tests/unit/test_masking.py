"""What a client may have put into a log line."""

from __future__ import annotations

import pytest

from signaling_server.logs.masking import clean


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("gcom\n2026-01-01T12:00:00Z INFO faked", "gcom\\n2026-01-01T12:00:00Z INFO faked"),
        ("\r\x1b[2J\x00\x7f", "\\r\\x1b[2J\\x00\\x7f"),
        ("\x9b31m\x85", "\\x9b31m\\x85"),
        ("\u2028\u202eevil", "\\u2028\\u202eevil"),
        ("\ud800", "\\ud800"),
        ("Grüße, Drohne \U0001f681", "Grüße, Drohne \U0001f681"),
    ],
)
def test_control_characters_are_written_out(text, cleaned):
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("got hs_ab12_S3cr-et_x.", "got hs_ab12_***"),
        ("(hs_a.b-1_S3cret)", "(hs_a.b-1_***"),
        ("?next=%3Dhs_ab_S3cret&x=1", "?next=%3Dhs_ab_***&x=1"),
        ("GET /?room=a&token=S3cret&name=b HTTP/1.1", "GET /?room=a&token=***&name=b HTTP/1.1"),
        ("?TOKEN%3DS3cret", "?TOKEN%3D***"),
        ("a=ice-pwd:S3cret+/\r\na=mid:0", "a=ice-pwd:***\\r\\na=mid:0"),
        (r"a=ice-pwd:S3cret\r\na=mid:0", r"a=ice-pwd:***\r\na=mid:0"),
        ('{"credential": "S3\\"cret", "urls": []}', '{"credential": "***", "urls": []}'),
        (r'"{\"token\":\"S3cret\",\"room\":1}"', r'"{\"token\":\"***\",\"room\":1}"'),
        ("{'session': \"S3'cret\", 'n': 1}", "{'session': \"***\", 'n': 1}"),
        ("Authorization: Bearer S3cret", "Authorization: Bearer ***"),
        ("{'token': None} paths_to_file", "{'token': None} paths_to_file"),
    ],
)
def test_secrets_are_masked(text, cleaned):
    assert clean(text) == cleaned
