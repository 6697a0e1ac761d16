"""Market data by REST: sizes in coins, closed bars in order, pages backwards."""

from itertools import pairwise
from typing import Any

import pytest

from ctosd.abi import CallerMistake, NotReady
from tests.drivers.okx.scripted import PERP, SPOT, SPOT_ROW, SWAP_ROW, Call, World, dump, virtual

MINUTE_MS = 60_000
RECENT, OLDER = "/api/v5/market/candles", "/api/v5/market/history-candles"


def made() -> tuple[World, Any]:
    world = World()
    driver = world.driver()
    driver._listing.adopt([dump(SWAP_ROW), dump(SPOT_ROW)])
    return world, driver


@virtual
async def test_a_quote() -> None:
    world, driver = made()
    world.http.on(
        "/api/v5/market/ticker", [{"bidPx": "1", "bidSz": "200", "askPx": "2", "askSz": "300", "ts": "5", "last": ""}]
    )
    quote = await driver.fetch_quote(PERP)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size, quote.time_ns) == (1, 2, 2, 3, 5_000_000)
    world.http.on("/api/v5/market/ticker", [{"bidPx": "", "bidSz": "", "askPx": "2", "askSz": "300", "ts": "5"}])
    with pytest.raises(NotReady, match="no bid"):
        await driver.fetch_quote(PERP)
    world.http.on("/api/v5/market/ticker", [])
    with pytest.raises(NotReady):
        await driver.fetch_quote(PERP)
    with pytest.raises(CallerMistake):
        await driver.fetch_quote("X/Y")


@virtual
async def test_a_book() -> None:
    world, driver = made()
    world.http.on(
        "/api/v5/market/books",
        [{"bids": [["1", "200", "0", "1"]], "asks": [["2", "100", "0", "1"]], "ts": "5", "seqId": 77}],
    )
    book = await driver.fetch_orderbook(PERP, 1000)
    assert (book.bids, book.asks, book.last_id, book.snapshot) == ([(1.0, 2.0)], [(2.0, 1.0)], 77, True)
    assert world.http.to("/api/v5/market/books")[0].query["sz"] == "400"


@virtual
async def test_funding() -> None:
    world, driver = made()
    rate = {
        "instId": "BTC-USDT-SWAP",
        "fundingRate": "-0.0001",
        "fundingTime": "1000",
        "nextFundingTime": "5000",
        "ts": "900",
    }
    world.http.on("/api/v5/public/funding-rate", [rate])
    world.http.on("/api/v5/public/mark-price", [{"instId": "BTC-USDT-SWAP", "markPx": "60000", "ts": "950"}])
    funding = await driver.fetch_funding(PERP)
    assert (funding.rate, funding.mark, funding.next_ns, funding.interval_ns) == (-0.0001, 60000, 10**9, 4 * 10**9)
    assert await driver.fetch_funding(SPOT) is None


def history(world: World, newest_ms: int, count: int) -> Any:
    """A venue with `count` bars of a minute; the newest is open."""

    def answer(call: Call) -> list[list[str]]:
        after, limit = int(call.query["after"]), int(call.query["limit"])
        assert limit <= 300
        rows = []
        for back in range(count):
            ts = newest_ms - back * MINUTE_MS
            recent = back < 1_440
            if ts < after and (recent or call.path == OLDER) and len(rows) < limit:
                rows.append([str(ts), "10", "12", "9", "11", "100", "1", "11", "0" if back == 0 else "1"])
        return rows

    world.http.on(RECENT, answer)
    world.http.on(OLDER, answer)
    return newest_ms


@virtual
async def test_the_newest_closed_bars_oldest_first() -> None:
    world, driver = made()
    newest = history(world, world.clock.now_ns() // 10**6 // MINUTE_MS * MINUTE_MS, 50)
    bars = await driver.fetch_klines(PERP, "1m", 10)
    assert [bar.open_ns // 10**6 for bar in bars] == [newest - back * MINUTE_MS for back in range(10, 0, -1)]
    assert len(world.http.to(RECENT)) == 1
    assert world.http.to(RECENT)[0].query["bar"] == "1m"


@virtual
async def test_more_bars_than_the_venue_gives_at_once() -> None:
    """2000 bars: pages backwards without a hole, from the recent endpoint into the older one."""
    world, driver = made()
    history(world, world.clock.now_ns() // 10**6 // MINUTE_MS * MINUTE_MS, 3_000)
    bars = await driver.fetch_klines(PERP, "1m", 2_000)
    opens = [bar.open_ns for bar in bars]
    assert len(opens) == 2_000
    assert all(after - before == MINUTE_MS * 10**6 for before, after in pairwise(opens))
    assert world.http.to(OLDER)


@virtual
async def test_a_range() -> None:
    world, driver = made()
    newest = history(world, world.clock.now_ns() // 10**6 // MINUTE_MS * MINUTE_MS, 3_000)
    start, end = newest - 2_500 * MINUTE_MS, newest - 2_490 * MINUTE_MS
    bars = await driver.fetch_klines(PERP, "1m", 500, start * 10**6, end * 10**6)
    assert [bars[0].open_ns, bars[-1].time_ns, len(bars)] == [start * 10**6, end * 10**6, 10]
    assert world.http.to(RECENT) == []


@virtual
async def test_the_beginning_of_a_listing_ends_the_pages() -> None:
    world, driver = made()
    history(world, world.clock.now_ns() // 10**6 // MINUTE_MS * MINUTE_MS, 5)
    assert len(await driver.fetch_klines(PERP, "1m", 100)) == 4
    assert len(world.http.calls) <= 4
    with pytest.raises(CallerMistake, match="8h"):
        await driver.fetch_klines(PERP, "8h", 5)


@virtual
async def test_bars_that_cannot_be_read() -> None:
    world, driver = made()
    world.http.on(RECENT, [["x"]])
    with pytest.raises(NotReady):
        await driver.fetch_klines(PERP, "1m", 5)
