"""Kept bars: built from what there is, aggregated, bounded and answered."""

from __future__ import annotations

import pytest

from ctosd.abi import Bar, CallerMistake, Quote, Trade
from drivers.paper.candles import KEPT, Candles

MINUTE = 60_000_000_000
T0 = 28_401_120 * MINUTE  # on a five-minute boundary


class Heard:
    """What was published, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Bar]] = []

    def __call__(self, name: str, bar: Bar) -> None:
        self.all.append((name, bar))

    def of(self, timeframe: str) -> list[Bar]:
        return [bar for _, bar in self.all if bar.timeframe == timeframe]


def bar(minute: int, close: float, length: int = 1, timeframe: str = "1m") -> Bar:
    start = T0 + minute * MINUTE
    return Bar(
        "paper", "A/USDT", timeframe, close - 1, close + 1, close - 2, close, 10.0, start, start + length * MINUTE
    )


def trade(second: int, price: float, size: float = 1.0) -> Trade:
    return Trade("paper", "A/USDT", price, size, "buy", T0 + second * MINUTE // 60)


def test_trades_make_minutes_and_minutes_make_larger_bars() -> None:
    """Bars of each asked timeframe are published on their topics, exactly once."""
    heard = Heard()
    candles = Candles("paper", "A/USDT", heard)
    candles.keep("5m")
    candles.keep("15s")
    for second in range(0, 601, 5):
        candles.on_trade(trade(second, 100 + second, 0.5))
    assert [b.open_ns for b in heard.of("1m")] == [T0 + i * MINUTE for i in range(10)]
    assert len(heard.of("15s")) == 40
    assert [b.volume for b in heard.of("5m")] == [30.0, 30.0]
    assert heard.of("5m")[1].open == 400
    assert heard.of("5m")[1].close == 695
    assert {name for name, b in heard.all if b.timeframe == "5m"} == {"bars.5m/paper/A-USDT"}


def test_recorded_bars_aggregate_and_are_not_published_twice() -> None:
    """A recorded minute is kept but its publication is its source's; the five minutes made of it are published."""
    heard = Heard()
    candles = Candles("paper", "A/USDT", heard, source="1m")
    candles.keep("5m")
    for minute in range(10):
        candles.on_bar(bar(minute, 100 + minute))
    assert heard.of("1m") == []
    assert [(b.open, b.high, b.low, b.close) for b in heard.of("5m")] == [(99, 105, 98, 104), (104, 110, 103, 109)]
    assert len(candles.klines("1m", 100)) == 10


def test_a_hole_does_not_hold_a_bar_back() -> None:
    """The bar after a hole that ends two periods gives both."""
    heard = Heard()
    candles = Candles("paper", "A/USDT", heard, source="1m")
    candles.keep("5m")
    candles.on_bar(bar(0, 100))
    candles.on_bar(bar(9, 109))
    assert [b.open_ns for b in heard.of("5m")] == [T0, T0 + 5 * MINUTE]


def test_a_timeframe_asked_late_has_its_past() -> None:
    """What is asked for the first time is made from the bars that are kept, without publishing the past."""
    heard = Heard()
    candles = Candles("paper", "A/USDT", heard, source="1m")
    for minute in range(12):
        candles.on_bar(bar(minute, 100 + minute))
    assert [b.close for b in candles.klines("5m", 10)] == [104, 109]
    assert heard.all == []
    for minute in range(12, 15):
        candles.on_bar(bar(minute, 100 + minute))
    assert [b.close for b in heard.of("5m")] == [114]


def test_klines_are_bounded_and_chosen_by_time() -> None:
    """The newest `limit` of the range, oldest first, and never more than is kept."""
    candles = Candles("paper", "A/USDT", Heard(), source="1m")
    for minute in range(KEPT + 10):
        candles.on_bar(bar(minute, 100.0))
    assert len(candles.klines("1m", 10_000)) == KEPT
    newest = candles.klines("1m", 3)
    assert [b.open_ns for b in newest] == [T0 + (KEPT + i) * MINUTE for i in (7, 8, 9)]
    found = candles.klines("1m", 2, T0 + 20 * MINUTE, T0 + 25 * MINUTE)
    assert [b.open_ns for b in found] == [T0 + i * MINUTE for i in (23, 24)]
    assert candles.klines("1m", 0) == []


def test_quotes_make_bars_where_nothing_else_is_known() -> None:
    """A market of quotes gives bars of the mid, without volume."""
    heard = Heard()
    candles = Candles("paper", "A/USDT", heard)
    for second in range(0, 70, 10):
        candles.on_quote(Quote("paper", "A/USDT", 99.0 + second, 1, 101.0 + second, 1, T0 + second * MINUTE // 60))
    (only,) = heard.of("1m")
    assert (only.open, only.close, only.volume) == (100, 150, 0)


def test_impossible_timeframes_are_named() -> None:
    """Smaller bars than the recorded ones, and words that are no timeframe, are a caller's mistake."""
    candles = Candles("paper", "A/USDT", Heard(), source="5m")
    with pytest.raises(CallerMistake, match="recorded in 5m bars"):
        candles.keep("1m")
    with pytest.raises(CallerMistake, match="not a timeframe"):
        candles.keep("7m")


def test_flush_closes_what_is_over() -> None:
    """At the end of the data the last bar comes out when its time is over, and not before."""
    heard = Heard()
    candles = Candles("paper", "A/USDT", heard)
    candles.on_trade(trade(5, 100))
    candles.flush(T0 + MINUTE - 1)
    assert heard.all == []
    candles.flush(T0 + MINUTE)
    assert len(heard.of("1m")) == 1


def test_a_past_of_small_bars_fills_every_timeframe() -> None:
    """Kept minutes come first, smaller bars go on from there, the present minute is begun, and nothing of it is published."""
    heard = Heard()
    candles = Candles("paper", "A/USDT", heard)
    fine = [
        Bar("paper", "A/USDT", "5s", i, i + 1, i, i + 1, 2.0, ns, ns + MINUTE // 12)
        for i, ns in ((i, T0 - 2 * MINUTE + i * MINUTE // 12) for i in range(30))
    ]
    candles.prepend([bar(-2, 50.0)], fine)
    assert [(b.open_ns, b.close) for b in candles.klines("1m", 9)] == [(T0 - 2 * MINUTE, 50.0), (T0 - MINUTE, 24)]
    assert len(candles.klines("5s", 99)) == 30
    assert [b.close for b in candles.klines("15s", 99)] == [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]
    assert candles.klines("1s", 99) == []
    candles.on_trade(trade(31, 100.0))
    candles.on_trade(trade(60, 101.0))
    (minute,) = heard.of("1m")
    assert (minute.open, minute.high, minute.close, minute.volume) == (24, 100, 100, 13)
