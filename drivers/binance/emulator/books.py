"""Order books with update ids: one sampled state for REST and streams, so that a snapshot and its differences fit.

The stage's book has no ids. It is sampled; every sample that differs takes new ids, and each stream of differences collects
the levels that changed since it last spoke (sheet B4 and C6).
"""

from __future__ import annotations

from random import Random

import msgspec

from ctosd.abi import Quote
from drivers.binance.emulator.markets import Market
from drivers.paper.deepbook import DeepBook
from drivers.paper.stage import Stage

DEEPEST = 1_000
FIRST_ID = 1_000_000_000
OLD_AFTER_NS = 3_000_000_000
QUIET_NS = 500_000_000
"""How long a book in which nothing happened is taken for the same."""

Levels = list[tuple[float, float]]


class Snapshot(msgspec.Struct, frozen=True):
    """A book with the id of its last update, best first."""

    last_id: int
    bids: Levels
    asks: Levels
    time_ns: int


class Difference(msgspec.Struct, frozen=True):
    """Levels that changed in the updates `first_id` to `last_id`; size 0 deletes."""

    first_id: int
    last_id: int
    prev_id: int
    bids: Levels
    asks: Levels
    time_ns: int


class Channel:
    """What one stream of differences has not told yet."""

    def __init__(self, last_id: int) -> None:
        self.last_id = last_id
        self.first_id = 0
        self.bids: set[float] = set()
        self.asks: set[float] = set()


class BookFeed:
    """The book of one market. On futures ids are shared with other symbols, so that they jump; on spot they do not."""

    def __init__(self, market: Market, stage: Stage, random: Random) -> None:
        self.market = market
        self._stage = stage
        self._random = random
        self._jumps = market.product.name == "futures"
        self.last_id = FIRST_ID + random.randrange(1_000_000)
        self._book = DeepBook(stage, market.symbol, DEEPEST)
        self._time_ns = 0
        self._told: tuple[float, ...] | None = None  # the touch that has the last id, while no sample has it
        self.stirred = True  # something happened since the last sample
        self._old: list[Snapshot] = []
        self.channels: dict[str, Channel] = {}

    # -- ids --------------------------------------------------------------------------------------------------------------

    def _next_id(self) -> int:
        return self.last_id + (self._random.randint(1, 40) if self._jumps else 1)

    def touch(self, quote: Quote) -> int:
        """The id of a new touch: the next sample has it, unless more happened until then."""
        self.stirred = True
        self.last_id = self._open(self._next_id())
        self._told = (quote.bid, quote.bid_size, quote.ask, quote.ask_size)
        return self.last_id

    def _open(self, first_id: int) -> int:
        for channel in self.channels.values():
            channel.first_id = channel.first_id or first_id
        return first_id

    # -- sampling -----------------------------------------------------------------------------------------------------------

    def sample(self) -> None:
        """Look at the book; what changed is remembered for every channel."""
        now_ns = self._stage.now_ns()
        if not self.stirred and now_ns - self._time_ns < QUIET_NS:
            return
        self.stirred = False
        self._time_ns = now_ns
        bids, asks = self._book.look()
        if bids or asks:
            if self._told != self._book.touch():
                self.last_id = self._open(self._next_id()) + len(bids) + len(asks) - 1
            for channel in self.channels.values():
                channel.first_id = channel.first_id or self.last_id
                channel.bids.update(bids)
                channel.asks.update(asks)
        self._told = None
        self._keep()

    def _keep(self) -> None:
        """Remember a book now and then, for the fault of a stale answer."""
        if not self._old or self._time_ns - self._old[-1].time_ns > OLD_AFTER_NS:
            self._old = [*self._old[-1:], self._present()]

    def _present(self) -> Snapshot:
        bids, asks = self._book.bids, self._book.asks
        return Snapshot(self.last_id, sorted(bids.items(), reverse=True), sorted(asks.items()), self._time_ns)

    def snapshot(self, depth: int, stale: bool = False) -> Snapshot:
        self.sample()
        found = self._old[0] if stale else self._present()
        return Snapshot(found.last_id, found.bids[:depth], found.asks[:depth], found.time_ns)

    # -- differences ----------------------------------------------------------------------------------------------------------

    def follow(self, name: str) -> None:
        """Begin a stream of differences."""
        self.sample()
        self.channels.setdefault(name, Channel(self.last_id))

    def leave(self, name: str) -> None:
        self.channels.pop(name, None)

    def difference(self, name: str) -> Difference | None:
        """What changed since the stream last spoke; None when nothing did."""
        self.sample()
        channel = self.channels[name]
        if not (channel.bids or channel.asks):
            return None
        found = Difference(
            first_id=channel.first_id if self._jumps else channel.last_id + 1,
            last_id=self.last_id,
            prev_id=channel.last_id,
            bids=[(price, self._book.bids.get(price, 0.0)) for price in sorted(channel.bids, reverse=True)],
            asks=[(price, self._book.asks.get(price, 0.0)) for price in sorted(channel.asks)],
            time_ns=self._time_ns,
        )
        self.channels[name] = Channel(self.last_id)
        return found


class Books:
    """The feeds of all markets of a product, made when they are asked for."""

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._random = random
        self.feeds: dict[str, BookFeed] = {}

    def of(self, market: Market) -> BookFeed:
        found = self.feeds.get(market.symbol)
        if found is None:
            market.open()
            found = self.feeds[market.symbol] = BookFeed(market, self._stage, self._random)
        return found
