"""Bars: boundaries, closing, and that building in two steps equals building in one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import Bar, CallerMistake, Trade
from ctosd.core.bars import DAY, MINUTE, SECOND, TIMEFRAMES, BarBuilder, period, timeframe_ns, timeframe_of


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def trade(price: float, at: int, size: float = 1.0) -> Trade:
    return Trade("v", "S", price, size, "buy", at)


@pytest.mark.parametrize(
    ("timeframe", "start", "end"),
    [
        ("1m", "2024-08-08T23:54:00", "2024-08-08T23:55:00"),
        ("15m", "2024-08-08T23:45:00", "2024-08-09T00:00:00"),
        ("8h", "2024-08-08T16:00:00", "2024-08-09T00:00:00"),
        ("1d", "2024-08-08T00:00:00", "2024-08-09T00:00:00"),
        ("1w", "2024-08-05T00:00:00", "2024-08-12T00:00:00"),
        ("1M", "2024-08-01T00:00:00", "2024-09-01T00:00:00"),
    ],
)
def test_periods_lie_on_utc_boundaries(timeframe: str, start: str, end: str) -> None:
    """Thursday 2024-08-08 23:54:15 lies in the period that a venue would name."""
    assert period(timeframe, ns("2024-08-08T23:54:15")) == (ns(start), ns(end))


def test_december_ends_in_the_next_year() -> None:
    assert period("1M", ns("2023-12-31T23:59:59")) == (ns("2023-12-01T00:00:00"), ns("2024-01-01T00:00:00"))


@given(st.sampled_from(sorted(TIMEFRAMES)), st.integers(0, 4_000_000_000 * SECOND))
def test_periods_tile_time(timeframe: str, at: int) -> None:
    """A period holds its instant, and the one after it begins where it ends."""
    start, end = period(timeframe, at)
    assert start <= at < end
    assert period(timeframe, end)[0] == end
    assert period(timeframe, start - 1)[1] == start if start > 0 else True


def test_unknown_timeframe_names_the_known_ones() -> None:
    with pytest.raises(CallerMistake, match="'7m' is not a timeframe: write one of 1s"):
        timeframe_ns("7m")


def test_timeframe_of_length() -> None:
    assert timeframe_of(5 * MINUTE) == "5m"
    assert timeframe_of(31 * DAY) == "1M"
    assert timeframe_of(7 * MINUTE) is None


def test_bar_closes_with_the_first_trade_after_it() -> None:
    builder = BarBuilder("v", "S", "1m")
    assert builder.on_trade(trade(10, 0, 2)) is None
    assert builder.on_trade(trade(12, 1)) is None
    assert builder.on_trade(trade(9, MINUTE - 1)) is None
    assert builder.on_trade(trade(11, 3 * MINUTE)) == Bar("v", "S", "1m", 10, 12, 9, 9, 4.0, 0, MINUTE)


def test_flush_closes_only_when_the_time_is_over() -> None:
    builder = BarBuilder("v", "S", "1m")
    builder.on_price(5.0, 10)
    assert builder.flush(MINUTE - 1) is None
    assert builder.flush(MINUTE) == Bar("v", "S", "1m", 5, 5, 5, 5, 0.0, 0, MINUTE)
    assert builder.flush(9 * MINUTE) is None


def test_late_trade_never_changes_what_came_out() -> None:
    builder = BarBuilder("v", "S", "1m")
    builder.on_price(5.0, MINUTE)
    builder.flush(2 * MINUTE)
    assert builder.on_price(7.0, MINUTE + 1) is None
    assert builder.on_price(7.0, 3) is None
    assert builder.statistics() == {"closed": 1, "late": 2, "open_ns": 0}


def bar(minute: int, price: float, timeframe: str = "1m", length: int = MINUTE) -> Bar:
    return Bar("v", "S", timeframe, price, price + 1, price - 1, price, 1.0, minute * MINUTE, minute * MINUTE + length)


def test_last_small_bar_closes_the_large_one_at_once() -> None:
    builder = BarBuilder("v", "S", "5m")
    out = [builder.on_bar(bar(m, 10.0 + m)) for m in range(5)]
    assert out[:4] == [None] * 4
    assert out[4] == Bar("v", "S", "5m", 10, 15, 9, 14, 5.0, 0, 5 * MINUTE)


def test_one_bar_that_ends_two_periods_gives_both() -> None:
    """After a hole the older bar comes first and the newer one on flush."""
    builder = BarBuilder("v", "S", "5m")
    builder.on_bar(bar(3, 10.0))
    first = builder.on_bar(bar(9, 20.0))
    second = builder.flush(10 * MINUTE)
    assert first is not None
    assert second is not None
    assert (first.open_ns, first.close, second.open_ns, second.close) == (0, 10.0, 5 * MINUTE, 20.0)


def test_larger_bar_is_refused() -> None:
    with pytest.raises(CallerMistake, match="a 5m bar of S does not fit into one 1m bar"):
        BarBuilder("v", "S", "1m").on_bar(bar(0, 1.0, "5m", 5 * MINUTE))


steps = st.lists(
    st.tuples(st.integers(0, 200 * SECOND), st.integers(1, 1000), st.integers(0, 50)), min_size=1, max_size=80
)


def both(timeframe: str, path: list[tuple[int, int, int]]) -> tuple[list[Bar], list[Bar]]:
    """The closed bars built from the trades, and those built from one-minute bars of the same trades."""
    direct, small, large = (BarBuilder("v", "S", t) for t in (timeframe, "1m", timeframe))
    one: list[Bar | None] = []
    two: list[Bar | None] = []
    at = 0
    for step, price, size in path:
        at += step
        one.append(direct.on_price(float(price), at, float(size)))
        minute = small.on_price(float(price), at, float(size))
        if minute is not None:
            two += [large.on_bar(minute), large.flush(minute.time_ns)]
    end = at + DAY
    minute = small.flush(end)
    assert minute is not None
    two += [large.on_bar(minute), large.flush(end)]
    one.append(direct.flush(end))
    return [b for b in one if b], [b for b in two if b]


@settings(max_examples=60)
@given(steps, st.sampled_from(["3m", "5m", "1h"]))
def test_minutes_added_up_equal_the_direct_bars(path: list[tuple[int, int, int]], timeframe: str) -> None:
    one, two = both(timeframe, path)
    assert one == two
    assert sum(b.volume for b in one) == sum(size for _, _, size in path)
