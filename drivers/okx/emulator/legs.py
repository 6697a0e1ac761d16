"""Legs: what an account holds of one instrument, as OKX counts it.

In the net mode there is one leg, whose size has a sign; in the long/short mode there are two whose sizes have none. The
stage nets both of them: margin and cash are those of the net position, the legs say how it is told.
"""

from __future__ import annotations

from decimal import Decimal

ZERO = Decimal(0)


class Leg:
    """One position of OKX. `size` in contracts."""

    def __init__(self, instrument: str, side: str) -> None:
        self.instrument = instrument
        self.side = side
        self.id = ""
        self.mode = "cross"
        self.size = ZERO
        self.average = ZERO
        self.pnl = self.fee = self.funding = ZERO
        self.trade_id = ""
        self.created_ns = self.updated_ns = 0

    def trade(self, signed: Decimal, price: Decimal, value: Decimal, now_ns: int) -> Decimal:
        """Add a fill of `signed` contracts (negative: sold); returns the realised profit. `value`: coins of a contract."""
        if self.side == "short":
            signed = -signed
        if not self.size:
            self.pnl = self.fee = self.funding = ZERO
            self.created_ns = now_ns
        self.updated_ns = now_ns
        before, after = self.size, self.size + signed
        if before * signed >= 0:
            self.average = (abs(before) * self.average + abs(signed) * price) / abs(after) if after else ZERO
            self.size = after
            return ZERO
        closed = min(abs(before), abs(signed))
        direction = (1 if before > 0 else -1) * (-1 if self.side == "short" else 1)
        realised = closed * value * (price - self.average) * direction
        self.pnl += realised
        self.size = after
        if before * after < 0:  # turned over: the rest is a new position
            self.average = price
        return realised

    @property
    def long(self) -> bool:
        return self.side == "long" or (self.side == "net" and self.size > 0)

    def unrealised(self, mark: Decimal, value: Decimal) -> Decimal:
        direction = 1 if self.long else -1
        return abs(self.size) * value * (mark - self.average) * direction
