"""What the emulator remembers of each account: orders, fills, bills, legs of positions, and every client id it was sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from drivers.okx.emulator.figures import plain
from drivers.okx.emulator.legs import Leg
from drivers.okx.emulator.orders import Execution, Ticket

FIRST_ORDER = 2_510_789_768_709_120_000
FIRST_BILL = 1_623_950_854_533_513_000
FORGET_NS = 2 * 3600 * 1_000_000_000
KEPT = 20_000


class Numbers:
    """Ids as OKX gives them: long numbers that grow."""

    def __init__(self) -> None:
        self._orders = FIRST_ORDER
        self._bills = FIRST_BILL

    def order(self) -> str:
        self._orders += 1_021
        return str(self._orders)

    def bill(self) -> str:
        self._bills += 1
        return str(self._bills)


class Book:
    """One account. `received` counts each client id that a place carried, `placed` how often one was carried out."""

    def __init__(self, account: str, uid: str) -> None:
        self.account = account
        self.uid = uid
        self.hedged = False
        self.tickets: dict[str, Ticket] = {}
        self.by_key: dict[str, Ticket] = {}
        self.pending: dict[str, Ticket] = {}
        self.by_client: dict[str, Ticket] = {}  # the newest with each client id
        self.fills: deque[tuple[Ticket, Execution]] = deque(maxlen=KEPT)
        self.bills: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.legs: dict[tuple[str, str], Leg] = {}  # by instrument and side
        self.received: dict[str, int] = {}
        self.placed: dict[str, int] = {}

    def enter(self, ticket: Ticket) -> None:
        self.tickets[ticket.id] = self.by_key[ticket.key] = ticket
        if ticket.open:
            self.pending[ticket.id] = ticket
        if ticket.client_id:
            self.by_client[ticket.client_id] = ticket
        if len(self.tickets) > KEPT:
            self._drop(next(iter(self.tickets.values())))

    def _drop(self, ticket: Ticket) -> None:
        if not ticket.open:
            del self.tickets[ticket.id], self.by_key[ticket.key]
            if self.by_client.get(ticket.client_id) is ticket:
                del self.by_client[ticket.client_id]

    def settle(self, ticket: Ticket) -> None:
        """Keep the list of pending orders right after a change."""
        if not ticket.open:
            self.pending.pop(ticket.id, None)

    def find(self, instrument: str, order_id: object, client_id: object) -> Ticket | None:
        """By order id, which wins, else the newest with the client id."""
        if order_id not in (None, ""):
            found = self.tickets.get(str(order_id))
        else:
            found = self.by_client.get(client_id) if isinstance(client_id, str) else None
        return found if found is not None and found.market.id == instrument else None

    def visible(self, now_ns: int) -> Iterator[Ticket]:
        """Newest first; cancelled ones without a fill are forgotten after two hours."""
        for ticket in reversed(self.tickets.values()):
            if not forgotten(ticket, now_ns):
                yield ticket

    def leg(self, instrument: str, side: str) -> Leg:
        return self.legs.setdefault((instrument, side), Leg(instrument, side))

    def open_legs(self, instrument: str = "") -> Sequence[Leg]:
        return [leg for leg in self.legs.values() if leg.size and instrument in ("", leg.instrument)]

    def truth(self) -> dict[str, Any]:
        return {
            "orders": [
                {
                    "id": ticket.id,
                    "client_id": ticket.client_id,
                    "symbol": ticket.market.symbol,
                    "state": ticket.state,
                    "side": ticket.side,
                    "size": plain(ticket.market.coins(ticket.size)),
                    "filled": plain(ticket.market.coins(ticket.filled)),
                    "cancel_source": ticket.cancel_source,
                }
                for ticket in self.tickets.values()
            ],
            "fills": [
                {
                    "trade_id": fill.trade_id,
                    "client_id": ticket.client_id,
                    "symbol": ticket.market.symbol,
                    "side": ticket.side,
                    "price": plain(fill.price),
                    "size": plain(ticket.market.coins(fill.size)),
                    "fee": plain(-fill.fee),
                }
                for ticket, fill in self.fills
            ],
            "received": dict(self.received),
            "placed": dict(self.placed),
        }


def forgotten(ticket: Ticket, now_ns: int) -> bool:
    return ticket.state == "canceled" and not ticket.filled and now_ns - ticket.updated_ns > FORGET_NS


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """What a bill is about. `amount` is what the balance gained, `kind` and `part` OKX's type and sub-type."""

    kind: str
    part: str
    asset: str
    amount: Decimal
    balance: Decimal
    size: Decimal = Decimal(0)
    price: Decimal | None = None
    pnl: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
