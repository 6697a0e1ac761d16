"""Shelves: whatever happens between two looks, they stand as the book that is asked for, and tell every level that moved."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.paper.depth import LIFE
from drivers.paper.shelves import Shelf, Shelves
from tests.drivers.paper.clockwork import BTC, SPOT, T0, market_of, take

COUNT = 40


@settings(max_examples=30)
@given(
    looks=st.lists(st.integers(1, 400), min_size=1, max_size=12), symbol=st.sampled_from([BTC, SPOT, "PEPE/USDT:USDT"])
)
def test_shelves_are_the_book_that_is_asked_for(looks: list[int], symbol: str) -> None:
    """A look after any number of ticks; what it does not tell has not moved."""
    market = market_of(symbol)
    stream, now = market.streams[symbol], T0
    shelves = Shelves(stream, COUNT, lambda: now)
    for ticks in looks:
        now = max(now, take(market, ticks)[-1].time_ns)
        before = dict(shelves.bids), dict(shelves.asks)
        moved = shelves.turn()
        book = stream.orderbook(now, COUNT)
        assert shelves.bids == dict(book.bids)
        assert shelves.asks == dict(book.asks)
        assert (shelves.best_bid, shelves.best_ask) == (book.bids[0][0], book.asks[0][0])
        for was, told, side in zip(before, moved, (shelves.bids, shelves.asks), strict=True):
            assert {price for price in was.keys() | side if was.get(price) != side.get(price)} <= told


STEPS = st.lists(st.tuples(st.integers(-90, 90), st.integers(-(1 << LIFE), 2 << LIFE)), min_size=1, max_size=20)


@given(start=st.integers(1, 3_000), steps=STEPS, away=st.sampled_from([-1, 1]))
def test_a_shelf_follows_any_touch_and_any_clock(start: int, steps: list[tuple[int, int]], away: int) -> None:
    """Near zero there are fewer levels; a clock that is set back gives the sizes of that time."""
    stream = market_of(BTC).streams[BTC]
    value, lots, depth = stream.prices.value, stream.sizes.value, stream.depth
    shelf, best, now = Shelf(stream, away, 30), start, T0
    for moved, passed in steps:
        best, now = max(1, best + moved), now + passed
        shelf.turn(best, (value(best), 7.0), now)
        ladder = depth.ladder(best, away, 30, stream.spacing, now)
        assert shelf.levels == {value(best): 7.0} | {value(price): lots(size) for price, size in ladder[1:]}


def test_a_look_at_a_book_that_stands_still_moves_only_the_touch() -> None:
    """That is what shelves are for."""
    market = market_of(BTC)
    take(market, 10)
    shelves = Shelves(market.streams[BTC], 1_000, lambda: market.streams[BTC].next_ns)
    first_bids, first_asks = shelves.turn()
    assert len(first_bids) == len(first_asks) == 1_000
    assert shelves.turn() == ({shelves.best_bid}, {shelves.best_ask})
