"""The venue's board: streams on their topics, klines, and what is derived where the market tells less."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ctosd.abi import Bar, BookDelta, CallerMistake, Funding, NotReady, Quote, Trade
from tests.drivers.paper.clockwork import BTC, ETH, MINUTE, SECOND, T0, ListFeed, World, bars, recorded, venue


async def test_streams_flow_on_their_topics() -> None:
    """Quotes, trades, books, bars and funding of a subscribed symbol come; a symbol that nobody wanted does not."""
    world = World(now_ns=T0 + 30 * SECOND)
    driver = await venue(world)
    for channel in ("quotes", "trades", "book", "funding"):
        await driver.subscribe(channel, BTC)
    await driver.subscribe("bars", BTC, "1m")
    await driver.subscribe("bars", BTC, "5m")
    world.clock.run(300)
    counts = {
        name: len(world.on(f"{name}/paper/BTC-USDT:USDT"))
        for name in ("quotes", "trades", "book", "funding", "bars.1m")
    }
    assert counts["quotes"] > 2_000
    assert counts["trades"] > 1_000
    assert counts["book"] > 2_000
    assert counts["funding"] >= 30
    assert counts["bars.1m"] == 5
    assert len(world.on("bars.5m/paper/BTC-USDT:USDT")) == 1
    assert {topic.rpartition("/")[2] for topic, _ in world.heard} == {"BTC-USDT:USDT"}
    snapshot = await driver.fetch_orderbook(BTC, 5)
    assert snapshot.snapshot
    assert len(snapshot.bids) == len(snapshot.asks) == 5
    assert isinstance(await driver.fetch_funding(BTC), Funding)
    assert await driver.fetch_funding("BTC/USDT") is None


async def test_klines_answer_at_once_and_join_on_to_the_live_ones() -> None:
    """300 closed bars exist before the first tick; later ones follow without a hole."""
    world = World(now_ns=T0 + 30 * SECOND)
    driver = await venue(world)
    past = await driver.fetch_klines(BTC, "1m", 1_000)
    assert len(past) == 300
    assert past[-1].time_ns == T0
    assert len(await driver.fetch_klines(BTC, "5m", 20)) == 20
    world.clock.run(180)
    now = await driver.fetch_klines(BTC, "1m", 1_000)
    assert len(now) == 303
    assert list(now[:300]) == list(past)
    assert all(after.open_ns == before.time_ns for before, after in pairwise(now))
    assert abs(now[300].open / past[-1].close - 1) < 0.001
    chosen = await driver.fetch_klines(BTC, "1m", 10, start_ns=T0 - 5 * MINUTE, end_ns=T0)
    assert [bar.open_ns for bar in chosen] == [T0 - i * MINUTE for i in (5, 4, 3, 2, 1)]


async def test_bars_give_quotes_to_who_wants_them() -> None:
    """A quote around each close comes before its bar, on the grid and as wide as the rules say; without a wish there is none."""
    world = World(virtual=True, now_ns=0)
    world.feeds["x"] = ListFeed(bars([60_000.0, 60_100.0]))
    driver = await venue(world, recorded(bars={"spread": 0.001}))
    await driver.subscribe("bars", BTC, "1m")
    world.pump(1)
    assert world.on("quotes/paper/BTC-USDT:USDT") == []
    await driver.subscribe("quotes", BTC)
    await driver.subscribe("quotes", BTC)
    world.heard.clear()
    world.pump()
    kinds = [type(event) for topic, event in world.heard if "BTC" in topic]
    assert kinds == [Quote, Bar, Quote, Bar]
    last = world.on("quotes/paper/BTC-USDT:USDT")[-1]
    assert (last.bid, last.ask) == (60_069.9, 60_130.1)
    asked = await driver.fetch_quote(BTC)
    assert (asked.bid, asked.ask) == (last.bid, last.ask)


async def test_recorded_minutes_make_five_minutes() -> None:
    """A larger timeframe than the recorded one is built and published; a smaller one is refused."""
    world = World(virtual=True, now_ns=0)
    start = T0 // (5 * MINUTE) * 5 * MINUTE
    world.feeds["x"] = ListFeed(bars([60_000.0 + i for i in range(10)], start_ns=start))
    driver = await venue(world, recorded())
    await driver.subscribe("bars", BTC, "5m")
    with pytest.raises(CallerMistake, match="1m bars"):
        await driver.subscribe("bars", BTC, "15s")
    world.pump()
    assert [bar.close for bar in world.on("bars.5m/paper/BTC-USDT:USDT")] == [60_004.0, 60_009.0]


async def test_recorded_trades_and_books_give_quotes_and_bars() -> None:
    """Where only trades, or only a book, were recorded, quotes are derived and bars are built."""
    world = World(virtual=True, now_ns=0)
    trades = [(T0 + i * SECOND, Trade("paper", ETH, 3_000.0 + i, 1.0, "buy", T0 + i * SECOND)) for i in range(130)]
    book = [
        (T0, BookDelta("paper", BTC, [(60_000.0, 1.0)], [(60_001.0, 2.0)], T0, last_id=1, snapshot=True)),
        (T0 + 1, BookDelta("paper", BTC, [(59_999.0, 9.0)], [], T0 + 1, first_id=2, last_id=2, prev_id=1)),
        (T0 + 2, BookDelta("paper", BTC, [(60_000.5, 1.0)], [], T0 + 2, first_id=3, last_id=3, prev_id=2)),
    ]
    world.feeds["t"], world.feeds["b"] = ListFeed(trades), ListFeed(book)
    driver = await venue(world, recorded(market={"feeds": [{"path": "t"}, {"path": "b"}]}))
    for symbol in (BTC, ETH):
        await driver.subscribe("quotes", symbol)
    await driver.subscribe("bars", ETH, "1m")
    world.pump()
    stamps = [event.time_ns for _, event in world.heard]
    assert stamps[:4] == sorted(stamps[:4])
    assert [(q.bid, q.ask) for q in world.on("quotes/paper/BTC-USDT:USDT")] == [
        (60_000.0, 60_001.0),
        (60_000.5, 60_001.0),
    ]
    derived = world.on("quotes/paper/ETH-USDT:USDT")
    assert len(derived) == 130
    assert all(quote.bid < 3_000.0 + i < quote.ask for i, quote in enumerate(derived))
    assert [bar.close for bar in world.on("bars.1m/paper/ETH-USDT:USDT")] == [3_059.0, 3_119.0]
    assert (await driver.fetch_orderbook(BTC, 5)).bids[0] == (60_000.5, 1.0)


async def test_a_symbol_without_a_price_is_not_ready() -> None:
    """An instrument of which the data tells nothing has no quote, and says so."""
    world = World(virtual=True)
    world.feeds["x"] = ListFeed(bars([60_000.0]))
    driver = await venue(world, recorded(instruments={ETH: {}}))
    with pytest.raises(NotReady, match="no price"):
        await driver.fetch_quote(ETH)
