"""Orders as the commands that a driver takes, and outcomes as the journal keeps them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi.commands import Amend, Cancel, Outcome, Place
from ctosd.abi.orders import Order

MILLISECOND = 1_000_000


def place_of(order: Order, now_ns: int, expiry_ms: int) -> Place:
    """The order, valid at the venue for so long from now on; without end where the venue knows none."""
    return Place(
        account=order.account,
        client_id=order.client_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        size=order.size,
        price=order.price,
        tif=order.tif,
        post_only=order.post_only,
        reduce_only=order.reduce_only,
        trigger=order.trigger,
        expires_ns=now_ns + expiry_ms * MILLISECOND if expiry_ms else 0,
    )


def amend_of(order: Order, price: Decimal | None, size: Decimal | None, now_ns: int, expiry_ms: int) -> Amend:
    """The change from what the order is now."""
    return Amend(
        account=order.account,
        client_id=order.client_id,
        venue_id=order.venue_id,
        symbol=order.symbol,
        price=price,
        size=size,
        side=order.side,
        old_price=order.price,
        old_size=order.size,
        expires_ns=now_ns + expiry_ms * MILLISECOND,
    )


def cancel_of(order: Order) -> Cancel:
    return Cancel(account=order.account, client_id=order.client_id, venue_id=order.venue_id, symbol=order.symbol)


def plain(outcome: Outcome) -> dict[str, Any]:
    """The outcome as a row of the journal has it."""
    return {"outcome": type(outcome).__name__.lower(), **msgspec.structs.asdict(outcome)}
