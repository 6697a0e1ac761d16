"""Candles: boundaries, the open one, volumes in contracts, pages."""

from datetime import UTC, datetime

import pytest

from drivers.okx.emulator.candles import NAMES, period
from drivers.paper.config import MarketConfig, PaperConfig
from tests.drivers.okx.emulator.venue import SPOT, SWAP, Venue

HOUR = 3_600_000


def at(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("1m", (2026, 3, 18, 15, 59)),
        ("4H", (2026, 3, 18, 12)),
        ("6H", (2026, 3, 18, 10)),
        ("6Hutc", (2026, 3, 18, 12)),
        ("12H", (2026, 3, 18, 4)),
        ("12Hutc", (2026, 3, 18, 12)),
        ("1D", (2026, 3, 17, 16)),
        ("1Dutc", (2026, 3, 18)),
        ("1W", (2026, 3, 15, 16)),
        ("1Wutc", (2026, 3, 16)),
        ("1M", (2026, 2, 28, 16)),
        ("1Mutc", (2026, 3, 1)),
        ("3M", (2025, 12, 31, 16)),
        ("3Mutc", (2026, 1, 1)),
    ],
)
def test_long_candles_begin_at_midnight_utc_8(name, start):
    """Wednesday, 18 March 2026, just before midnight in Hong Kong."""
    now = at(2026, 3, 18, 15, 59, 30)
    assert period(name, now)[0] == at(*start)
    assert period(name, period(name, now)[1])[0] == period(name, now)[1]


def test_every_name_has_a_period():
    now = at(2026, 12, 31, 23, 59, 59)
    for name in NAMES:
        start, end = period(name, now)
        assert start <= now < end


@pytest.fixture
def venue():
    found = Venue(PaperConfig(market=MarketConfig(seed=7, history=900)))
    found.clock.run(130)
    return found


def test_the_newest_comes_first_and_is_open(venue):
    rows = venue.get("market/candles", instId=SWAP)
    assert len(rows) == 100
    assert [row[8] for row in rows[:3]] == ["0", "1", "1"]
    stamps = [int(row[0]) for row in rows]
    assert stamps == list(range(stamps[0], stamps[0] - 100 * 60_000, -60_000))
    for row in rows:
        opened, high, low, close = (float(each) for each in row[1:5])
        assert low <= min(opened, close) <= max(opened, close) <= high
        assert float(row[5]) * 0.01 == pytest.approx(float(row[6]))
    spot = venue.get("market/candles", instId=SPOT, limit=2)[1]
    assert spot[5] == spot[6]


def test_the_open_candle_grows_with_the_trades(venue):
    before = venue.get("market/candles", instId=SWAP, limit=1)[0]
    venue.clock.run(20)
    after = venue.get("market/candles", instId=SWAP, limit=1)[0]
    trades = [row for row in venue.get("market/trades", instId=SWAP, limit=500) if row["ts"] >= after[0]]
    assert before[0] == after[0]
    assert float(after[5]) == pytest.approx(sum(float(row["sz"]) for row in trades))
    assert after[4] == trades[0]["px"]
    assert after[1] == trades[-1]["px"]


def test_pages_go_back_with_after(venue):
    first = venue.get("market/candles", instId=SWAP, bar="5m", limit=3)
    then = venue.get("market/candles", instId=SWAP, bar="5m", limit=3, after=first[-1][0])
    assert [int(row[0]) for row in first + then] == [int(first[0][0]) - 300_000 * each for each in range(6)]
    between = venue.get("market/candles", instId=SWAP, bar="5m", after=first[0][0], before=then[0][0])
    assert [row[0] for row in between] == [first[1][0], first[2][0]]
    newest = venue.get("market/candles", instId=SWAP, bar="5m", before=then[-1][0], limit=2)
    assert newest == first[:2]  # `before` alone gives the newest, not the next


def test_history_has_no_open_candle(venue):
    rows = venue.get("market/history-candles", instId=SWAP, bar="1H")
    assert {row[8] for row in rows} == {"1"}
    assert int(rows[0][0]) + HOUR <= venue.clock.now_ns() // 1_000_000
    day = venue.get("market/candles", instId=SWAP, bar="1D", limit=1)[0]
    assert (int(day[0]) + 8 * HOUR) % (24 * HOUR) == 0


def test_seconds_only_in_history(venue):
    rows = venue.get("market/history-candles", instId=SWAP, bar="1s", limit=5)
    assert [int(rows[0][0]) - int(row[0]) for row in rows] == [0, 1_000, 2_000, 3_000, 4_000]
    assert venue.ask("market/candles", instId=SWAP, bar="1s")["code"] == "51000"


@pytest.mark.parametrize(
    ("params", "code"), [({"bar": "7m"}, "51000"), ({"limit": "x"}, "51000"), ({"after": "x"}, "51000")]
)
def test_what_is_refused(venue, params, code):
    assert venue.ask("market/candles", instId=SWAP, **params)["code"] == code


def test_a_day_is_told_by_the_ticker(venue):
    row = venue.get("market/ticker", instId=SWAP)[0]
    assert float(row["low24h"]) <= float(row["last"]) <= float(row["high24h"])
    assert float(row["volCcy24h"]) == pytest.approx(float(row["vol24h"]) * 0.01)
