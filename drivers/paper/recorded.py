"""The recorded market: feeds that the host opens, what they hold, and their merger by time.

The first rows of every feed are looked at before anything runs: they tell the symbols, the kinds of events and the grid of
prices, and they give the price that is answered before the first event has come.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Any

from ctosd.abi import (
    Bar,
    BookDelta,
    Feed,
    Instrument,
    MarketEvent,
    Misconfigured,
    Ports,
    Quote,
    Trade,
    normalise_symbol,
)
from ctosd.abi.instruments import path_symbol
from ctosd.core.bars import timeframe_ns
from drivers.paper import listing

PEEK = 500
"""Rows of each feed that are looked at before it is played."""


@dataclass
class Content:
    """What the first rows of the feeds say of one symbol."""

    prices: list[float] = field(default_factory=list)
    first: float | None = None
    types: set[type] = field(default_factory=set)
    timeframe: str = ""

    def add(self, event: MarketEvent) -> None:
        self.types.add(type(event))
        if isinstance(event, Bar):
            self.timeframe = event.timeframe
        if self.first is None:
            self.first = market_price(event)
        self.prices.extend(prices(event))


class Recorded:
    """All feeds of the venue as one. `on_end` is called when the last event was taken."""

    def __init__(self, specs: Sequence[Mapping[str, Any]], ports: Ports) -> None:
        if not specs:
            raise Misconfigured(
                f"venues.{ports.venue}.market: kind is recorded but there are no feeds; name a file: feeds: [{{path: …}}]"
            )
        self._venue = ports.venue
        self.feeds: list[Feed] = [ports.open_feed(spec) for spec in specs]
        self.content: dict[str, Content] = {}
        self.first_ns = 0
        self.on_end: Callable[[], None] | None = None
        for feed, spec in zip(self.feeds, specs, strict=True):
            self._peek(feed, spec)

    def _peek(self, feed: Feed, spec: Mapping[str, Any]) -> None:
        own: dict[str, Content] = {}
        if text := spec.get("symbol"):
            own[normalise_symbol(str(text))] = Content()
        for place, (ns, event) in enumerate(islice(iter(feed), PEEK)):
            if not place and (not self.first_ns or ns < self.first_ns):
                self.first_ns = ns
            own.setdefault(event.symbol, Content()).add(event)
        for symbol, content in own.items():
            self._take(symbol, content)

    def _take(self, symbol: str, content: Content) -> None:
        known = self.content.setdefault(symbol, Content())
        if known.timeframe and content.timeframe and known.timeframe != content.timeframe:
            longer = max(known.timeframe, content.timeframe, key=timeframe_ns)
            raise Misconfigured(
                f"venues.{self._venue}.market.feeds: {symbol} has bars of {known.timeframe} and of {content.timeframe}; "
                f"leave out those of {longer}: larger bars are made of the smaller ones"
            )
        known.prices += content.prices
        known.first = content.first if known.first is None else known.first
        known.types |= content.types
        known.timeframe = known.timeframe or content.timeframe

    def instruments(self) -> dict[str, Instrument]:
        """One instrument for each recorded symbol, on a grid that its prices lie on."""
        found = {}
        for symbol, content in self.content.items():
            found[symbol] = listing.fit(listing.instrument(self._venue, symbol, content.first), content.prices)
        return found

    def first_price(self, symbol: str) -> float | None:
        content = self.content.get(symbol)
        return content.first if content is not None else None

    def __iter__(self) -> Iterator[tuple[int, MarketEvent]]:
        """Every event of all feeds in the order of time; among equal times the earlier feed is first."""
        if len(self.feeds) == 1:
            yield from self.feeds[0]
        else:
            yield from heapq.merge(*self.feeds, key=itemgetter(0))
        if self.on_end is not None:
            self.on_end()

    def statistics(self) -> dict[str, Any]:
        return {f"feed{number}": dict(feed.statistics()) for number, feed in enumerate(self.feeds)} | {
            "symbols": [path_symbol(symbol) for symbol in self.content]
        }


def market_price(event: MarketEvent) -> float | None:
    """Where the market stood at the event. A change of the book does not tell: it may lie far from the touch."""
    if isinstance(event, Quote):
        return event.bid
    if isinstance(event, Trade):
        return event.price
    if isinstance(event, Bar):
        return event.open
    if isinstance(event, BookDelta) and event.snapshot and event.bids:
        return max(price for price, _ in event.bids)
    return None


def prices(event: MarketEvent) -> tuple[float, ...]:
    """The prices that an event carries, the most telling one first."""
    if isinstance(event, Quote):
        return (event.bid, event.ask)
    if isinstance(event, Trade):
        return (event.price,)
    if isinstance(event, Bar):
        return (event.open, event.high, event.low, event.close)
    if isinstance(event, BookDelta):
        return tuple(price for price, _ in (*event.bids[:5], *event.asks[:5]))
    return ()
