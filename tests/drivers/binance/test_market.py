"""Queries of the market: closed bars without holes, books, quotes, funding."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ctosd.abi import CallerMistake, Funding, NotReady
from drivers.binance import Binance
from tests.drivers.binance.scripted import MS, PERP, SPOT, Venue, fixture

MINUTE = 60_000


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    found = Venue()
    yield found
    await found.end()


async def started(venue: Venue) -> Binance:
    driver = venue.driver(secrets={})
    await driver.start()
    venue.calls.clear()
    return driver


def history(venue: Venue, opens: list[int], step: int = MINUTE, most: int = 1_500) -> None:
    """Bars that open at these ms; asked with an end and a limit, Binance gives the newest."""

    def route(params: dict[str, str]) -> list[Any]:
        limit = int(params["limit"])
        assert limit <= most
        rows = [at for at in opens if at <= int(params["endTime"])][-limit:]
        return [[at, "5", "7", "4", "6", "1", at + step - 1, "0", 1, "0", "0", "0"] for at in rows]

    venue.route("GET", "/fapi/v1/klines" if venue.product == "usdm" else "/api/v3/klines", route)


async def test_the_open_bar_is_not_told(venue: Venue) -> None:
    driver = await started(venue)
    now = venue.clock.now_ns() // MS
    history(venue, [now + n * MINUTE for n in range(-10, 1)])
    bars = await driver.fetch_klines(PERP, "1m", 5)
    assert [bar.open_ns // MS - now for bar in bars] == [n * MINUTE for n in range(-5, 0)]
    venue.clock.run(30)
    assert (await driver.fetch_klines(PERP, "1m", 5))[-1].time_ns // MS == now
    venue.clock.run(30)
    assert (await driver.fetch_klines(PERP, "1m", 1))[-1].time_ns // MS == now + MINUTE


async def test_pages_go_back_as_far_as_wanted(venue: Venue) -> None:
    driver = await started(venue)
    now = venue.clock.now_ns() // MS
    history(venue, [now + n * MINUTE for n in range(-4_000, 1)])
    bars = await driver.fetch_klines(PERP, "1m", 3_500)
    assert len(bars) == 3_500
    assert all(after.open_ns == before.time_ns for before, after in itertools.pairwise(bars))
    assert len(venue.sent("GET", "/fapi/v1/klines")) == 3
    assert len(await driver.fetch_klines(PERP, "1m", 9_000)) == 4_000


async def test_a_range(venue: Venue) -> None:
    driver = await started(venue)
    now = venue.clock.now_ns() // MS
    history(venue, [now + n * MINUTE for n in range(-100, 1)])
    begin, end = (now - 50 * MINUTE) * MS, (now - 40 * MINUTE) * MS
    bars = await driver.fetch_klines(PERP, "1m", 500, begin, end)
    assert (bars[0].open_ns, bars[-1].time_ns, len(bars)) == (begin, end, 10)
    assert (await driver.fetch_klines(PERP, "1m", 3, begin, end))[0].open_ns == end - 3 * MINUTE * MS
    assert await driver.fetch_klines(PERP, "1m", 0) == ()


async def test_periods_without_a_trade_come_flat(venue: Venue) -> None:
    """USDⓈ-M leaves them out; holes at the seam of two pages are filled too."""
    driver = await started(venue)
    now = venue.clock.now_ns() // MS
    history(venue, [now - 9 * MINUTE, now - 5 * MINUTE, now - 4 * MINUTE, now - MINUTE])
    bars = await driver.fetch_klines(PERP, "1m", 9)
    assert [(bar.open_ns // MS - now) // MINUTE for bar in bars] == list(range(-9, 0))
    assert [bar.volume for bar in bars] == [1, 0, 0, 0, 1, 1, 0, 0, 1]
    flat = bars[1]
    assert (flat.open, flat.high, flat.low, flat.close) == (6, 6, 6, 6)


@pytest.mark.parametrize("timeframe", ["7m", "1s", "", "1M "])
async def test_timeframes_that_are_none(venue: Venue, timeframe: str) -> None:
    driver = await started(venue)
    with pytest.raises(CallerMistake, match="has no bars"):
        await driver.fetch_klines(PERP, timeframe, 5)


async def test_months_and_seconds() -> None:
    venue = Venue("spot")
    driver = await started(venue)
    history(venue, [1_761_955_200_000, 1_764_547_200_000], step=30 * 86_400_000, most=1_000)
    assert len(await driver.fetch_klines(SPOT, "1M", 5)) == 2
    history(venue, [], most=1_000)
    assert await driver.fetch_klines(SPOT, "1s", 5) == []
    await venue.end()


@pytest.mark.parametrize(("level", "limit"), [(1, "5"), (5, "5"), (6, "10"), (300, "500"), (9_000, "1000")])
async def test_books_ask_for_the_next_larger_size(venue: Venue, level: int, limit: str) -> None:
    driver = await started(venue)
    rows = fixture("gocryptotrader", "binance_http_mock_spot_fapi.json")["routes"]["/fapi/v1/depth"]["GET"][1]["data"]
    venue.route("GET", "/fapi/v1/depth", lambda p: rows)
    book = await driver.fetch_orderbook(PERP, level)
    assert venue.sent("GET", "/fapi/v1/depth")[0]["limit"] == limit
    assert len(book.bids) == min(level, len(rows["bids"]))
    assert book.bids == sorted(book.bids, reverse=True)
    assert book.asks == sorted(book.asks)
    assert book.time_ns == rows["T"] * MS


async def test_quotes_and_what_cannot_be_read(venue: Venue) -> None:
    driver = await started(venue)
    venue.route(
        "GET",
        "/fapi/v1/ticker/bookTicker",
        lambda p: {"bidPrice": "5", "bidQty": "1", "askPrice": "6", "askQty": "2", "time": 9},
    )
    quote = await driver.fetch_quote(PERP)
    assert (quote.mid, quote.time_ns) == (5.5, 9 * MS)
    for path, ask in (("ticker/bookTicker", driver.fetch_quote(PERP)), ("depth", driver.fetch_orderbook(PERP, 5)),
                      ("klines", driver.fetch_klines(PERP, "1m", 5)), ("premiumIndex", driver.fetch_funding(PERP))):  # fmt: skip
        venue.route("GET", f"/fapi/v1/{path}", lambda p: {"odd": [1]})
        with pytest.raises(NotReady):
            await ask
    with pytest.raises(CallerMistake):
        await driver.fetch_quote("NO/USDT:USDT")
    with pytest.raises(CallerMistake):
        await driver.fetch_orderbook(PERP, 0)


async def test_funding_has_the_interval_of_its_symbol(venue: Venue) -> None:
    driver = await started(venue)
    venue.route("GET", "/fapi/v1/fundingInfo", lambda p: [{"symbol": "ETHUSDT", "fundingIntervalHours": 4}])
    row = {"markPrice": "5", "lastFundingRate": "0.0001", "nextFundingTime": 9, "time": 3}
    venue.route("GET", "/fapi/v1/premiumIndex", lambda p: row)
    funding, other = await driver.fetch_funding("ETH/USDT:USDT"), await driver.fetch_funding(PERP)
    assert funding is not None
    assert other is not None
    hour = 3_600 * 1_000_000_000
    assert (funding.interval_ns, other.interval_ns, funding.rate) == (4 * hour, 8 * hour, 0.0001)
    assert len(venue.sent("GET", "/fapi/v1/fundingInfo")) == 1
    told = driver.market.with_interval(Funding("v", "ETH/USDT:USDT", 0.1, 5.0, 9, 3))
    assert told.interval_ns == 4 * hour
    assert ("funding", 1.0) in venue.budget.taken


async def test_spot_has_no_funding() -> None:
    venue = Venue("spot")
    driver = await started(venue)
    assert await driver.fetch_funding(SPOT) is None
    with pytest.raises(CallerMistake):
        await driver.subscribe("funding", SPOT)
    await venue.end()
