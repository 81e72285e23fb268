from __future__ import annotations

from signaling_server.core.protocol.byte_rate import USUAL_VALUES, VALUE_BYTES, ByteRate


def test_burst_is_allowed_at_once_and_the_rate_from_then_on() -> None:
    rate = ByteRate(1000, 3000, message_bytes=500, now=100.0)
    assert rate.take(2000, 100.0)
    assert rate.take(1000, 100.0)
    assert not rate.take(1, 100.0)
    assert not rate.take(500, 100.4)
    assert rate.take(500, 100.5)
    assert not rate.take(1, 100.5)


def test_refused_bytes_are_not_counted() -> None:
    rate = ByteRate(1000, 3000, message_bytes=500, now=0.0)
    assert not rate.take(3001, 0.0)
    assert rate.take(3000, 0.0)


def test_pause_earns_no_more_than_the_burst() -> None:
    rate = ByteRate(1000, 3000, message_bytes=500, now=0.0)
    assert rate.take(3000, 1e9)
    assert not rate.take(1, 1e9)


def test_burst_is_at_least_one_message() -> None:
    rate = ByteRate(10, 0, message_bytes=500, now=0.0)
    assert rate.take(500, 0.0)
    assert not rate.take(500, 49.0)
    assert rate.take(500, 50.0)


def test_rate_of_zero_is_no_limit() -> None:
    rate = ByteRate(0, 0, message_bytes=1, now=0.0)
    assert all(rate.take(10**9, 0.0) for _ in range(100))


def test_values_beyond_the_usual_count_like_bytes_but_one_message_always_fits() -> None:
    rate = ByteRate(1, 10_000, message_bytes=500, now=0.0)
    assert rate.take(500, 0.0, USUAL_VALUES)
    assert rate.take(500, 0.0, USUAL_VALUES + 100)
    assert not rate.take(10_000 - 1000 - 100 * VALUE_BYTES + 1, 0.0)
    assert rate.take(10_000 - 1000 - 100 * VALUE_BYTES, 0.0)
    assert not rate.take(500, 9_999.0, 10**6)
    assert rate.take(500, 10_000.0, 10**6)
