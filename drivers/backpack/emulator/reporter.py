"""Hears what the stage does to accounts, writes it into the ledger and tells it in the venue's words.

Order of an execution: the stage tells the fill, then the order as it stands after it; the venue tells both as one
`orderFill`. Positions and balances follow.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import Balance, Event, Fill, FundingPayment, OrderUpdate, Position
from drivers.backpack.emulator.formats import us
from drivers.backpack.emulator.ledger import Book, Ledger
from drivers.backpack.emulator.markets import native
from drivers.backpack.emulator.orders import Execution, Ticket

Tell = Callable[[str, str, str, dict[str, Any]], None]
"""(account, stream, the venue's symbol, data)"""

EXPIRIES = {
    "self_trade": "SelfTradePrevention",
    "liquidated": "Liquidation",
    "reduce_only": "ReduceOnlyNotReduced",
}
"""The engine's reason -> the venue's, where an order ended without anybody's cancel."""


class Reporter:
    """`tell` hears private messages; `on_execution` every fill; `on_filled` an order that is filled whole."""

    def __init__(self, ledger: Ledger, now_ns: Callable[[], int]) -> None:
        self._ledger = ledger
        self.now_ns = now_ns
        self.tell_private: Tell = lambda account, stream, symbol, data: None
        self.on_execution: Callable[[Execution], None] = lambda execution: None
        self.on_filled: Callable[[Ticket], None] = lambda ticket: None
        self.on_position: Callable[[Position], None] = lambda position: None
        self.on_balance: Callable[[Balance], None] = lambda balance: None
        self._pending: Execution | None = None

    def hear(self, event: Event) -> None:
        """One private event of the stage. What the house does is nobody's business."""
        if getattr(event, "account", "") not in self._ledger.books:
            return
        if isinstance(event, OrderUpdate):
            self._order(event)
        elif isinstance(event, Fill):
            self._fill(event)
        elif isinstance(event, Position):
            self.on_position(event)
        elif isinstance(event, Balance):
            self.on_balance(event)
        elif isinstance(event, FundingPayment):
            self._ledger.books[event.account].payments.append(event)

    # -- what the desk knows and the stage does not -------------------------------------------------------------------------

    def tell(self, ticket: Ticket, event: str, fill: Execution | None = None) -> None:
        self.tell_private(
            ticket.account, "account.orderUpdate", ticket.name, ticket.update(event, us(self.now_ns()), fill)
        )

    def expire(self, ticket: Ticket, reason: str) -> None:
        """It ends at once, without having been accepted into the book."""
        self._end(ticket, "Expired", reason)
        self.tell(ticket, "orderExpired")

    def fail(self, ticket: Ticket) -> None:
        """Its trigger was reached, and the engine refused it."""
        self._end(ticket, "TriggerFailed")
        self.tell(ticket, "triggerFailed")

    def cancel(self, ticket: Ticket) -> None:
        self._end(ticket, "Cancelled")
        self.tell(ticket, "orderCancelled")

    # -- what the stage tells ------------------------------------------------------------------------------------------------

    def _fill(self, fill: Fill) -> None:
        ticket = self._ticket(self._ledger.books[fill.account], fill)
        if ticket is None:
            return
        fill = msgspec.structs.replace(fill, time_ns=self.now_ns())
        ticket.cause = fill.cause or ticket.cause
        ticket.add(fill)
        execution = Execution(ticket=ticket, trade_id=self._ledger.trade_of(fill), fill=fill)
        self._ledger.books[fill.account].executions.append(execution)
        self._pending = execution
        self.on_execution(execution)

    def _order(self, update: OrderUpdate) -> None:
        book = self._ledger.books[update.account]
        ticket = self._ticket(book, update)
        if ticket is None:
            return
        execution, self._pending = self._pending, None
        shrunk = self._take_size(ticket, update)
        if update.state == "open" and not ticket.accepted:
            self._accept(ticket)
        elif execution is not None and execution.ticket is ticket:
            ticket.status = "Filled" if update.state == "filled" else "PartiallyFilled"
            if update.state == "filled":
                self._end(ticket, "Filled")
            self.tell(ticket, "orderFill", execution)
            if update.state == "filled":
                self.on_filled(ticket)
        elif update.state in ("cancelled", "expired"):
            self._ended(ticket, update)
        elif shrunk:
            self.tell(ticket, "orderModified")

    def _take_size(self, ticket: Ticket, update: OrderUpdate) -> bool:
        """The size as the engine has it; whether it changed."""
        if ticket.quote_quantity is not None and ticket.quantity is None:
            ticket.quantity = update.size
            return False
        changed = ticket.quantity is not None and ticket.quantity != update.size
        ticket.quantity = update.size
        return changed

    def _accept(self, ticket: Ticket) -> None:
        if ticket.waits:
            ticket.triggered_ns = self.now_ns()
        ticket.accepted, ticket.status = True, "New"
        if not ticket.cause:
            self.tell(ticket, "orderAccepted")

    def _ended(self, ticket: Ticket, update: OrderUpdate) -> None:
        reason = ticket.expiry or EXPIRIES.get(update.reason)
        if update.reason == "not_filled":
            reason = "InsufficientLiquidity" if ticket.type == "Market" else "ImmediateOrCancel"
        if reason is None:
            self.cancel(ticket)
        else:
            self.expire(ticket, reason)

    def _end(self, ticket: Ticket, status: str, reason: str | None = None) -> None:
        ticket.status, ticket.expiry, ticket.ended_ns = status, reason, self.now_ns()
        self._ledger.books[ticket.account].close(ticket)

    def _ticket(self, book: Book, event: OrderUpdate | Fill) -> Ticket | None:
        """The order that an event is about; the venue's own orders get their ticket here, those of nobody have none."""
        found = book.by_key.get(event.client_id)
        if found is not None or not event.client_id.startswith("autoclose-"):
            return found
        ticket = Ticket(
            account=event.account,
            key=event.client_id,
            id=self._ledger.next_id(),
            client_id=None,
            name=native(event.symbol),
            symbol=event.symbol,
            side="Bid" if event.side == "buy" else "Ask",
            type="Market",
            created_ns=self.now_ns(),
            tif="IOC",
            quantity=Decimal(event.size),
            reduce_only=True,
            cause="liquidation",
        )
        self._ledger.enter(ticket)
        return ticket
