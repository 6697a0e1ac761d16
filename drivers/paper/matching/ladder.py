"""One side of the users' own resting orders in one symbol, by price and then by time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from drivers.paper.matching.orders import Order


class Ladder:
    """`sign` is 1 for buys and -1 for sells: keys are levels times the sign, so that the best is the last."""

    __slots__ = ("_keys", "_queues", "prices", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self._keys: list[int] = []
        self._queues: dict[int, list[Order]] = {}
        self.prices: dict[float, int] = {}  # the levels by their price as a book spells it

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def best(self) -> int | None:
        return self._keys[-1] * self.sign if self._keys else None

    def add(self, order: Order) -> None:
        """Put an order where its rank says: at the end, except when orders are read back."""
        queue = self._queues.get(order.level)
        if queue is None:
            self._queues[order.level] = [order]
            insort(self._keys, order.level * self.sign)
            if order.price is not None:
                self.prices[float(order.price)] = order.level
        else:
            insort(queue, order, key=_rank)

    def remove(self, order: Order) -> None:
        queue = self._queues[order.level]
        queue.remove(order)
        if queue:
            return
        del self._queues[order.level]
        del self._keys[bisect_left(self._keys, order.level * self.sign)]
        if order.price is not None:
            del self.prices[float(order.price)]

    def at(self, level: int) -> list[Order]:
        """The orders of one level, first in time first."""
        return list(self._queues.get(level, ()))

    def reaching(self, level: int) -> list[Order]:
        """The orders priced at `level` or better, best and then first in time first."""
        bound, found = level * self.sign, []
        for key in reversed(self._keys):
            if key < bound:
                break
            found += self._queues[key * self.sign]
        return found

    def __iter__(self) -> Iterator[Order]:
        """Every order, best and then first in time first; a snapshot, so that orders may leave meanwhile."""
        return iter([order for key in reversed(self._keys) for order in self._queues[key * self.sign]])


def _rank(order: Order) -> int:
    return order.rank
