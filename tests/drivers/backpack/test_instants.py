"""All forms of Backpack's times."""

import pytest

from drivers.backpack.instants import from_text, ns_of

NOON = 1_788_367_430


@pytest.mark.parametrize(
    ("moment", "ns"),
    [
        (NOON, NOON * 10**9),
        (float(NOON) + 0.5, NOON * 10**9 + 500_000_000),
        (1_788_367_430_123, 1_788_367_430_123_000_000),
        ("1788367430123", 1_788_367_430_123_000_000),
        (1_788_367_430_247_487, 1_788_367_430_247_487_000),
        ("1788367430247487", 1_788_367_430_247_487_000),
        (1_788_367_430_247_487_001, 1_788_367_430_247_487_001),
        ("2025-09-11 15:33:00", 1_757_604_780 * 10**9),
        ("2025-09-11T20:10:40.699", 1_757_621_440_699_000_000),
        ("2025-01-21T06:34:54.691858", 1_737_441_294_691_858_000),
        ("2017-07-12T08:05:49.590Z", 1_499_846_749_590_000_000),
        ("2025-09-11T22:10:40.699+02:00", 1_757_621_440_699_000_000),
        (None, 0),
        ("", 0),
    ],
)
def test_every_form(moment: object, ns: int) -> None:
    """Seconds, milliseconds, microseconds, nanoseconds, numbers as text, and text with and without a zone."""
    assert ns_of(moment) == ns


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError):
        ns_of("soon")
    with pytest.raises(ValueError):
        from_text("12:00")
