"""An order as the venue keeps it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ctosd.abi import TERMINAL, OrderState, OrderType, OrderUpdate, Side, TimeInForce

ZERO = Decimal(0)


class Order(msgspec.Struct, kw_only=True, eq=False):
    """One order. Matching works in whole ticks (`level`) and whole lots (`left`, `ahead`): both compare exactly.

    `rank` is its time priority: a later rank stands behind. `ahead` is the size of strangers that stands before it.
    """

    account: str
    client_id: str
    venue_id: str
    symbol: str
    side: Side
    type: OrderType
    size: Decimal
    price: Decimal | None
    created_ns: int
    updated_ns: int
    tif: TimeInForce = "gtc"
    post_only: bool = False
    reduce_only: bool = False
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    state: OrderState = "open"
    reason: str = ""
    rank: int = 0
    level: int = 0
    left: int = 0
    ahead: int = 0

    @property
    def key(self) -> str:
        return f"order/{self.account}/{self.client_id}"

    @property
    def sign(self) -> int:
        """1 for a buy, -1 for a sell."""
        return 1 if self.side == "buy" else -1

    @property
    def is_open(self) -> bool:
        return self.state not in TERMINAL

    def update(self) -> OrderUpdate:
        """The order as the venue tells it."""
        return OrderUpdate(
            account=self.account,
            symbol=self.symbol,
            client_id=self.client_id,
            venue_id=self.venue_id,
            state=self.state,
            side=self.side,
            type=self.type,
            size=self.size,
            filled=self.filled,
            time_ns=self.updated_ns,
            price=self.price,
            average=self.notional / self.filled if self.filled else None,
            reduce_only=self.reduce_only,
            reason=self.reason,
        )


def opposite(side: Side) -> Side:
    return "sell" if side == "buy" else "buy"
