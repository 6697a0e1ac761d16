"""Names and lengths of bars."""

import pytest

from ctosd.abi import CallerMistake
from drivers.okx.timeframes import BARS, DAY_NS, HOUR_NS, MINUTE_NS, bar_name, end_ns, length_ns

FEBRUARY_NS = 1_769_904_000_000_000_000  # 2026-02-01T00:00:00Z
MARCH_NS = 1_772_323_200_000_000_000
DECEMBER_NS = 1_796_083_200_000_000_000
NEXT_YEAR_NS = 1_798_761_600_000_000_000


@pytest.mark.parametrize(
    ("ours", "theirs"), [("1m", "1m"), ("4h", "4H"), ("6h", "6Hutc"), ("1d", "1Dutc"), ("1w", "1Wutc"), ("1M", "1Mutc")]
)
def test_bars_of_six_hours_and_more_are_cut_at_utc(ours: str, theirs: str) -> None:
    assert bar_name(ours) == theirs


def test_what_the_venue_has_not_is_refused() -> None:
    with pytest.raises(CallerMistake, match="8h"):
        bar_name("8h")


def test_lengths() -> None:
    assert (length_ns("3m"), length_ns("12h"), length_ns("1w")) == (3 * MINUTE_NS, 12 * HOUR_NS, 7 * DAY_NS)
    assert all(end_ns(name, FEBRUARY_NS) > FEBRUARY_NS for name in BARS)


def test_a_month_ends_where_the_next_begins() -> None:
    assert end_ns("1M", FEBRUARY_NS) == MARCH_NS
    assert end_ns("1M", DECEMBER_NS) == NEXT_YEAR_NS
