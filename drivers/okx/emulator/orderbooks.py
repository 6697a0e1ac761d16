"""Order books as OKX sends them: a state with a number, and the differences between two of them (sheet section 9.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ctosd.abi import exact
from drivers.okx.emulator.figures import ms, plain
from drivers.okx.emulator.listing import Market
from drivers.paper.stage import Stage

LEVELS = 400
FIRST_SEQUENCE = 333_000_000_000
CACHE_NS = 50_000_000
Side = dict[str, str]
Row = dict[str, Any]


class OrderBook:
    """The book of one market. `sequence` is the number of the state that is held."""

    def __init__(self, market: Market, stage: Stage, now: Callable[[], int]) -> None:
        self.market = market
        self._stage = stage
        self._now = now
        self.sequence = FIRST_SEQUENCE + market.code * 1_000_000
        self.bids: Side = {}
        self.asks: Side = {}
        self.time_ns = 0
        self.stale: tuple[Side, Side, int] = ({}, {}, self.sequence)

    def refresh(self) -> Row | None:
        """Take the present state up; the difference to the one before as an update, None when there is none."""
        book = self._stage.book(self.market.symbol, LEVELS)
        size = self.market.size
        bids = {plain(price): size(exact(amount)) for price, amount in book.bids}
        asks = {plain(price): size(exact(amount)) for price, amount in book.asks}
        self.time_ns = self._now()
        changed_bids, changed_asks = _changes(self.bids, bids), _changes(self.asks, asks)
        if not changed_bids and not changed_asks:
            return None
        before = self.sequence
        self.stale = (self.bids, self.asks, before)
        self.bids, self.asks = bids, asks
        self.sequence += len(changed_bids) + len(changed_asks)
        return self._row(changed_bids, changed_asks, before, self.sequence)

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
        return self._row(_levels(bids), _levels(asks), -1, sequence)

    def keepalive(self) -> Row:
        self.time_ns = self._now()
        return self._row([], [], self.sequence, self.sequence)

    def top(self, levels: int) -> Row:
        """The best levels: the whole of `books5` and `bbo-tbt`."""
        bids, asks = _levels(self.bids)[:levels], _levels(self.asks)[:levels]
        return {
            "asks": asks,
            "bids": bids,
            "instId": self.market.id,
            "ts": ms(self.time_ns),
            "seqId": self.sequence,
        }

    def rest(self, levels: int, *, numbered: bool, stale: bool = False) -> Row:
        bids, asks, sequence = self.stale if stale and self.stale[0] else (self.bids, self.asks, self.sequence)
        row: Row = {"asks": _levels(asks)[:levels], "bids": _levels(bids)[:levels], "ts": ms(self.time_ns)}
        return {**row, "seqId": sequence} if numbered else row

    def _row(self, bids: list[list[str]], asks: list[list[str]], before: int, sequence: int) -> Row:
        return {
            "asks": asks,
            "bids": bids,
            "ts": ms(self.time_ns),
            "checksum": 0,
            "seqId": sequence,
            "prevSeqId": before,
        }


def _levels(side: Side) -> list[list[str]]:
    return [[price, size, "0", _count(size)] for price, size in side.items()]


def _count(size: str) -> str:
    """How many orders stand at a level: nobody knows here, but the same size says the same."""
    return str(1 + sum(map(ord, size)) % 9)


def _changes(before: Side, now: Side) -> list[list[str]]:
    """Levels that differ, best first, those that are gone with size 0."""
    found = [[price, size, "0", _count(size)] for price, size in now.items() if before.get(price) != size]
    return found + [[price, "0", "0", "0"] for price in before if price not in now]
