"""The life of an order as a table: from which state an event may lead to which.

Fills alone move `filled`, `notional` and `fee`; the venue's word on an order moves its state. What arrives in an order
that no venue should produce is a `violation`, a sentence for the log: money is booked all the same, because the fill is real.
"""

from __future__ import annotations

from decimal import Decimal

from ctosd.abi.events import TERMINAL, Fill, OrderState, OrderUpdate
from ctosd.abi.orders import Order

_LIVE: frozenset[OrderState] = frozenset({"open", "partially_filled", "filled", "cancelled", "expired", "rejected"})

TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    "pending": _LIVE | {"denied", "unknown", "never_sent"},
    "unknown": _LIVE | {"never_sent"},
    "open": _LIVE - {"open"},
    "partially_filled": frozenset({"filled", "cancelled", "expired"}),
    "filled": frozenset(),
    "cancelled": frozenset(),
    "expired": frozenset(),
    "rejected": frozenset(),
    "denied": frozenset(),
    "never_sent": frozenset(),
}


def may(state: OrderState, new: OrderState) -> bool:
    """Whether an order in `state` may come into `new`."""
    return new in TRANSITIONS[state]


def on_update(order: Order, update: OrderUpdate) -> tuple[bool, str]:
    """Take the venue's word on an order. Returns `(changed, violation)`; a stale or repeated word changes nothing."""
    if update.venue_id:
        order.venue_id = update.venue_id
    changed = _take_terms(order, update)
    new = update.state
    if new == "open" and order.filled:
        new = "partially_filled"
    if new == order.state or new in ("pending", "unknown"):
        return changed, ""
    if not may(order.state, new):
        late = order.state in TERMINAL or order.state == "partially_filled"
        return changed, "" if late else f"{order.client_id}: {order.state} cannot become {new}"
    order.state = new
    order.reason = update.reason or order.reason
    order.updated_ns = update.time_ns
    return True, ""


def _take_terms(order: Order, update: OrderUpdate) -> bool:
    """An amendment that the venue confirmed: the new price and total size."""
    if order.state in TERMINAL or update.size <= 0:
        return False
    if update.price == order.price and update.size == order.size:
        return False
    order.price = update.price if update.price is not None else order.price
    order.size = update.size
    return True


def on_fill(order: Order, fill: Fill, most: Decimal | None = None) -> str:
    """Book one fill (the caller has seen that it is new). Returns a violation, or an empty string.

    `most` is the largest size that an amendment without an answer may have given the order: before that is filled, only
    the venue knows whether the order has ended.
    """
    violation = ""
    size = order.size if most is None else max(most, order.size)
    order.filled += fill.size
    order.notional += fill.size * fill.price
    order.fee += fill.fee
    order.venue_id = order.venue_id or fill.venue_id
    order.updated_ns = max(order.updated_ns, fill.time_ns)
    if order.filled > size:
        violation = f"{order.client_id}: filled {order.filled} of {size}"
    if order.state in TERMINAL:
        if order.state not in ("filled", "cancelled", "expired"):
            violation = f"{order.client_id}: a fill for an order that is {order.state}"
        return violation
    order.state = "filled" if order.filled >= size else "partially_filled"
    return violation


def exposure(order: Order, most: Decimal | None = None) -> Decimal:
    """What the order may still trade, at worst: all of its largest size that is not filled, while its absence is not proved."""
    size = order.size if most is None else most
    return size - order.filled if order.state not in TERMINAL else Decimal(0)
