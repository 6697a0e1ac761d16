"""Order books with update ids: what REST shows and what the streams tell are one chain (sheet section 7.1).

A book is the stage's, with the resting orders of the accounts in it. `refresh` compares it with the last one; each changed
level is one update id, so that an event has ``U = previous u + 1`` and ``u`` the id of its last level.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import msgspec

from drivers.backpack.emulator.formats import us
from drivers.backpack.emulator.markets import Market
from drivers.paper.deepbook import renew
from drivers.paper.shelves import Shelves
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


class Kept(NamedTuple):
    """A book as it stood, written out only when it is asked for."""

    bids: Levels
    asks: Levels
    last_id: int
    time_ns: int


class Book:
    """One market's book as it was last told."""

    def __init__(self, market: Market, shelves: Shelves | None = None) -> None:
        self.market = market
        self.shelves = shelves
        self.own: tuple[Levels, Levels] = {}, {}  # what the accounts' orders add to the market's levels
        self.bids: Levels = {}
        self.asks: Levels = {}
        self.last_id = FIRST_ID
        self.time_ns = 0
        self.touch = 0.0, 0.0, 0.0, 0.0
        """Best bid, its size, best ask, its size; zeros where a side is empty."""
        self._older: deque[Kept] = deque(maxlen=KEPT)

    def take(self, bids: Levels, asks: Levels, now_ns: int) -> Change | None:
        """Become this book; what changed, or None."""
        return self.apply(dict.fromkeys(self.bids, 0.0) | bids, dict.fromkeys(self.asks, 0.0) | asks, now_ns)

    def apply(self, bids: Levels, asks: Levels, now_ns: int) -> Change | None:
        """Let these levels have these sizes, 0 for none; what of it changed, or None."""
        changed_bids, changed_asks = renew(self.bids, bids), renew(self.asks, asks)
        count = len(changed_bids) + len(changed_asks)
        if not count:
            return None
        before = self.touch
        first, self.last_id = self.last_id + 1, self.last_id + count
        self.time_ns = now_ns
        bid, ask = max(self.bids, default=0.0), min(self.asks, default=0.0)
        self.touch = bid, self.bids.get(bid, 0.0), ask, self.asks.get(ask, 0.0)
        return Change(first, self.last_id, changed_bids, changed_asks, now_ns, self.touch != before)

    def snapshot(self, limit: int) -> dict[str, Any]:
        """As GET /depth answers: both sides ascending."""
        return self._written(Kept(self.bids, self.asks, self.last_id, self.time_ns), limit)

    def keep(self) -> None:
        """Remember the book as it stands, to be told again later by mistake."""
        self._older.append(Kept(dict(self.bids), dict(self.asks), self.last_id, self.time_ns))

    @property
    def has_older(self) -> bool:
        return bool(self._older)

    def oldest(self, limit: int) -> dict[str, Any]:
        """The snapshot of the oldest book that is remembered."""
        return self._written(self._older[0], limit)

    def _written(self, kept: Kept, limit: int) -> dict[str, Any]:
        return {
            "asks": self._side(sorted(kept.asks)[:limit], kept.asks),
            "bids": self._side(sorted(kept.bids)[-limit:], kept.bids),
            "lastUpdateId": str(kept.last_id),
            "timestamp": us(kept.time_ns),
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
            book = self._books[market.name] = Book(market, self._stage.shelves(market.symbol, LEVELS))
        change = self._look(book) if book.shelves is not None else self._look_at_all(book)
        if change is not None:
            self.on_change(book, change)
        return book

    def _look(self, book: Book) -> Change | None:
        """Only at what may have changed."""
        shelves = book.shelves
        assert shelves is not None
        moved_bids, moved_asks = shelves.turn()
        before, book.own = book.own, self._own(book.market, shelves.best_bid, shelves.best_ask)
        (bids, asks), (old_bids, old_asks) = book.own, before
        return book.apply(
            _sizes(moved_bids.union(bids, old_bids), shelves.bids, bids),
            _sizes(moved_asks.union(asks, old_asks), shelves.asks, asks),
            self._now_ns(),
        )

    def _look_at_all(self, book: Book) -> Change | None:
        shown = self._stage.book(book.market.symbol, LEVELS)
        bids, asks = dict(shown.bids), dict(shown.asks)
        own_bids, own_asks = self._own(book.market, shown.bids[0][0], shown.asks[0][0])
        return book.take(
            _sizes(bids.keys() | own_bids, bids, own_bids),
            _sizes(asks.keys() | own_asks, asks, own_asks),
            self._now_ns(),
        )

    def _own(self, market: Market, best_bid: float, best_ask: float) -> tuple[Levels, Levels]:
        """What stands in the book of the accounts' own orders."""
        engine, bids, asks = self._stage.floor.engine, Levels(), Levels()
        for order in (order for account in self._accounts for order in engine.open_orders(account, market.symbol)):
            assert order.price is not None
            price, size = float(order.price), float(order.size - order.filled)
            if order.side == "buy" and price < best_ask:
                bids[price] = bids.get(price, 0.0) + size
            elif order.side == "sell" and price > best_bid:
                asks[price] = asks.get(price, 0.0) + size
        return bids, asks


def _sizes(prices: Iterable[float], market: Levels, own: Levels) -> Levels:
    """What stands at each of these prices, the market's and the accounts' together."""
    return {price: market.get(price, 0.0) + own.get(price, 0.0) for price in prices}
