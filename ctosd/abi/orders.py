"""The order, as a strategy sees it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ctosd.abi.events import TERMINAL, OrderState, OrderType, TimeInForce
from ctosd.abi.instruments import Side


class Order(msgspec.Struct, kw_only=True):
    """One order from intent to end. The kernel keeps it current; everybody else only reads.

    `filled`, `size` in base units; `average` is the mean fill price, 0 before the first fill; `fee` in the settlement
    asset, positive when paid. `state` and `reason` tell all, `denied` and `unknown` included.
    """

    client_id: str
    strategy: str
    account: str
    symbol: str
    side: Side
    type: OrderType
    size: Decimal
    price: Decimal | None = None
    tif: TimeInForce = "gtc"
    post_only: bool = False
    reduce_only: bool = False
    trigger: Decimal | None = None  # a conditional order: not in the book until the last price reaches this
    state: OrderState = "pending"
    reason: str = ""
    message: str = ""
    venue_id: str = ""
    filled: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)  # sum of price x size over the fills
    fee: Decimal = Decimal(0)
    tag: str = ""
    created_ns: int = 0
    updated_ns: int = 0

    @property
    def remaining(self) -> Decimal:
        return self.size - self.filled

    @property
    def average(self) -> Decimal:
        return self.notional / self.filled if self.filled else Decimal(0)

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade. True for `pending` and `unknown`: absence is not proved."""
        return self.state not in TERMINAL
