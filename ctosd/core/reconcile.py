"""Reconciliation: what we believe and what a venue says, compared; the result is a list of repairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from ctosd.abi.events import TERMINAL, Fill, OrderUpdate
from ctosd.abi.orders import Order

ZERO = Decimal(0)


class Book(msgspec.Struct, frozen=True):
    """A fill that we had not heard of."""

    fill: Fill


class Take(msgspec.Struct, frozen=True):
    """The venue knows our order in another state or with other terms."""

    update: OrderUpdate


class Ask(msgspec.Struct, frozen=True):
    """An order of ours that may still trade is not among the venue's open ones: ask for it by its client id."""

    order: Order


class Adopt(msgspec.Struct, frozen=True):
    """An open order with our prefix that our journal lost: power went before its last rows were on disk."""

    update: OrderUpdate


class Foreign(msgspec.Struct, frozen=True):
    """The venue has an open order that is not ours: a person's, another program's."""

    update: OrderUpdate


class Risen(msgspec.Struct, frozen=True):
    """The venue has an order open that we hold for ended."""

    update: OrderUpdate
    order: Order


Repair = Book | Take | Ask | Adopt | Foreign | Risen


class Record(Protocol):
    """What we believe, as far as a comparison asks."""

    def order(self, client_id: str) -> Order | None: ...
    def booked(self, fill: Fill) -> bool: ...
    def adoptable(self, client_id: str) -> bool: ...


def diff(ours: Iterable[Order], theirs: Sequence[OrderUpdate], fills: Iterable[Fill], record: Record) -> list[Repair]:
    """The repairs that bring our record to what the venue says, in the order in which to apply them.

    Orders that were lost come first, so that their fills find their owner, and sizes that we do not know: a fill
    alone would end an order that is larger there. Then money, in the order of time, then the rest. `ours` are the open orders
    to be compared; those that are under way are left out by the caller.
    """
    adopted: list[Repair] = []
    first: list[Repair] = []
    rest: list[Repair] = []
    compared = {order.client_id: order for order in ours}
    for update in theirs:
        order = compared.get(update.client_id)
        known = record.order(update.client_id)
        if order is not None:
            if _differs(order, update):
                (first if update.size != order.size else rest).append(Take(update))
        elif known is not None:
            rest += [] if known.is_open else [Risen(update, known)]
        elif record.adoptable(update.client_id):
            adopted.append(Adopt(update))
        else:
            rest.append(Foreign(update))
    booked: list[Repair] = [
        Book(fill) for fill in sorted(fills, key=lambda each: each.time_ns) if not record.booked(fill)
    ]
    open_there = {update.client_id for update in theirs}
    rest += [Ask(order) for order in compared.values() if order.is_open and order.client_id not in open_there]
    return adopted + first + booked + rest


def drifts(ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """symbol -> by how much the venue's net position differs from ours; symbols without a difference are left out."""
    found = {symbol: theirs.get(symbol, ZERO) - ours.get(symbol, ZERO) for symbol in {*ours, *theirs}}
    return {symbol: size for symbol, size in sorted(found.items()) if size}


def _differs(order: Order, update: OrderUpdate) -> bool:
    state = "partially_filled" if update.state == "open" and order.filled else update.state
    return (order.state, order.price, order.size, order.venue_id) != (
        state,
        update.price,
        update.size,
        update.venue_id,
    )


def is_proved_absent(
    order: Order, age_ns: int, expiry_ns: int, grace_ns: int, found: OrderUpdate | None, listed: bool
) -> bool:
    """Whether the venue can no longer have the order: two endpoints do not know it, and no request can still arrive.

    `age_ns` is the time since its request was signed, by a clock that nobody sets. `found` is the answer to a query by
    client id, `listed` whether it is among the open orders or the fills. An order that the venue once acknowledged or filled
    was sent, whatever it has forgotten since.
    """
    if found is not None or listed or order.venue_id or order.filled or order.state in TERMINAL:
        return False
    return age_ns > expiry_ns + grace_ns
