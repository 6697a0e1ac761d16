"""The market side of one symbol: what strangers show, what of it our takers took, and the edges of the fast path."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from math import inf
from typing import Any, Literal

from ctosd.abi import Bar, BookDelta, Funding, Instrument, Quote, Side, Trade
from ctosd.core.book import Book
from drivers.paper.matching.grid import LARGE, UNBOUND, Grid, sane
from drivers.paper.matching.ladder import Ladder
from drivers.paper.matching.rules import Rules

Level = tuple[int, int]
"""(price in ticks, size in lots)"""
Source = Literal["book", "quote", "trade", "bar", ""]
KNOWN_DEPTH = 50
"""Levels of a book within which a price without size is empty, and beyond which it is unknown."""
SIGN: dict[Side, int] = {"buy": 1, "sell": -1}


class Market:
    """One symbol. While a price stays strictly between `low` and `high` nothing can happen to anybody."""

    def __init__(self, instrument: Instrument, rules: Rules) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.grid = Grid(instrument)
        self.rules = rules
        self.maintenance = float(instrument.maintenance_margin)
        self.low, self.high = 0.0, inf
        self.quote: Quote | None = None
        self.trade: Trade | None = None
        self.bar: Bar | None = None
        self.book = Book(instrument.venue, instrument.symbol)
        self.ladders: dict[Side, Ladder] = {"buy": Ladder(1), "sell": Ladder(-1)}
        self.taken: dict[Side, dict[int, int]] = {"buy": {}, "sell": {}}
        self.guard: tuple[float, float] = (0.0, inf)
        self.holders: dict[str, Any] = {}  # account name -> its Holding, while it is not flat
        self.pinned: int | None = None  # mark inside a bar, in half ticks
        self.funding: Funding | None = None
        self.next_ns = 0  # of the funding
        self.paid_ns = 0
        self.bar_used = 0
        self._bar_of: Bar | None = None  # whose volume was used
        self._mark_of: tuple[Any, Any] = (None, None)
        self._mark: int | None = None
        self._exact_of: int | None = None
        self._exact: Decimal | None = None

    # -- news -----------------------------------------------------------------------------------------------------------

    def take_quote(self, quote: Quote) -> None:
        """A new quote: what our takers took of a touch that changed is there again."""
        old, self.quote = self.quote, quote
        if old is None or old.bid != quote.bid or old.bid_size != quote.bid_size:
            self._give_back("buy")
        if old is None or old.ask != quote.ask or old.ask_size != quote.ask_size:
            self._give_back("sell")

    def take_trade(self, trade: Trade) -> None:
        """A new trade: where nothing finer is known its price is the touch."""
        self.trade = trade
        if self.source == "trade":
            self._give_back("buy")
            self._give_back("sell")

    def _give_back(self, side: Side) -> None:
        """The touch of one side is new. A book tells of the levels behind it itself."""
        taken = self.taken[side]
        if not self.book.live:
            taken.clear()
        elif taken and (touch := self._of_quote(side)) is not None:
            taken.pop(touch[0], None)

    def take_book(self, delta: BookDelta) -> None:
        """What our takers took of the levels that a delta tells is there again."""
        sides: tuple[tuple[Side, list[tuple[float, float]]], ...] = (("buy", delta.bids), ("sell", delta.asks))
        for side, levels in sides:
            taken = self.taken[side]
            if delta.snapshot:
                taken.clear()
            elif taken:
                for price, _ in levels:
                    taken.pop(self.grid.down(price) if side == "buy" else self.grid.up(price), None)

    def set_edges(self) -> None:
        """Own resting orders and the accounts' margins say how far the price may move unwatched."""
        grid = self.grid
        bid, ask = self.ladders["buy"].best, self.ladders["sell"].best
        low, high = 0.0, inf
        for holding in self.holders.values():
            low, high = max(low, holding.floor), min(high, holding.ceiling)
        self.guard = (low, high)
        self.low = low if bid is None else max(low, grid.middle(bid + 0.5))
        self.high = high if ask is None else min(high, grid.middle(ask - 0.5))
        if self.taken["buy"] or self.taken["sell"]:
            self.low = inf  # the next quote must come by and give back what was taken

    @property
    def fine(self) -> bool:
        """Whether quotes, trades or books are known: then bars do not match, or everything would trade twice."""
        return self.quote is not None or self.trade is not None or self.book.live

    @property
    def stirred(self) -> bool:
        """Whether a taker took something that the next news may give back."""
        return self.low == inf

    @property
    def idle(self) -> bool:
        """Whether nobody has anything here."""
        return self.low == 0.0 and self.high == inf

    # -- what strangers show ----------------------------------------------------------------------------------------------

    @property
    def source(self) -> Source:
        """The finest that is known and newest."""
        quote, book = self.quote, self.book
        newer = book.live and (quote is None or book.time_ns > quote.time_ns)
        if newer and (book.best_bid is not None or book.best_ask is not None):
            return "book"
        return (
            "quote"
            if quote is not None
            else "trade"
            if self.trade is not None
            else "bar"
            if self.bar is not None
            else ""
        )

    def displayed(self, side: Side) -> Iterator[Level]:
        """Levels that the market shows on one side, best first, each once."""
        source = self.source
        if source == "book":
            yield from self._book(side, None)
        elif source == "quote" and (touch := self._of_quote(side)) is not None:
            yield touch
            if self.book.live:
                yield from self._book(side, touch[0])
        elif source in ("trade", "bar"):
            yield self._around(side)

    def levels(self, side: Side, *, modelled: bool = True) -> Iterator[Level]:
        """What can be taken on one side, best first: what is shown or modelled, less what was taken."""
        taken, touch = self.taken[side], None
        for level, lots in self.displayed(side):
            touch = touch or (level, lots)
            if (left := lots - taken.get(level, 0)) > 0:
                yield level, left
        if modelled and touch is not None and self.fine and not self.book.live:
            for level, lots in self._beyond(side, touch):
                if (left := lots - taken.get(level, 0)) > 0:
                    yield level, left

    def touch(self, side: Side) -> Level | None:
        """What the market shows first on one side."""
        source = self.source
        if source == "quote":
            return self._of_quote(side)
        if source == "book":
            return self._of_book(side)
        return self._around(side) if source else None

    def touches(self) -> tuple[Level | None, Level | None]:
        """`(bid, ask)`, each as `touch` gives it."""
        if self.source == "quote":
            return self._of_quote("buy"), self._of_quote("sell")
        return self.touch("buy"), self.touch("sell")

    def _of_book(self, side: Side) -> Level | None:
        price = self.book.best_bid if side == "buy" else self.book.best_ask
        if price is None:
            return None
        lots = self.grid.lots(self.book.size_at(side, price))
        return (self.grid.down(price) if side == "buy" else self.grid.up(price)), lots

    def _of_quote(self, side: Side) -> Level | None:
        quote = self.quote
        if quote is None:
            return None
        price, size = (quote.bid, quote.bid_size) if side == "buy" else (quote.ask, quote.ask_size)
        if not sane(price):
            return None
        return (self.grid.down(price) if side == "buy" else self.grid.up(price)), self.grid.lots(size)

    def _book(self, side: Side, behind: int | None) -> Iterator[Level]:
        """The book's levels, those behind a touch that a newer quote told; prices between ticks are one level."""
        sign, total, now, read = SIGN[side], 0, behind, 0
        for count in (16, 5_000):
            for price, size in self.book.levels(side, count)[read:]:
                level = self.grid.down(price) if side == "buy" else self.grid.up(price)
                if behind is not None and level * sign >= behind * sign:
                    continue
                if level != now:
                    if total and now is not None:
                        yield now, total
                    now, total = level, 0
                total += self.grid.lots(size)
            read = count
        if total and now is not None:
            yield now, total

    def _around(self, side: Side) -> Level:
        """The touch that is derived from a last trade or a bar's close."""
        if self.trade is not None:
            price, lots = self.trade.price, self.grid.lots(self.trade.size)
        else:
            assert self.bar is not None
            price, lots = self.bar.close, self.bar_left()
        half = self.rules.bar_spread / 2
        return (self.grid.down(price * (1 - half)) if side == "buy" else self.grid.up(price * (1 + half))), lots

    def _beyond(self, side: Side, touch: Level) -> Iterator[Level]:
        rules, lots = self.rules, int(touch[1] * self.rules.depth_size)
        step = -SIGN[side] * max(1, rules.depth_step)
        for number in range(1, rules.depth_levels + 1):
            if (level := touch[0] + number * step) > 0:
                yield level, lots

    def take(self, side: Side, level: int, lots: int) -> None:
        """Our taker took displayed size: it is gone until the venue tells of that level again."""
        if self.source == "bar":
            self.use_bar(lots)
            return
        taken = self.taken[side]
        taken[level] = taken.get(level, 0) + lots

    def bar_left(self) -> int:
        """Lots that may still be traded in the last bar."""
        bar = self.bar
        if bar is None:
            return 0
        if self._bar_of is not bar:
            self._bar_of, self.bar_used = bar, 0
        if not bar.volume > 0:  # a bar that moved has traded, so its volume is only not told
            return UNBOUND if bar.high > bar.low else 0
        return max(0, int(self.grid.lots(bar.volume) * self.rules.bar_volume_share) - self.bar_used)

    def use_bar(self, lots: int) -> None:
        self.bar_left()
        self.bar_used += lots

    def ahead(self, side: Side, level: int) -> int:
        """Lots of strangers that stand before an order that arrives now."""
        if self.rules.queue_model == "fraction" or self.source in ("bar", ""):
            return 0
        touch = self.touch(side)
        if touch is None or level * SIGN[side] > touch[0] * SIGN[side]:
            return 0
        lots = touch[1] if level == touch[0] else self._behind(side, level, touch)
        return max(0, lots - self.taken[side].get(level, 0))

    def _behind(self, side: Side, level: int, touch: Level) -> int:
        if self.book.live:
            if size := self.book.size_at(side, float(self.grid.price(level))):
                return self.grid.lots(size)
            known = self.book.levels(side, KNOWN_DEPTH)
            if known and level * SIGN[side] >= self.grid.near(known[-1][0]) * SIGN[side]:
                return 0
        return int(touch[1] * self.rules.queue_fraction)

    # -- mark -----------------------------------------------------------------------------------------------------------

    def half_mark(self) -> int | None:
        """The mark in half ticks: middle of the touch, else the last trade, the close, or what the funding told."""
        if self.pinned is not None:
            return self.pinned
        source = self.source
        if source == "book":
            return self._middle(self.touch("buy"), self.touch("sell"))
        newest = self.quote if source == "quote" else self.trade if source == "trade" else self.bar
        if self._mark_of[0] is newest and self._mark_of[1] is self.funding:
            return self._mark
        self._mark_of = (newest, self.funding)
        self._mark = self._fresh_mark(source)
        return self._mark

    def _fresh_mark(self, source: Source) -> int | None:
        if source == "quote":
            return self._middle(self._of_quote("buy"), self._of_quote("sell"))
        if source == "trade" and self.trade is not None:
            return 2 * self.grid.near(self.trade.price)
        if source == "bar" and self.bar is not None:
            return 2 * self.grid.near(self.bar.close)
        return 2 * self.grid.near(self.funding.mark) if self.funding is not None and sane(self.funding.mark) else None

    @staticmethod
    def _middle(bid: Level | None, ask: Level | None) -> int | None:
        if bid is None or ask is None:
            one = bid or ask
            return 2 * one[0] if one is not None else None
        return bid[0] + ask[0]

    @property
    def mark(self) -> Decimal | None:
        half = self.half_mark()
        if half is not None and half != self._exact_of:
            self._exact_of, self._exact = half, self.grid.half_tick * half
        return self._exact if half is not None else None

    # -- questions ------------------------------------------------------------------------------------------------------

    def top(self) -> Quote | None:
        """The newest touch; one derived from a trade or a bar where the market tells none."""
        source = self.source
        if source == "book":
            return self.book.quote()
        if source == "quote" or not source:
            return self.quote
        newest = self.trade if source == "trade" else self.bar
        assert newest is not None
        bid, ask = self._around("buy"), self._around("sell")
        both = (*self.grid.floats(*bid), *self.grid.floats(*ask))
        return Quote(self.instrument.venue, self.symbol, *both, newest.time_ns)

    def standing(self) -> Quote | None:
        """The newest touch as it is kept over a restart; 0 stands for a side that is empty."""
        if self.source != "book":
            return self.quote
        sides = [self._of_book(side) or (0, 0) for side in SIGN]
        (bid, bids), (ask, asks) = (self.grid.floats(*each) for each in sides)
        return Quote(self.instrument.venue, self.symbol, bid, bids, ask, asks, self.book.time_ns)

    def depth(self, count: int) -> BookDelta:
        """At most `count` levels a side as a snapshot, best first: those that a taker would meet."""
        if self.source == "book":
            return self.book.snapshot(count)
        sides = [[self.grid.floats(*level) for level in islice(self.levels(side), count)] for side in SIGN]
        top = self.top()
        time_ns = top.time_ns if top is not None else 0
        return BookDelta(self.instrument.venue, self.symbol, sides[0], sides[1], time_ns, snapshot=True)


def sane_quote(quote: Quote) -> bool:
    """Whether a quote has a side, and its sides do not cross. A side that is not a price is missing."""
    bid, ask = sane(quote.bid), sane(quote.ask)
    return quote.bid <= quote.ask if bid and ask else bid or ask


def sane_bar(bar: Bar) -> bool:
    return sane(bar.low) and bar.low <= bar.open <= bar.high and bar.low <= bar.close <= bar.high < LARGE
