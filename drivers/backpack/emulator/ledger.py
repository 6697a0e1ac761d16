"""Every order, fill, funding payment and client id of every account: what the venue remembers, and what tests compare with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ctosd.abi import Fill, FundingPayment
from drivers.backpack.emulator.formats import plain
from drivers.backpack.emulator.intake import Wish
from drivers.backpack.emulator.orders import Execution, Ticket
from drivers.backpack.emulator.refusals import Refusal

FIRST_ORDER = 59_669_287_000


class Book:
    """What one account has at this venue."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.tickets: dict[str, Ticket] = {}  # by the venue's id
        self.by_key: dict[str, Ticket] = {}
        self.open: dict[str, Ticket] = {}
        self.by_client: dict[int, str] = {}  # of open orders
        self.executions: list[Execution] = []
        self.payments: list[FundingPayment] = []
        self.placed: Counter[int] = Counter()  # client ids, and how many times a place of each was processed
        self.received: Counter[int] = Counter()

    def close(self, ticket: Ticket) -> None:
        self.open.pop(ticket.id, None)
        if ticket.client_id is not None and self.by_client.get(ticket.client_id) == ticket.id:
            del self.by_client[ticket.client_id]

    def find(self, order_id: str | None, client_id: int | None) -> Ticket:
        """An open order. Raises `Refusal` when there is none."""
        if client_id is not None:
            order_id = self.by_client.get(client_id)
        ticket = self.open.get(order_id or "")
        if ticket is None:
            raise Refusal("RESOURCE_NOT_FOUND", "Order not found")
        return ticket


class Ledger:
    """All accounts. Ids are counted over the venue; public trades are counted by symbol."""

    def __init__(self, accounts: Sequence[str]) -> None:
        self.books = {account: Book(account) for account in accounts}
        self._orders = 0
        self._trades: Counter[str] = Counter()
        self._known: dict[tuple[str, str], int] = {}

    def next_id(self) -> str:
        self._orders += 1
        return str(FIRST_ORDER + 7 * self._orders)

    def next_trade(self, symbol: str) -> int:
        self._trades[symbol] += 1
        return self._trades[symbol]

    def trade_of(self, fill: Fill) -> int:
        """The public trade of a fill: both sides of it have the same."""
        found = self._known.get((fill.symbol, fill.trade_id))
        if found is None:
            found = self._known[fill.symbol, fill.trade_id] = self.next_trade(fill.symbol)
        return found

    def ticket(self, account: str, wish: Wish, now_ns: int) -> Ticket:
        """A new order, not entered yet."""
        number = self.next_id()
        return Ticket(
            account=account,
            key=f"b{number}",
            id=number,
            client_id=wish.client_id,
            name=wish.market.name,
            symbol=wish.market.symbol,
            side=wish.side,
            type=wish.type,
            created_ns=now_ns,
            tif=wish.tif,
            quantity=wish.quantity,
            quote_quantity=wish.quote_quantity,
            price=wish.price,
            post_only=wish.post_only,
            reduce_only=wish.reduce_only,
            prevention=wish.prevention,
            trigger_price=wish.trigger_price,
            trigger_by=wish.trigger_by or ("LastPrice" if wish.trigger_price is not None else None),
            trigger_quantity=wish.trigger_quantity,
            attached=wish.attached,
        )

    def enter(self, ticket: Ticket) -> None:
        """From now on the order is known. What it does is told by the stage."""
        book = self.books[ticket.account]
        book.tickets[ticket.id] = book.by_key[ticket.key] = book.open[ticket.id] = ticket
        if ticket.client_id is not None:
            book.by_client[ticket.client_id] = ticket.id

    def strike(self, ticket: Ticket) -> None:
        """The order was refused: it never was."""
        book = self.books[ticket.account]
        book.close(ticket)
        del book.tickets[ticket.id], book.by_key[ticket.key]

    def statistics(self) -> dict[str, Any]:
        """The truth of every account; client ids with how often a place of each came and how often it was carried out."""
        return {
            account: {
                "orders": [
                    {
                        "id": ticket.id,
                        "client_id": ticket.client_id,
                        "symbol": ticket.symbol,
                        "state": ticket.status,
                        "side": ticket.side,
                        "filled": plain(ticket.executed),
                        "quote": plain(ticket.executed_quote),
                        "reason": ticket.expiry,
                    }
                    for ticket in book.tickets.values()
                ],
                "fills": [each.historical() | {"cause": each.fill.cause} for each in book.executions],
                "received": dict(book.received),
                "processed": dict(book.placed),
            }
            for account, book in self.books.items()
        }
