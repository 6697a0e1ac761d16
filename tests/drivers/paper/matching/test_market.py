"""The market side: what is told of it, and which news count."""

from decimal import Decimal as D

import pytest

from ctosd.abi import CallerMistake
from tests.drivers.paper.matching.exchange import PERP, Venue, venue


def test_before_the_first_price_there_is_no_quote() -> None:
    v = venue()
    assert v.engine.quote(PERP) is None
    assert v.engine.quote("X/Y") is None
    assert (v.engine.orderbook(PERP, 5).bids, v.engine.orderbook(PERP, 5).asks) == ([], [])


def test_the_book_without_depth_is_the_touch_and_the_model_behind_it(v: Venue) -> None:
    """What is shown is what a taker gets."""
    book = v.engine.orderbook(PERP, 3)
    assert (book.bids, book.asks) == (
        [(100.0, 5.0), (99.0, 5.0), (98.0, 5.0)],
        [(101.0, 5.0), (102.0, 5.0), (103.0, 5.0)],
    )
    assert book.snapshot


def test_the_newer_of_book_and_quote_is_the_touch(v: Venue) -> None:
    v.book([(98.0, 1.0)], [(99.0, 2.0)])
    quote = v.engine.quote(PERP)
    assert quote is not None
    assert (quote.bid, quote.ask) == (98.0, 99.0)
    assert v.engine.orderbook(PERP, 1).asks == [(99.0, 2.0)]
    v.quote(97, 1, 98, 3)
    quote = v.engine.quote(PERP)
    assert quote is not None
    assert (quote.bid, quote.ask) == (97, 98)
    assert v.engine.orderbook(PERP, 2).asks == [(98.0, 3.0), (99.0, 2.0)]


def test_a_book_with_a_gap_is_not_used(v: Venue) -> None:
    """A delta is missing: back to the last quote."""
    v.book([(98.0, 1.0)], [(99.0, 2.0)])
    v.book([(98.0, 1.0)], [(99.0, 2.0)], snapshot=False)
    v.sequence += 5
    v.book([(98.0, 1.0)], [(99.0, 2.0)], snapshot=False)
    name = v.place("buy", "1")
    assert v.fills() == [(name, D(101), D(1))]


def test_prices_between_ticks_are_one_level(v: Venue) -> None:
    """The recorded market is finer than the listed tick: a taker pays the worse tick."""
    v.book([(100.0, 1.0)], [(100.2, 1.0), (100.7, 2.0), (101.3, 4.0)])
    name = v.place("buy", "5")
    assert v.fills() == [(name, D(101), D(3)), (name, D(102), D(2))]


def test_a_bar_gives_a_quote_around_its_close() -> None:
    v = venue(bar_spread=0.02)
    v.bar(100, 100, 100, 100, volume=7)
    quote = v.engine.quote(PERP)
    assert quote is not None
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (99.0, 7.0, 101.0, 7.0)


def test_a_one_sided_quote_leaves_the_other_side_empty() -> None:
    v = venue()
    v.quote(100, 5, 101, 5)
    v.place("buy", "1", "90")
    v.quote(100, 5, float("inf"), 0)
    name = v.place("buy", "1")
    assert v.state(name) == "cancelled"
    name = v.place("sell", "1")
    assert v.state(name) == "filled"


def test_an_unlisted_book_is_a_mistake(v: Venue) -> None:
    with pytest.raises(CallerMistake, match="X/Y"):
        v.engine.orderbook("X/Y", 1)


def test_the_edges_follow_the_best_own_orders(v: Venue) -> None:
    """Half a tick within the best own prices, and open again when the orders are gone."""
    market = v.engine._markets[PERP]
    assert market.idle
    buy, sell = v.place("buy", "1", "95"), v.place("sell", "1", "107")
    assert (market.low, market.high) == (95.5, 106.5)
    v.amend(buy, price="96")
    assert market.low == 96.5
    v.cancel(buy)
    v.cancel(sell)
    assert market.idle
