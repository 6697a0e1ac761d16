"""A symbol's deep book for those who tell it by its changes: it is looked at again and again, and each look tells what moved."""

from __future__ import annotations

from drivers.paper.shelves import Shelves
from drivers.paper.stage import Stage

Levels = dict[float, float]
"""price -> size, in no order."""


class DeepBook:
    """`bids` and `asks` are as of the last `look`, at most `depth` levels each."""

    def __init__(self, stage: Stage, symbol: str, depth: int) -> None:
        self.bids: Levels = {}
        self.asks: Levels = {}
        self._stage = stage
        self._symbol = symbol
        self._depth = depth
        self._shelves: Shelves | None = stage.shelves(symbol, depth)

    def look(self) -> tuple[Levels, Levels]:
        """Become the book as it stands now; what changed since the last look, size 0 for what is gone."""
        shelves = self._shelves
        if shelves is None:
            shown = self._stage.book(self._symbol, self._depth)
            bids, asks = (
                dict.fromkeys(self.bids, 0.0) | dict(shown.bids),
                dict.fromkeys(self.asks, 0.0) | dict(shown.asks),
            )
        else:
            moved_bids, moved_asks = shelves.turn()
            bids = {price: shelves.bids.get(price, 0.0) for price in moved_bids}
            asks = {price: shelves.asks.get(price, 0.0) for price in moved_asks}
        return renew(self.bids, bids), renew(self.asks, asks)

    def touch(self) -> tuple[float, float, float, float]:
        """Best bid, its size, best ask, its size; zeros where a side is empty."""
        bid, ask = max(self.bids, default=0.0), min(self.asks, default=0.0)
        return bid, self.bids.get(bid, 0.0), ask, self.asks.get(ask, 0.0)


def renew(levels: Levels, wanted: Levels) -> Levels:
    """Bring `levels` to the sizes that are wanted; those that were not there already, size 0 for what is gone."""
    changed = {price: size for price, size in wanted.items() if levels.get(price, 0.0) != size}
    for price, size in changed.items():
        if size:
            levels[price] = size
        else:
            del levels[price]
    return changed
