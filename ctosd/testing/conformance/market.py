"""Checks 1 to 15: what a driver says of itself and of its market."""

from __future__ import annotations

from dataclasses import is_dataclass

from ctosd.abi import CHANNELS, Bar, BookDelta, CallerMistake, Funding, Manifest, Misconfigured, NotReady, Quote, Trade
from ctosd.abi.instruments import split_symbol
from ctosd.core.bars import timeframe_ns
from ctosd.core.book import Book, Rule
from ctosd.testing.conformance.check import Unfit, check
from ctosd.testing.conformance.world import World

NEAR_NS = 10_000_000_000


@check(
    1, "The manifest names the driver, documents its configuration and declares limits that can be met.", start=False
)
async def the_manifest_is_whole(world: World) -> None:
    manifest = world.driver.manifest
    assert isinstance(manifest, Manifest)
    assert manifest.name
    assert manifest.documentation
    assert is_dataclass(manifest.config)
    names = [limit.name for limit in manifest.limits]
    assert names
    assert len(set(names)) == len(names)
    for limit in manifest.limits:
        assert limit.capacity > limit.reserve >= 0
        assert limit.rate > 0


@check(2, "After `start` instruments are known: unified symbols, positive ticks and lots, sizes on the lot.")
async def instruments_are_known(world: World) -> None:
    instruments = world.driver.instruments()
    assert instruments
    assert len({each.symbol for each in instruments}) == len(instruments)
    for each in instruments:
        base, quote, settle = split_symbol(each.symbol)
        assert (each.base, each.quote) == (base, quote)
        assert each.kind == ("perp" if settle else "spot")
        assert each.tick > 0
        assert each.lot > 0
        assert each.min_size >= 0
        assert each.on_lot(each.min_size)
        assert each.native
        assert each.venue == world.subject.venue


@check(3, "Starting twice changes nothing.")
async def starting_twice_is_harmless(world: World) -> None:
    before = len(world.driver.instruments())
    await world.driver.start()
    assert len(world.driver.instruments()) == before
    await world.driver.subscribe("quotes", world.symbol)
    await world.until(lambda: world.on("quotes"))


@check(4, "Quotes flow: bid below ask, sizes in base units, the venue's time near ours.")
async def quotes_flow(world: World) -> None:
    await world.driver.subscribe("quotes", world.symbol)
    await world.until(lambda: len(world.on("quotes")) > 5)
    for quote in world.on("quotes"):
        assert isinstance(quote, Quote)
        assert 0 < quote.bid < quote.ask
        assert quote.bid_size > 0
        assert quote.ask_size > 0
        assert (quote.venue, quote.symbol) == (world.subject.venue, world.symbol)
    assert abs(world.on("quotes")[-1].time_ns - world.clock.now_ns()) < NEAR_NS


@check(5, "Trades flow, each once, near the quotes.")
async def trades_flow(world: World) -> None:
    await world.driver.subscribe("trades", world.symbol)
    await world.until(lambda: len(world.on("trades")) > 5, 120)
    trades = world.on("trades")
    assert all(isinstance(trade, Trade) and trade.price > 0 and trade.size > 0 for trade in trades)
    ids = [trade.trade_id for trade in trades if trade.trade_id]
    assert len(set(ids)) == len(ids)
    price = float(await world.price())
    assert abs(trades[-1].price / price - 1) < 0.02


@check(6, "A book begins with a snapshot, goes on without a gap, and is the venue's book.")
async def books_are_right(world: World) -> None:
    await world.driver.subscribe("book", world.symbol)
    await world.until(lambda: len(world.on("book")) > 20, 60)
    book = follow(world)
    assert book.live
    await world.pass_s(3)
    shown = await world.driver.fetch_orderbook(world.symbol, 5)
    await world.pass_s(1)
    again = follow(world)
    assert again.levels("buy", 1)
    bid, ask = shown.bids[0][0], shown.asks[0][0]
    assert abs(again.levels("buy", 1)[0][0] / bid - 1) < 0.01
    assert abs(again.levels("sell", 1)[0][0] / ask - 1) < 0.01


def follow(world: World) -> Book:
    """The book that a subscriber of this world's stream has."""
    book = Book(world.subject.venue, world.symbol, Rule(chain="none"))
    deltas: list[BookDelta] = world.on("book")
    assert deltas[0].snapshot, "the first word of a book must be a snapshot"
    for delta in deltas:
        if delta.snapshot:
            book.reset()
        verdict = book.apply(delta)
        assert verdict == "", f"{verdict} at {delta.last_id}"
    return book


