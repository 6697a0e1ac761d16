"""Klines: seconds in, ISO text out, empty buckets null, the open one included."""

from itertools import pairwise

import pytest

from drivers.backpack.emulator.candles import INTERVALS, MOST_ROWS, Candle
from tests.drivers.backpack.emulator.counter import PERP, Counter, refusal


@pytest.fixture(scope="module")
def counter() -> Counter:
    return Counter()


def test_rows_are_buckets_in_order_with_the_open_one_last(counter: Counter) -> None:
    start = counter.now_ms // 1000 - 600
    rows = counter.get("/api/v1/klines", symbol=PERP, interval="1m", startTime=start)
    starts = [row["start"] for row in rows]
    assert starts == sorted(starts)
    assert len(rows) == 10
    assert rows[-1]["start"] == "2026-01-01 00:00:00"
    assert rows[-1]["end"] == "2026-01-01 00:01:00"
    assert all(before["end"] == after["start"] for before, after in pairwise(rows))
    assert all(isinstance(value, str) for row in rows for value in row.values())


def test_the_end_is_taken(counter: Counter) -> None:
    start = counter.now_ms // 1000 // 60 * 60 - 600
    rows = counter.get("/api/v1/klines", symbol=PERP, interval="5m", startTime=start, endTime=start + 301)
    assert [row["start"] for row in rows] == ["2025-12-31 23:50:00", "2025-12-31 23:55:00"]


@pytest.mark.parametrize("interval", list(INTERVALS))
def test_every_interval_is_answered(counter: Counter, interval: str) -> None:
    rows = counter.get("/api/v1/klines", symbol=PERP, interval=interval, startTime=counter.now_ms // 1000 - 40 * 86_400)
    assert rows or interval == "1s"
    assert len(rows) <= MOST_ROWS
    if interval != "1s":
        assert rows[-1]["close"] is not None


@pytest.mark.parametrize(
    "query",
    [
        {"interval": "1m"},
        {"startTime": 1},
        {"interval": "2m", "startTime": 1},
        {"interval": "1m", "startTime": 10, "endTime": 5},
        {"interval": "1m", "startTime": 1, "priceType": "Best"},
        {"interval": "1m", "startTime": 1_767_225_600_000},
    ],
)
def test_what_is_missing_or_wrong_is_refused(counter: Counter, query: dict[str, object]) -> None:
    assert refusal(counter.send("GET", "/api/v1/klines", {"symbol": PERP, **query}))[0] == 400


def test_an_empty_bucket_has_no_prices() -> None:
    counter = Counter()
    market = counter.emulator._markets.named(PERP)
    row = Candle(0, 60_000_000_000).rest(market)
    assert [row[name] for name in ("open", "high", "low", "close")] == [None] * 4
    assert (row["volume"], row["trades"]) == ("0.00", "0")
    told = Candle(0, 60_000_000_000).stream(market, 5, True)
    assert (told["o"], told["X"], told["t"]) == (None, True, "1970-01-01T00:00:00")


def test_the_open_bucket_grows_and_closes_as_the_market_told() -> None:
    counter = Counter()
    start = counter.now_ms // 1000
    counter.run(30)
    (early,) = counter.get("/api/v1/klines", symbol=PERP, interval="1m", startTime=start // 60 * 60)
    counter.run(40)
    closed, late = counter.get("/api/v1/klines", symbol=PERP, interval="1m", startTime=start // 60 * 60)
    assert (closed["start"], closed["open"]) == (early["start"], early["open"])
    assert float(closed["volume"]) > float(early["volume"]) > 0
    assert late["start"] == closed["end"]
    hour = counter.get("/api/v1/klines", symbol=PERP, interval="1h", startTime=start // 3600 * 3600)[-1]
    assert float(hour["volume"]) == pytest.approx(float(closed["volume"]) + float(late["volume"]))


def test_a_ticker_is_of_a_day_and_has_no_quote(counter: Counter) -> None:
    ticker = counter.get("/api/v1/ticker", symbol=PERP)
    assert not {"bid", "ask"} & ticker.keys()
    assert float(ticker["low"]) <= float(ticker["lastPrice"]) <= float(ticker["high"])
    assert float(ticker["priceChange"]) == pytest.approx(float(ticker["lastPrice"]) - float(ticker["firstPrice"]))
    assert ticker in counter.get("/api/v1/tickers")
    assert refusal(counter.send("GET", "/api/v1/ticker", {"symbol": PERP, "interval": "1h"}))[0] == 400
