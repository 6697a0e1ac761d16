"""An order book of price levels that knows when it can no longer be trusted.

`Book.apply` follows one state machine for all venues::

    waiting --snapshot--> live --gap, crossed or malformed--> waiting

While it waits it keeps the newest deltas, and a snapshot that joins on to them makes it live again. A book that waits is
empty: what it does not know it does not tell.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Any, Literal

from ctosd.abi.events import BookDelta, Quote
from ctosd.abi.instruments import Side

Chain = Literal["previous", "first", "none", "auto"]
Verdict = Literal["", "buffered", "stale", "gap", "crossed", "malformed"]
"""What became of a delta; empty when it was applied. From `gap` on a new snapshot is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How the deltas of a venue hang together.

    - `previous`: ``prev_id`` is the ``last_id`` before (Binance futures, OKX); also true over a reset or a repeated id
    - `first`: ``first_id`` follows the ``last_id`` before (Binance spot, Backpack)
    - `none`: no ids; every delta is applied
    - `auto`: by the ids that the first delta carries

    `crossed_ns` is how long the best bid may stand at or above the best ask before the book is given up.
    """

    chain: Chain = "auto"
    crossed_ns: int = 1_000_000_000
    buffer: int = 4_096


SPARE = 1_024
"""Prices without size that one side may keep beyond those with one, before they are swept out."""


class Book:
    """The book of one symbol. Prices and sizes are floats as the venue wrote them, sizes in base units.

    A size that is 0, negative or not a number means that nothing rests at its price."""

    def __init__(self, venue: str, symbol: str, rule: Rule | None = None) -> None:
        self.venue = venue
        self.symbol = symbol
        self.rule = rule or Rule()
        self.live = self.rule.chain == "none"
        self.last_id = 0
        self.time_ns = 0
        self._chain = self.rule.chain
        self._joined = False  # whether a delta has followed the snapshot
        self._crossed_since = 0
        self._buffer: deque[BookDelta] = deque(maxlen=self.rule.buffer)
        self._bids = _Ladder(1.0)
        self._asks = _Ladder(-1.0)
        self._counts: dict[str, int] = {"": 0, "buffered": 0, "stale": 0, "gap": 0, "crossed": 0, "malformed": 0}

    # -- changes --------------------------------------------------------------------------------------------------------

    def apply(self, delta: BookDelta) -> Verdict:
        """Take in a delta or a snapshot; empty when it was applied, else what was wrong with it."""
        verdict = self._replace(delta) if delta.snapshot else self._follow(delta)
        self._counts[verdict] += 1
        return verdict

    def reset(self) -> None:
        """Forget everything, as after a lost connection; wait for a snapshot."""
        self._buffer.clear()
        self._abandon()

    def _follow(self, delta: BookDelta) -> Verdict:
        if not self.live:
            return self._hold(delta)
        chain = self._chain
        if chain == "previous":
            follows = delta.prev_id == self.last_id
        elif chain == "first":
            follows = delta.first_id == self.last_id + 1
        else:
            follows = chain == "none" or self._settle(delta)
        if not follows:
            if not self._joined and self._joins(delta):
                return self._merge(delta)
            if delta.last_id <= self.last_id:
                return "stale"
            self._abandon()
            self._buffer.append(delta)
            return "gap"
        return self._merge(delta)

    def _settle(self, delta: BookDelta) -> bool:
        """Choose the chain by the ids of the first delta; whether that delta follows."""
        self._chain = "previous" if delta.prev_id else "first" if delta.first_id else "none"
        return self._chain == "none"

    def _joins(self, delta: BookDelta) -> bool:
        """Whether the first delta after a snapshot overlaps or touches it, so that nothing lies between."""
        if self._chain == "previous":
            return delta.prev_id <= self.last_id <= delta.last_id
        return delta.first_id <= self.last_id + 1 <= delta.last_id

    def _hold(self, delta: BookDelta) -> Verdict:
        if self._chain == "auto" and self._settle(delta):
            self.live = True
            return self._merge(delta)
        self._buffer.append(delta)
        return "buffered"

    def _replace(self, snapshot: BookDelta) -> Verdict:
        if self.live and self._joined and 0 < snapshot.last_id < self.last_id and snapshot.prev_id >= 0:
            return "stale"  # a REST snapshot that the stream has overtaken; OKX marks its own restarts with -1
        self._empty()
        if not self._fill(snapshot):
            self._abandon()
            return "malformed"
        self.live, self._joined, self._crossed_since = True, False, 0
        self.last_id, self.time_ns = snapshot.last_id, snapshot.time_ns
        return self._catch_up()

    def _catch_up(self) -> Verdict:
        held = list(self._buffer)
        self._buffer.clear()
        for place, delta in enumerate(held):
            verdict = self._follow(delta)
            if verdict not in ("", "stale"):
                self._buffer.extend(held[place + 1 :])  # a newer snapshot may still join on to these
                return verdict
        return ""

    def _merge(self, delta: BookDelta) -> Verdict:
        if not self._fill(delta):
            self._abandon()
            return "malformed"
        self._joined = True
        self.last_id = delta.last_id
        self.time_ns = delta.time_ns
        bid, ask = self._bids.best(), self._asks.best()
        if bid is not None and ask is not None and bid >= ask:
            return self._cross(delta.time_ns)
        self._crossed_since = 0
        return ""

    def _cross(self, now_ns: int) -> Verdict:
        if not self._crossed_since:
            self._crossed_since = now_ns or 1
        if now_ns - self._crossed_since <= self.rule.crossed_ns:
            return ""
        self._abandon()
        return "crossed"

    def _fill(self, delta: BookDelta) -> bool:
        return self._bids.put(delta.bids) and self._asks.put(delta.asks)

    def _abandon(self) -> None:
        self.live = self.rule.chain == "none"
        self._joined = False
        self._crossed_since = 0
        self._empty()

    def _empty(self) -> None:
        self._bids.clear()
        self._asks.clear()

    # -- questions ------------------------------------------------------------------------------------------------------

    @property
    def best_bid(self) -> float | None:
        return self._bids.best()

    @property
    def best_ask(self) -> float | None:
        return self._asks.best()

    def size_at(self, side: Side, price: float) -> float:
        """Size that rests at exactly this price on the side of the buyers or the sellers; 0 when none does."""
        return (self._bids if side == "buy" else self._asks).size_at(price)

    def levels(self, side: Side, n: int) -> list[tuple[float, float]]:
        """The best `n` levels as `(price, size)`, best first."""
        return (self._bids if side == "buy" else self._asks).top(n)

    def quote(self) -> Quote | None:
        """The top of the book, if both sides have one."""
        bid, ask = self._bids.best(), self._asks.best()
        if bid is None or ask is None:
            return None
        sizes = self._bids.size_at(bid), self._asks.size_at(ask)
        return Quote(self.venue, self.symbol, bid, sizes[0], ask, sizes[1], self.time_ns)

    def snapshot(self, n: int) -> BookDelta:
        """The best `n` levels of both sides as a snapshot, best first."""
        return BookDelta(
            self.venue,
            self.symbol,
            self.levels("buy", n),
            self.levels("sell", n),
            self.time_ns,
            last_id=self.last_id,
            snapshot=True,
        )

    def statistics(self) -> dict[str, Any]:
        counts = {name or "applied": count for name, count in self._counts.items()}
        return {
            "live": self.live,
            "bids": self._bids.count(),
            "asks": self._asks.count(),
            "best_bid": self.best_bid,
            "best_ask": self.best_ask,
            "last_id": self.last_id,
            "time_ns": self.time_ns,
            "held": len(self._buffer),
            **counts,
        }


class _Ladder:
    """One side of the book.

    Writing must be cheap, for hundreds of levels come at once: sizes are written in bulk, and a price whose size went to
    0 stays until it would be the best or until such prices are many. Keys ascend towards the best price (those of the
    asks are negated), so that the busy end is the cheap one.
    """

    __slots__ = ("_full", "_keys", "_sign", "_sizes")

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._sizes: dict[float, float] = {}
        self._keys: list[float] = []
        self._full = SPARE

    def put(self, levels: Sequence[tuple[float, float]]) -> bool:
        """Write levels; False when one of them has a price that no book can hold."""
        sizes = self._sizes
        before = len(sizes)
        sizes.update(levels)
        new = len(sizes) - before
        if not new:
            return True
        keys, sign = self._keys, self._sign
        for price in islice(reversed(sizes), new):  # a dict keeps its newest keys last
            if not 0.0 < price < inf:
                return False
            insort(keys, price * sign)
        if len(keys) > self._full:
            self._compact()
        return True

    def best(self) -> float | None:
        keys, sizes, sign = self._keys, self._sizes, self._sign
        while keys:
            price = keys[-1] * sign
            if sizes[price] > 0.0:
                return price
            del sizes[price]
            keys.pop()
        return None

    def top(self, n: int) -> list[tuple[float, float]]:
        sizes, sign = self._sizes, self._sign
        standing = ((key * sign, sizes[key * sign]) for key in reversed(self._keys) if sizes[key * sign] > 0.0)
        return list(islice(standing, n))

    def size_at(self, price: float) -> float:
        size = self._sizes.get(price, 0.0)
        return max(0.0, size)

    def count(self) -> int:
        return sum(size > 0.0 for size in self._sizes.values())

    def clear(self) -> None:
        self._sizes.clear()
        self._keys.clear()

    def _compact(self) -> None:
        self._sizes = {price: size for price, size in self._sizes.items() if size > 0.0}
        self._keys = sorted(price * self._sign for price in self._sizes)
        self._full = 2 * len(self._keys) + SPARE
