"""Order books with update ids: what REST shows and what the streams tell are one chain (sheet section 7.1).

A book is the stage's, with the resting orders of the accounts in it. `refresh` compares it with the last one; each changed
level is one update id, so that an event has ``U = previous u + 1`` and ``u`` the id of its last level.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from ctosd.abi import OrderUpdate
from drivers.backpack.emulator.formats import us
from drivers.backpack.emulator.markets import Market
from drivers.paper.stage import Stage

LEVELS = 1_000
FIRST_ID = 4_330_360_000
KEPT = 50
"""Older snapshots that are kept for the fault `stale_snapshot`."""

Levels = dict[float, float]
Side = Literal["bids", "asks"]


class Change(msgspec.Struct, frozen=True):
    """What one refresh changed; size 0 deletes a level."""

    first_id: int
    last_id: int
    bids: Levels
    asks: Levels
    time_ns: int
    touch: bool  # whether the best bid or ask changed


class Book:
    """One market's book as it was last told."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.bids: Levels = {}
        self.asks: Levels = {}
        self.last_id = FIRST_ID
        self.time_ns = 0
        self.older: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def take(self, bids: Levels, asks: Levels, now_ns: int) -> Change | None:
        """Become this book; what changed, or None."""
        changed_bids, changed_asks = _changes(self.bids, bids), _changes(self.asks, asks)
        count = len(changed_bids) + len(changed_asks)
        if not count:
            return None
        before = self.touch() if self.bids and self.asks else None
        first, self.last_id = self.last_id + 1, self.last_id + count
        self.bids, self.asks, self.time_ns = bids, asks, now_ns
        return Change(first, self.last_id, changed_bids, changed_asks, now_ns, self.touch() != before)

    def touch(self) -> tuple[float, float, float, float]:
        """Best bid, its size, best ask, its size; zeros where a side is empty."""
        bid, ask = max(self.bids, default=0.0), min(self.asks, default=0.0)
        return bid, self.bids.get(bid, 0.0), ask, self.asks.get(ask, 0.0)

    def snapshot(self, limit: int) -> dict[str, Any]:
        """As GET /depth answers: both sides ascending."""
        return {
            "asks": self._side(sorted(self.asks)[:limit], self.asks),
            "bids": self._side(sorted(self.bids)[-limit:], self.bids),
            "lastUpdateId": str(self.last_id),
            "timestamp": us(self.time_ns),
        }

    def _side(self, prices: list[float], levels: Levels) -> list[list[str]]:
        return [[self.market.price(price), self.market.size(levels[price])] for price in prices]

    def told(self, changes: Levels) -> list[list[str]]:
        """Levels as the depth streams tell them."""
        return [[self.market.price(price), self.market.size(size)] for price, size in sorted(changes.items())]


class Books:
    """All books. `on_change` hears of every change, in order, before the refresh returns."""

    def __init__(self, stage: Stage, accounts: tuple[str, ...], now_ns: Callable[[], int]) -> None:
        self._stage = stage
        self._accounts = accounts
        self._now_ns = now_ns
        self._books: dict[str, Book] = {}
        self.on_change: Callable[[Book, Change], None] = lambda book, change: None

    def refresh(self, market: Market) -> Book:
        """The book as it stands now; whoever watches has heard of it."""
        book = self._books.get(market.name)
        if book is None:
            book = self._books[market.name] = Book(market)
        bids, asks = self._present(market)
        change = book.take(bids, asks, self._now_ns())
        if change is not None:
            self.on_change(book, change)
        return book

    def _present(self, market: Market) -> tuple[Levels, Levels]:
        shown = self._stage.book(market.symbol, LEVELS)
        bids, asks = dict(shown.bids), dict(shown.asks)
        best_bid, best_ask = shown.bids[0][0], shown.asks[0][0]
        for order in self._own(market):
            assert order.price is not None
            price, size = float(order.price), float(order.size - order.filled)
            if order.side == "buy" and price < best_ask:
                bids[price] = bids.get(price, 0.0) + size
            elif order.side == "sell" and price > best_bid:
                asks[price] = asks.get(price, 0.0) + size
        return bids, asks

    def _own(self, market: Market) -> list[OrderUpdate]:
        engine = self._stage.floor.engine
        return [order for account in self._accounts for order in engine.open_orders(account, market.symbol)]

    def keep(self, book: Book) -> None:
        """Remember the book as it stands, to be told again later by mistake."""
        book.older.append(book.snapshot(LEVELS))


def _changes(before: Mapping[float, float], after: Mapping[float, float]) -> Levels:
    """Levels that are new, changed or (size 0) gone."""
    changed = {price: size for price, size in after.items() if before.get(price) != size}
    changed.update((price, 0.0) for price in before if price not in after)
    return changed
