"""Public REST: books in the venue's odd order, bars by pages, funding, time, status."""

from collections import deque
from typing import Any

import pytest

from ctosd.abi import BookDelta, CallerMistake, Funding, NoAnswer, NotReady, Quote
from drivers.backpack.instants import from_text
from drivers.backpack.listing import Fees
from drivers.backpack.marketdata import MarketData, step_of
from drivers.backpack.rest import Rest
from drivers.backpack.wire import Decoder
from tests.drivers.backpack.exchange import SECOND, SOL, SOL_SPOT, T0, Call, World, config, listing

MINUTE = 60 * SECOND
DEPTH = {
    "asks": [["98.97", "22.39"], ["98.98", "1"], ["99.10", "0.00"]],
    "bids": [["98.90", "5"], ["98.95", "159.9"], ["98.96", "288.77"]],
    "lastUpdateId": "4330360994",
    "timestamp": 1788367430247487,
}


def data(world: World) -> MarketData:
    listed = listing()
    return MarketData(
        Rest("http://127.0.0.1:1", config(), world.ports),
        listed,
        Decoder("backpack", lambda: listed.by_native),
        world.clock,
    )


async def test_books_come_worst_bid_first() -> None:
    """The best bid is the last one; levels without size are none; the id and the time are the venue's."""
    world = World()
    world.web.answers["GET /api/v1/depth"] = DEPTH
    made = data(world)
    book = await made.book(SOL, 2)
    assert book == BookDelta("backpack", SOL, [(98.96, 288.77), (98.95, 159.9)], [(98.97, 22.39), (98.98, 1.0)],
                             1788367430247487_000, last_id=4330360994, snapshot=True)  # fmt: skip
    assert world.web.calls[-1].query == {"limit": "5", "symbol": "SOL_USDC_PERP"}
    quote = await made.quote(SOL_SPOT)
    assert quote == Quote("backpack", SOL_SPOT, 98.96, 288.77, 98.97, 22.39, 1788367430247487_000)


def test_depths_of_the_venue() -> None:
    assert [step_of(level) for level in (1, 5, 6, 20, 21, 100, 101, 999, 5_000)] == [
        5,
        5,
        10,
        20,
        50,
        100,
        500,
        1000,
        1000,
    ]


async def test_half_a_book_is_no_quote() -> None:
    world = World()
    world.web.answers["GET /api/v1/depth"] = {**DEPTH, "bids": []}
    with pytest.raises(NotReady, match="no bid"):
        await data(world).quote(SOL)
    with pytest.raises(CallerMistake):
        await data(world).book(SOL, 0)
    world.web.answers["GET /api/v1/depth"] = b"<html>"
    with pytest.raises(NotReady, match="cannot be read"):
        await data(world).book(SOL, 5)


def rows(first_s: int, count: int, step_s: int = 60) -> list[dict[str, Any]]:
    from datetime import UTC, datetime

    def text(second: int) -> str:
        return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")

    return [
        {"start": text(first_s + i * step_s), "end": text(first_s + (i + 1) * step_s), "open": "10", "high": "12",
         "low": "9", "close": "11", "volume": "5", "quoteVolume": "55", "trades": "2"}
        for i in range(count)
    ]  # fmt: skip


