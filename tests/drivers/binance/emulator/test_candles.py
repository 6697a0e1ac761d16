"""Klines with their open row."""

import pytest

from ctosd.core.bars import period
from drivers.binance.emulator.refusals import Refusal
from tests.drivers.binance.emulator.rig import BTC, Rig

MINUTE_MS = 60_000


@pytest.mark.parametrize("product", ["fapi/v1", "api/v3"])
def test_the_last_row_is_the_open_one(product: str) -> None:
    rig = Rig()
    rig.run(95)
    rig.open(f"/{product}/ticker/price", symbol=BTC)
    rig.run(20)
    rows = rig.open(f"/{product}/klines", symbol=BTC, interval="1m", limit=5)
    assert len(rows) == 5
    assert [row[0] for row in rows] == list(range(rows[0][0], rows[0][0] + 5 * MINUTE_MS, MINUTE_MS))
    assert rows[-1][6] >= rig.now_ms > rows[-2][6]
    assert len(rows[0]) == 12
    for row in rows:
        low, high = float(row[3]), float(row[2])
        assert low <= float(row[1]) <= high
        assert low <= float(row[4]) <= high


def test_an_open_row_grows_into_the_closed_one() -> None:
    rig = Rig()
    rig.open("/fapi/v1/klines", symbol=BTC, interval="1m")
    rig.run(58)
    growing = rig.open("/fapi/v1/klines", symbol=BTC, interval="1m", limit=1)[0]
    rig.run(4)
    closed = rig.open("/fapi/v1/klines", symbol=BTC, interval="1m", limit=2)[0]
    assert (closed[0], closed[1]) == (growing[0], growing[1])
    assert float(closed[2]) >= float(growing[2])
    assert float(closed[5]) >= float(growing[5]) > 0


def test_pages_begin_at_the_start_that_is_given() -> None:
    rig = Rig()
    now = rig.now_ms
    start = now - 30 * MINUTE_MS
    first = rig.open("/fapi/v1/klines", symbol=BTC, interval="1m", startTime=start, limit=10)
    assert [row[0] for row in first] == [start + i * MINUTE_MS for i in range(10)]
    end = rig.open("/fapi/v1/klines", symbol=BTC, interval="1m", endTime=start, limit=3)
    assert [row[0] for row in end] == [start - 2 * MINUTE_MS, start - MINUTE_MS, start]
    assert rig.open("/fapi/v1/klines", symbol=BTC, interval="5m", startTime=now + 10 * MINUTE_MS) == []


def test_larger_bars_are_made_of_smaller_ones() -> None:
    rig = Rig()
    rig.run(40)
    hour = rig.open("/fapi/v1/klines", symbol=BTC, interval="1h", limit=2)
    assert hour[-1][0] == period("1h", rig.clock.now_ns())[0] // 1_000_000
    with pytest.raises(Refusal) as caught:
        rig.emulator.futures.candles.check(rig.emulator.futures.markets.find(BTC), "1s")
    assert caught.value.code == -1120
    assert rig.emulator.spot.candles.check(rig.emulator.spot.markets.find(BTC), "1s") == "1s"


def test_a_day_is_made_of_minutes() -> None:
    rig = Rig()
    rig.open("/api/v3/ticker/price", symbol=BTC)
    rig.run(10)
    day = rig.emulator.spot.candles.day(rig.emulator.spot.markets.find(BTC))
    assert day.low <= day.open <= day.high
    assert day.low <= day.average <= day.high
    assert day.last_id >= day.first_id > 0
    assert day.close_ms - day.open_ms == 86_400_000
    assert day.percent == pytest.approx(100 * day.change / day.open)
