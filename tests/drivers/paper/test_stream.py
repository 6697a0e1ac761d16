"""One synthetic symbol: on the grid, trades at the touch, a book that can be rebuilt, funding."""

from __future__ import annotations

from itertools import pairwise

from ctosd.abi import BookDelta, Funding, Quote, Trade, exact
from tests.drivers.paper.clockwork import BTC, SPOT, market_of, take


def test_prices_and_sizes_lie_on_the_grid() -> None:
    """Every price is a multiple of the tick, every size of the lot, the spread is positive, sizes are too."""
    market = market_of(BTC, "XRP/USDT:USDT", "PEPE/USDT:USDT", SPOT)
    for symbol in list(market.streams):
        market.streams[symbol].open_book()
    for event in take(market, 4_000):
        instrument = market.streams[event.symbol].instrument
        if isinstance(event, Quote):
            assert 0 < event.bid < event.ask
            levels = [(event.bid, event.bid_size), (event.ask, event.ask_size)]
        elif isinstance(event, Trade):
            levels = [(event.price, event.size)]
        elif isinstance(event, BookDelta):
            levels = [level for level in event.bids + event.asks if level[1]]
        else:
            continue
        for price, size in levels:
            assert instrument.on_tick(exact(price))
            assert instrument.on_lot(exact(size))
            assert size > 0


def test_trades_happen_at_the_touch() -> None:
    """A buyer pays the ask and a seller gets the bid of the quote before, and never more than stands there."""
    events = take(market_of(BTC), 3_000)
    sides = set()
    for quote, trade in pairwise(events):
        if isinstance(trade, Trade) and isinstance(quote, Quote):
            sides.add(trade.side)
            at = (quote.ask, quote.ask_size) if trade.side == "buy" else (quote.bid, quote.bid_size)
            assert trade.price == at[0]
            assert trade.size <= at[1] + 1e-9
    assert sides == {"buy", "sell"}


def test_book_deltas_rebuild_the_book() -> None:
    """Applying deltas to the first snapshot gives the book that is asked for, and ids hang together."""
    market = market_of(BTC)
    stream = market.streams[BTC]
    stream.open_book()
    books = [event for event in take(market, 700) if isinstance(event, BookDelta)]
    assert books[0].snapshot
    sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
    for before, book in zip([None, *books], books, strict=False):
        if book.snapshot:
            sides = (dict(book.bids), dict(book.asks))
            continue
        assert before is not None
        assert book.prev_id == before.last_id
        for side, levels in zip(sides, (book.bids, book.asks), strict=True):
            for price, size in levels:
                if size:
                    side[price] = size
                else:
                    del side[price]
    assert max(sides[0]) < min(sides[1])
    assert len(sides[0]) == len(sides[1]) == 20
    asked = stream.orderbook(books[-1].time_ns)
    # The touch may have been eaten from since; everything behind it stands.
    assert dict(asked.bids[1:]).items() <= sides[0].items()
    assert dict(asked.asks[1:]).items() <= sides[1].items()


def test_funding_follows_and_names_its_next_time() -> None:
    """Perpetuals tell a bounded rate whose next time lies on the interval; spot tells none."""
    events = take(market_of(BTC, SPOT), 20_000)
    funding = [event for event in events if isinstance(event, Funding)]
    assert len(funding) > 10
    assert {event.symbol for event in funding} == {BTC}
    for event in funding:
        assert abs(event.rate) <= 0.0075
        assert event.next_ns > event.time_ns
        assert event.next_ns % event.interval_ns == 0
