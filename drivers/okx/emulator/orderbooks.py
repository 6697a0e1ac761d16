"""Order books as OKX sends them: a state with a number, and the differences between two of them (sheet section 9.4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from heapq import nlargest, nsmallest
from typing import Any

from ctosd.abi import exact
from drivers.okx.emulator.figures import ms, plain
from drivers.okx.emulator.listing import Market
from drivers.paper.deepbook import DeepBook, Levels
from drivers.paper.stage import Stage

LEVELS = 400
FIRST_SEQUENCE = 333_000_000_000
CACHE_NS = 50_000_000
WRITTEN = 8_192
GONE = "0"
Side = dict[float, str]
"""price -> size as it is written, in no order."""
Row = dict[str, Any]


class OrderBook:
    """The book of one market. `sequence` is the number of the state that is held."""

    def __init__(self, market: Market, stage: Stage, now: Callable[[], int]) -> None:
        self.market = market
        self._book = DeepBook(stage, market.symbol, LEVELS)
        self._now = now
        self.sequence = FIRST_SEQUENCE + market.code * 1_000_000
        self.bids: Side = {}
        self.asks: Side = {}
        self.time_ns = 0
        self.stale: tuple[Side, Side, int] = ({}, {}, self.sequence)
        # Most levels are those of the tenth of a second before: writing them out is most of the work.
        self._price = lru_cache(WRITTEN)(plain)
        self._size = lru_cache(WRITTEN)(lambda amount: market.size(exact(amount)))

    def refresh(self) -> Row | None:
        """Take the present state up; the difference to the one before as an update, None when there is none."""
        bids, asks = self._book.look()
        self.time_ns = self._now()
        stale = dict(self.bids), dict(self.asks), self.sequence
        changed_bids, changed_asks = self._take(self.bids, bids), self._take(self.asks, asks)
        if not changed_bids and not changed_asks:
            return None
        self.stale = stale
        self.sequence += len(changed_bids) + len(changed_asks)
        rows = self._bids(changed_bids), self._asks(changed_asks)
        return self._row(*rows, stale[2], self.sequence)

    def _take(self, side: Side, wanted: Levels) -> Side:
        """Write the levels of a look; what differs as text, size 0 for what is gone."""
        changed: Side = {}
        for price, amount in wanted.items():
            size = self._size(amount) if amount else GONE
            if side.get(price, GONE) != size:
                changed[price] = size
                if size != GONE:
                    side[price] = size
                else:
                    del side[price]
        return changed

    def ready(self) -> None:
        """Have a state to show."""
        if not self.bids or not self.time_ns:
            self.refresh()

    def cached(self) -> None:
        """Have one that is at most 50 ms old."""
        if self._now() - self.time_ns >= CACHE_NS:
            self.refresh()

    def snapshot(self, *, stale: bool = False) -> Row:
        """The state that is held; `stale`: the one before, under its own number."""
        bids, asks, sequence = self.stale if stale and self.stale[0] else (self.bids, self.asks, self.sequence)
        return self._row(self._bids(bids), self._asks(asks), -1, sequence)

    def keepalive(self) -> Row:
        self.time_ns = self._now()
        return self._row([], [], self.sequence, self.sequence)

    def top(self, levels: int) -> Row:
        """The best levels: the whole of `books5` and `bbo-tbt`."""
        bids, asks = self._bids(self.bids, levels), self._asks(self.asks, levels)
        return {
            "asks": asks,
            "bids": bids,
            "instId": self.market.id,
            "ts": ms(self.time_ns),
            "seqId": self.sequence,
        }

    def rest(self, levels: int, *, numbered: bool, stale: bool = False) -> Row:
        bids, asks, sequence = self.stale if stale and self.stale[0] else (self.bids, self.asks, self.sequence)
        rows = {"asks": self._asks(asks, levels), "bids": self._bids(bids, levels)}
        row: Row = {**rows, "ts": ms(self.time_ns)}
        return {**row, "seqId": sequence} if numbered else row

    def _bids(self, side: Side, most: int = LEVELS) -> list[list[str]]:
        return self._rows(nlargest(most, side), side)

    def _asks(self, side: Side, most: int = LEVELS) -> list[list[str]]:
        return self._rows(nsmallest(most, side), side)

    def _rows(self, prices: list[float], side: Side) -> list[list[str]]:
        return [[self._price(price), side[price], "0", _count(side[price])] for price in prices]

    def _row(self, bids: list[list[str]], asks: list[list[str]], before: int, sequence: int) -> Row:
        return {
            "asks": asks,
            "bids": bids,
            "ts": ms(self.time_ns),
            "checksum": 0,
            "seqId": sequence,
            "prevSeqId": before,
        }


@lru_cache(WRITTEN)
def _count(size: str) -> str:
    """How many orders stand at a level: nobody knows here, but the same size says the same."""
    return str(1 + sum(map(ord, size)) % 9) if size != GONE else GONE