@check(7, "Closed bars flow once each, on their grid, oldest first.")
async def bars_are_closed(world: World) -> None:
    await world.driver.subscribe("bars", world.symbol, "1m")
    await world.until(lambda: len(world.on("bars", "1m")) >= 3, 300)
    bars: list[Bar] = world.on("bars", "1m")
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.open_ns % timeframe_ns("1m") == 0
        assert bar.time_ns == bar.open_ns + timeframe_ns("1m") <= world.clock.now_ns()
    opens = [bar.open_ns for bar in bars]
    assert opens == sorted(set(opens))


@check(8, "`fetch_klines` gives closed bars, oldest first, at most as many as asked, within the range.")
async def klines_are_closed_and_ordered(world: World) -> None:
    await world.driver.subscribe("bars", world.symbol, "1m")
    await world.pass_s(400)
    bars = await world.driver.fetch_klines(world.symbol, "1m", 5)
    assert 0 < len(bars) <= 5
    opens = [bar.open_ns for bar in bars]
    assert opens == sorted(set(opens))
    assert bars[-1].time_ns <= world.clock.now_ns() < bars[-1].time_ns + 2 * timeframe_ns("1m")
    end_ns = bars[-2].open_ns
    earlier = await world.driver.fetch_klines(world.symbol, "1m", 2, 0, end_ns)
    assert all(bar.open_ns < end_ns for bar in earlier)


@check(9, "The funding of a perpetual has its next time; spot has none.")
async def funding_is_told(world: World) -> None:
    if world.subject.spot:
        assert await world.driver.fetch_funding(world.subject.spot) is None
    if not world.subject.perp:
        raise Unfit("no perpetual is examined")
    funding = await world.driver.fetch_funding(world.subject.perp)
    if funding is None and world.driver.manifest.simulated:
        raise Unfit("this market tells no funding")
    assert isinstance(funding, Funding)
    assert world.clock.now_ns() < funding.next_ns <= world.clock.now_ns() + 25 * 3600 * 10**9
    assert abs(funding.rate) < 0.05
    assert funding.mark > 0
    assert funding.interval_ns > 0


@check(10, "Asking twice for a stream does not double it.")
async def a_stream_is_shared(world: World) -> None:
    for _ in range(2):
        await world.driver.subscribe("trades", world.symbol)
    await world.until(lambda: len(world.on("trades")) > 10, 240)
    trades = [(trade.trade_id, trade.time_ns, trade.price, trade.size) for trade in world.on("trades")]
    assert len(set(trades)) == len(trades)


@check(11, "`fetch_quote` and `fetch_orderbook` are ordered, best first, and no deeper than asked.")
async def questions_are_answered(world: World) -> None:
    quote = await world.driver.fetch_quote(world.symbol)
    assert 0 < quote.bid < quote.ask
    for level in (1, 5, 17):
        book = await world.driver.fetch_orderbook(world.symbol, level)
        bids, asks = [price for price, _ in book.bids], [price for price, _ in book.asks]
        assert 1 <= len(bids) <= level
        assert 1 <= len(asks) <= level
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]
        assert book.snapshot


@check(12, "Each channel works on each kind of instrument, or is refused with a reason.")
async def channels_work_on_each_kind(world: World) -> None:
    for symbol in filter(None, (world.subject.perp, world.subject.spot)):
        for channel in CHANNELS:
            try:
                await world.driver.subscribe(channel, symbol, "1m" if channel == "bars" else "")
            except (CallerMistake, NotReady) as error:
                assert str(error), f"{channel} of {symbol} is refused without a word"
        await world.until(lambda symbol=symbol: world.on("quotes", symbol=symbol), 30, f"quotes of {symbol}")  # type: ignore[misc]


@check(13, "A symbol that the venue does not list is a caller's mistake.")
async def strange_symbols_are_refused(world: World) -> None:
    try:
        await world.driver.subscribe("quotes", "NOSUCH/USDT:USDT")
    except CallerMistake as error:
        assert "NOSUCH" in str(error)
    else:
        raise AssertionError("a symbol that does not exist was subscribed")


@check(14, "`price_stream` names a stream that flows.")
async def the_price_stream_flows(world: World) -> None:
    channel, timeframe = world.driver.price_stream(world.symbol)
    await world.driver.subscribe(channel, world.symbol, timeframe)
    await world.until(lambda: world.on(channel, timeframe), 90)


@check(15, "Statistics are plain values, also before the start.", start=False)
async def statistics_are_plain(world: World) -> None:
    import msgspec

    msgspec.json.encode(world.driver.statistics())
    await world.start()
    await world.driver.subscribe("quotes", world.symbol)
    await world.pass_s(5)
    msgspec.json.encode(world.driver.statistics())
    for url in world.driver.endpoints().values():
        assert "://" in url
    try:
        reading = await world.driver.fetch_clock()
    except Misconfigured as error:  # pragma: no cover
        raise AssertionError("the clock cannot be asked") from error
    assert abs(reading.offset_ns) < NEAR_NS
