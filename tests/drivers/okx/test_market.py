"""Streams: who is subscribed where, books that stay true, bars without holes."""

from typing import Any

import pytest

from ctosd.abi import Bar, BookDelta, CallerMistake, Funding, NotReady, Quote, Trade
from tests.drivers.okx.scripted import PERP, SPOT, World, push, virtual

SWAP = {"instId": "BTC-USDT-SWAP"}
BOOKS = "/api/v5/market/books"


def book(action: str, seq: int, prev: int, bid: str = "100", ask: str = "101", ts: int = 5) -> dict[str, Any]:
    row = {
        "bids": [[bid, "10", "0", "1"]],
        "asks": [[ask, "10", "0", "1"]],
        "ts": str(ts),
        "seqId": seq,
        "prevSeqId": prev,
    }
    return {"arg": {"channel": "books", **SWAP}, "action": action, "data": [row]}


def candle(minute: int, confirm: str = "1") -> list[str]:
    return [str(1_699_999_200_000 + minute * 60_000), "10", "12", "9", "11", "100", "1", "11", confirm]


@virtual
async def test_each_channel_has_its_stream() -> None:
    world = World()
    driver = await world.started()
    for channel in ("quotes", "trades", "book", "funding"):
        await driver.subscribe(channel, PERP)  # type: ignore[arg-type]
        await driver.subscribe(channel, PERP)  # type: ignore[arg-type]
    await driver.subscribe("bars", SPOT, "1d")
    names = ["bbo-tbt", "trades", "books", "funding-rate", "mark-price"]
    assert world.sessions["public"].wants == ["status", *(f"{name}:BTC-USDT-SWAP" for name in names)]
    assert world.sessions["business"].wants == ["candle1Dutc:BTC-USDT"]
    with pytest.raises(CallerMistake):
        await driver.subscribe("quotes", "X/Y")
    with pytest.raises(CallerMistake, match="spot"):
        await driver.subscribe("funding", SPOT)
    await world.close(driver)


@virtual
async def test_events_flow_on_their_topics() -> None:
    world = World(quotes="tickers")
    driver = await world.started()
    for channel in ("quotes", "trades", "funding"):
        await driver.subscribe(channel, PERP)  # type: ignore[arg-type]
    public = world.sessions["public"]
    public.hear(push("tickers", {"bidPx": "1", "bidSz": "2", "askPx": "2", "askSz": "3", "ts": "5"}, **SWAP))
    public.hear(push("trades", {"tradeId": "7", "px": "1", "sz": "2", "side": "buy", "ts": "5"}, **SWAP))
    public.hear(push("mark-price", {**SWAP, "markPx": "9", "ts": "5"}, **SWAP))
    public.hear(push("funding-rate", {**SWAP, "fundingRate": "0.1", "fundingTime": "8", "ts": "7"}, **SWAP))
    assert [type(event) for event in world.on("quotes/okx/BTC-USDT:USDT")] == [Quote]
    assert [type(event) for event in world.on("trades/okx/BTC-USDT:USDT")] == [Trade]
    assert [type(event) for event in world.on("funding/okx/BTC-USDT:USDT")] == [Funding]
    await world.close(driver)


def told(world: World) -> list[BookDelta]:
    return world.on("book/okx/BTC-USDT:USDT")


@virtual
async def test_a_gap_asks_for_a_new_subscription() -> None:
    world = World()
    driver = await world.started()
    await driver.subscribe("book", PERP)
    public = world.sessions["public"]
    public.hear(book("snapshot", 10, -1))
    public.hear(book("update", 12, 10, bid="99"))
    assert [(event.snapshot, event.last_id) for event in told(world)] == [(True, 10), (False, 12)]
    public.hear(book("update", 20, 19))
    assert [act[:2] for act in public.acts] == [("resubscribe", "books:BTC-USDT-SWAP")]
    assert len(told(world)) == 2
    public.hear(book("snapshot", 30, -1))
    assert told(world)[-1].snapshot
    assert len(world.log.events("okx_book_lost")) == 1
    await world.close(driver)


