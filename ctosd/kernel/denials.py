"""What the gate refused, kept for `why`: the newest of each strategy."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

import msgspec

from ctosd.abi.orders import Order
from ctosd.core.gate import Refusal

KEPT = 50


class Denial(msgspec.Struct):
    """A refusal of the gate; the same one again only counts."""

    time_ns: int
    reason: str
    message: str
    symbol: str
    side: str
    size: Decimal
    price: Decimal | None
    count: int = 1


class Denials(dict[str, deque[Denial]]):
    """strategy -> its newest refusals, oldest first."""

    def note(self, order: Order, refusal: Refusal) -> bool:
        """Keep one. False when it is the last one again, which a strategy may cause many times a second."""
        kept = self.setdefault(order.strategy, deque(maxlen=KEPT))
        last = kept[-1] if kept else None
        if last is None or (last.reason, last.symbol, last.side) != (refusal.reason, order.symbol, order.side):
            kept.append(
                Denial(
                    order.updated_ns, refusal.reason, refusal.message, order.symbol, order.side, order.size, order.price
                )
            )
            return True
        last.count += 1
        last.time_ns, last.message, last.size, last.price = order.updated_ns, refusal.message, order.size, order.price
        return False