def serve(call: Call) -> list[dict[str, Any]]:
    """What the venue would answer: every bar of the range, the open one included, the newest first."""
    start, end = int(call.query["startTime"]), int(call.query["endTime"])
    first = -(-start // 60) * 60
    assert (end - start) // 60 <= 1_000
    return rows(first, max(0, (end - first) // 60 + 1))[::-1]


async def test_bars_are_closed_and_oldest_first() -> None:
    world = World()
    world.web.answers["GET /api/v1/klines"] = serve
    bars = await data(world).klines(SOL, "1m", 5, 0, 0)
    assert [bar.time_ns for bar in bars] == [T0 - i * MINUTE for i in (4, 3, 2, 1, 0)]
    assert all(bar.time_ns - bar.open_ns == MINUTE for bar in bars)
    (call,) = world.web.calls
    assert call.query["interval"] == "1m"
    assert len(call.query["startTime"]) == 10


async def test_long_ranges_take_pages_and_the_scarce_limit() -> None:
    """2500 bars take three calls, each of at most 1000 rows, each from the pool of 30 a minute."""
    world = World()
    world.web.answers["GET /api/v1/klines"] = serve
    bars = await data(world).klines(SOL, "1m", 2_500, 0, T0 - 30 * SECOND)
    assert len(bars) == 2_500
    assert [bar.open_ns for bar in bars] == list(range(bars[0].open_ns, bars[0].open_ns + 2_500 * MINUTE, MINUTE))
    assert bars[-1].time_ns == T0 - MINUTE
    assert len(world.web.calls) == 3
    assert world.budget.buckets.statistics()["bp.hist@public"]["taken"] == 3


async def test_a_range_is_kept_to() -> None:
    world = World()
    world.web.answers["GET /api/v1/klines"] = serve
    made = data(world)
    bars = await made.klines(SOL, "1m", 100, T0 - 10 * MINUTE, T0 - 5 * MINUTE)
    assert (len(bars), bars[0].open_ns, bars[-1].time_ns) == (5, T0 - 10 * MINUTE, T0 - 5 * MINUTE)
    newest = await made.klines(SOL, "1m", 2, T0 - 10 * MINUTE, T0 - 5 * MINUTE)
    assert [bar.time_ns for bar in newest] == [T0 - 6 * MINUTE, T0 - 5 * MINUTE]
    assert await made.klines(SOL, "1m", 0, 0, 0) == ()


async def test_empty_and_impossible_rows_are_left_out() -> None:
    """Null prices are buckets without trades; a high below the low is counted."""
    world = World()
    first = T0 // SECOND - 180
    three = rows(first, 3)
    three[0].update(dict.fromkeys(("open", "high", "low", "close")))
    three[1]["high"] = "1"
    world.web.answers["GET /api/v1/klines"] = three
    bars = await data(world).klines(SOL, "1m", 3, 0, 0)
    assert [bar.open_ns for bar in bars] == [T0 - MINUTE]


async def test_both_forms_of_text_times() -> None:
    assert from_text("2025-07-19 13:09:00") == from_text("2025-07-19T13:09:00")


async def test_funding() -> None:
    """Always a list, also for one market; spot has none; the time of the next payment is in ms."""
    world = World()
    mark = {"fundingRate": "0.0001", "indexPrice": "1000", "markPrice": "1001", "nextFundingTimestamp": 1609488000000,
            "symbol": "SOL_USDC_PERP"}  # fmt: skip
    world.web.answers["GET /api/v1/markPrices"] = [{**mark, "symbol": "BTC_USDC_PERP", "markPrice": "5"}, mark]
    made = data(world)
    eight = 8 * 3_600 * SECOND
    assert await made.funding(SOL) == Funding("backpack", SOL, 0.0001, 1001.0, 1609488000 * SECOND, T0, eight)
    assert await made.funding(SOL_SPOT) is None
    world.web.answers["GET /api/v1/markPrices"] = []
    with pytest.raises(NotReady):
        await made.funding(SOL)


async def test_the_clock_is_bare_text() -> None:
    world = World()
    world.web.answers["GET /api/v1/time"] = (200, str((T0 + 250 * SECOND) // 10**6).encode())
    reading = await data(world).clock()
    assert (reading.offset_ns, reading.round_trip_ns) == (250 * SECOND, 0)
    world.web.answers["GET /api/v1/time"] = (200, b"pong")
    with pytest.raises(NotReady):
        await data(world).clock()


async def test_status() -> None:
    world = World()
    made = data(world)
    assert await made.maintenance() == ""
    world.web.answers["GET /api/v1/status"] = deque([
        {"status": "Maintenance", "message": "back at noon"},
        {"status": "Maintenance", "message": None},
        (503, {"code": "MAINTENANCE", "message": "upgrade"}),
        NoAnswer("reset"),
    ])  # fmt: skip
    assert [await made.maintenance() for _ in range(3)] == ["back at noon", "Maintenance", "upgrade"]
    with pytest.raises(NoAnswer):
        await made.maintenance()


async def test_a_list_of_markets_that_cannot_be_read() -> None:
    world = World()
    for answer in (b"<html>", [], [{"symbol": "X"}]):
        world.web.answers["GET /api/v1/markets"] = (200, answer)
        with pytest.raises(NotReady):
            await data(world).load(Fees())