@virtual
async def test_a_stream_without_a_snapshot_is_given_one_by_rest() -> None:
    world = World()
    driver = await world.started()
    await driver.subscribe("book", PERP)
    public = world.sessions["public"]
    world.http.on(
        BOOKS, [{"bids": [["100", "10", "0", "1"]], "asks": [["101", "10", "0", "1"]], "ts": "5", "seqId": 13}]
    )
    for seq in range(11, 15):
        public.hear(book("update", seq, seq - 1))
        await world.turn(2)
    assert world.http.to(BOOKS)[0].query == {"instId": "BTC-USDT-SWAP", "sz": "400"}
    assert told(world)
    assert told(world)[0].snapshot
    public.hear(book("update", 15, 14))
    assert told(world)[-1].last_id == 15
    await world.close(driver)


@virtual
async def test_a_lost_connection_forgets_the_books() -> None:
    world = World()
    driver = await world.started()
    await driver.subscribe("book", PERP)
    public = world.sessions["public"]
    public.hear(book("snapshot", 10, -1))
    public.drop()
    public.connect(resumed=True)
    public.hear(book("update", 12, 10))
    assert len(told(world)) == 1, "nothing is told of a book that was not told whole"
    public.hear(book("snapshot", 5, -1))
    assert [event.last_id for event in told(world)] == [10, 5]
    await world.close(driver)


@virtual
async def test_a_book_that_stays_crossed_is_asked_for_again() -> None:
    world = World()
    driver = await world.started()
    await driver.subscribe("book", PERP)
    public = world.sessions["public"]
    public.hear(book("snapshot", 10, -1))
    public.hear(book("update", 11, 10, bid="105"))
    await world.turn(5)
    assert any(act[0] == "resubscribe" for act in public.acts)
    await world.close(driver)


@virtual
async def test_closed_bars_once_and_in_order() -> None:
    world = World()
    driver = await world.started()
    await driver.subscribe("bars", PERP, "1m")
    business = world.sessions["business"]
    for row in (candle(0, "0"), candle(0), candle(0), candle(1)):
        business.hear(push("candle1m", row, **SWAP))
    bars = world.on("bars.1m/okx/BTC-USDT:USDT")
    assert [(bar.open_ns - bars[0].open_ns) // 60_000_000_000 for bar in bars] == [0, 1]
    assert all(isinstance(bar, Bar) for bar in bars)
    await world.close(driver)


@virtual
async def test_bars_that_were_missed_are_fetched_before_the_next() -> None:
    """After a lost connection, and where a bar is skipped."""
    world = World()
    driver = await world.started()
    await driver.subscribe("bars", PERP, "1m")
    business = world.sessions["business"]
    business.hear(push("candle1m", candle(0), **SWAP))
    world.http.on("/api/v5/market/candles", [candle(3, "0"), candle(2), candle(1), candle(0)])
    world.http.on("/api/v5/market/history-candles", [])
    business.hear(push("candle1m", candle(3), **SWAP))
    await world.turn(1)
    assert len(world.on("bars.1m/okx/BTC-USDT:USDT")) == 4
    business.drop()
    world.http.on("/api/v5/market/candles", [candle(5), candle(4), candle(3)])
    business.connect(resumed=True)
    await world.turn(1)
    bars = world.on("bars.1m/okx/BTC-USDT:USDT")
    assert [(bar.open_ns - bars[0].open_ns) // 60_000_000_000 for bar in bars] == [0, 1, 2, 3, 4, 5]
    await world.close(driver)


@virtual
async def test_a_silent_stream_is_bridged_by_rest() -> None:
    world = World()
    driver = await world.started()
    await driver.subscribe("quotes", PERP)
    world.http.on("/api/v5/market/ticker", [{"bidPx": "1", "bidSz": "2", "askPx": "2", "askSz": "3", "ts": "5"}])
    await world.sessions["public"].dialect.bridge("bbo-tbt:BTC-USDT-SWAP")
    assert len(world.on("quotes/okx/BTC-USDT:USDT")) == 1
    world.http.on("/api/v5/market/ticker", (500, b""))
    with pytest.raises(NotReady):
        await world.sessions["public"].dialect.bridge("bbo-tbt:BTC-USDT-SWAP")
    await world.sessions["public"].dialect.bridge("trades:BTC-USDT-SWAP")
    await world.close(driver)


@virtual
async def test_before_the_start_nothing_can_be_subscribed() -> None:
    world = World()
    driver = world.driver()
    driver._listing.adopt(
        [
            b'{"instId":"A-B","instType":"SPOT","baseCcy":"A","quoteCcy":"B","tickSz":"1","lotSz":"1","minSz":"1","state":"live"}'
        ]
    )
    with pytest.raises(NotReady, match="not connected"):
        await driver.subscribe("quotes", "A/B")
