"""Reconciliation: what we believe and what a venue says, compared; the result is a list of repairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from ctosd.abi.events import TERMINAL, Fill, OrderUpdate
from ctosd.abi.orders import Order
from ctosd.core.ids import is_ours


class Book(msgspec.Struct, frozen=True):
    """A fill that we had not heard of."""

    fill: Fill


class Adopt(msgspec.Struct, frozen=True):
    """The venue knows our order in another state or with other terms."""

    update: OrderUpdate


class Ask(msgspec.Struct, frozen=True):
    """An order of ours that may still trade is not among the venue's open ones: ask for it by its client id."""

    order: Order


class Orphan(msgspec.Struct, frozen=True):
    """The venue has an open order that our journal does not know; `ours` when it carries our prefix."""

    update: OrderUpdate
    ours: bool


Repair = Book | Adopt | Ask | Orphan


def diff(
    ours: Iterable[Order], theirs: Sequence[OrderUpdate], fills: Iterable[Fill], booked: Callable[[Fill], bool]
) -> list[Repair]:
    """The repairs that bring our record to what the venue says, in the order in which to apply them: money first."""
    repairs: list[Repair] = [Book(fill) for fill in sorted(fills, key=lambda each: each.time_ns) if not booked(fill)]
    known = {order.client_id: order for order in ours}
    open_there = {update.client_id for update in theirs}
    for update in theirs:
        order = known.get(update.client_id)
        if order is None:
            repairs.append(Orphan(update, is_ours(update.client_id)))
        elif _differs(order, update):
            repairs.append(Adopt(update))
    repairs += [Ask(order) for order in known.values() if order.is_open and order.client_id not in open_there]
    return repairs


def _differs(order: Order, update: OrderUpdate) -> bool:
    return (order.state, order.price, order.size, order.venue_id) != (
        update.state,
        update.price,
        update.size,
        update.venue_id,
    )


def is_proved_absent(
    order: Order, now_ns: int, expiry_ns: int, grace_ns: int, found: OrderUpdate | None, listed: bool
) -> bool:
    """Whether the venue can no longer have the order: two endpoints do not know it, and no request can still arrive.

    `found` is the answer to a query by client id, `listed` whether it is among the open orders or the fills. An order that
    the venue once acknowledged or filled was sent, whatever it has forgotten since.
    """
    if found is not None or listed or order.venue_id or order.filled or order.state in TERMINAL:
        return False
    return now_ns > order.created_ns + expiry_ns + grace_ns
