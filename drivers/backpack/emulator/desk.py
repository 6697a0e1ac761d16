"""The order desk: places, cancels and triggers, carried out on the stage and written down as the venue would.

What the stage's engine answers to a place is translated here: a refusal into the venue's code, an immediate order that was
not filled into an expired one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from ctosd.abi import Cancel, Outcome, Place, Rejected, Side, exact
from drivers.backpack.emulator.faults import Faults
from drivers.backpack.emulator.intake import Wish, as_decimal, check_size
from drivers.backpack.emulator.ledger import Book, Ledger
from drivers.backpack.emulator.markets import Market, Markets
from drivers.backpack.emulator.orders import ZERO, Ticket
from drivers.backpack.emulator.refusals import Refusal
from drivers.backpack.emulator.reporter import Reporter
from drivers.paper.stage import Stage

REFUSALS = {
    "post_only": ("INVALID_ORDER", "Order would immediately match and take."),
    "reduce_only": ("INVALID_ORDER", "Reduce only order would not reduce the position"),
    "insufficient_funds": ("INSUFFICIENT_FUNDS", "Insufficient funds"),
    "price_band": ("INVALID_PRICE", "Price is too far from the last active price"),
    "order_count_limit": ("ORDER_LIMIT", "Too many open orders"),
    "position_limit": ("POSITION_LIMIT", "Position limit exceeded"),
    "market_closed": ("TRADING_PAUSED", "Trading is paused"),
    "bad_symbol": ("INVALID_MARKET", "Invalid market"),
    "filter": ("INVALID_QUANTITY", "Quantity is out of range"),
    "duplicate_client_id": ("INVALID_ORDER", "Duplicate client order id"),
}
"""The engine's reason -> the venue's code and message. What reduce-only and duplicates are called is not documented."""
DEPTH = 1_000
EVERYTHING = Decimal(1_000_000)
LATER_NS = 500_000_000


class Desk:
    """Places and cancels. `later(delay_ns, call)` does something after a while; `house` is an account that nobody has a key to."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        ledger: Ledger,
        reporter: Reporter,
        faults: Faults,
        later: Callable[[int, Callable[[], None]], None],
        house: str,
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._ledger = ledger
        self._reporter = reporter
        self._faults = faults
        self._later = later
        self.house = house
        self.lends: dict[str, bool] = {}
        self._races = 0
        stage.on_triggered = self._on_triggered

    # -- place ------------------------------------------------------------------------------------------------------------

    def place(self, account: str, wish: Wish) -> Ticket:
        """Carry a place out. Raises `Refusal`."""
        book = self._ledger.books[account]
        if wish.client_id is not None:
            book.received[wish.client_id] += 1
            if wish.client_id in book.by_client:
                raise Refusal(*REFUSALS["duplicate_client_id"])
        self._check_lending(account, wish)
        self._stage.open(wish.market.symbol)
        size = self._size(account, wish)
        ticket = self._ledger.ticket(account, wish, self._reporter.now_ns())
        if ticket.trigger_price is not None:
            self._wait(ticket, size)
        else:
            self._enter(ticket, wish.market, size)
        if wish.client_id is not None:
            book.placed[wish.client_id] += 1
        return ticket

    def _check_lending(self, account: str, wish: Wish) -> None:
        """With lent balances a spot order must say that it redeems them (sheet section 6.1)."""
        if self.lends.get(account) and not wish.market.is_perp and not wish.redeems:
            raise Refusal("BORROW_REQUIRES_LEND_REDEEM", "Auto lend redeem is required")

    def _size(self, account: str, wish: Wish) -> Decimal:
        if wish.trigger_quantity is not None:
            return self._trigger_size(account, wish.market, wish.trigger_quantity)
        if wish.quantity is not None:
            return wish.quantity
        assert wish.quote_quantity is not None
        size = self._worth(wish.market, wish.side, wish.quote_quantity)
        check_size(wish.market, size)
        return size

    def _trigger_size(self, account: str, market: Market, text: str) -> Decimal:
        """An absolute size, or a percentage of the position as it is now."""
        if not text.endswith("%"):
            return as_decimal(text, "triggerQuantity")
        share = as_decimal(text[:-1], "triggerQuantity") / 100
        held = sum(
            (abs(p.size) for p in self._stage.floor.engine.positions(account) if p.symbol == market.symbol), ZERO
        )
        size = market.instrument.floor_size(held * share)
        check_size(market, size)
        return size

    def _worth(self, market: Market, side: str, quote: Decimal) -> Decimal:
        """How much of the base an amount of quote money buys, or must be sold for it, at the present book."""
        book = self._stage.book(market.symbol, DEPTH)
        size, left = ZERO, quote
        for price, shown in book.asks if side == "Bid" else book.bids:
            step = min(exact(shown), left / exact(price))
            size, left = size + step, left - step * exact(price)
            if left <= 0:
                break
        return (size / market.instrument.lot).to_integral_value(ROUND_FLOOR) * market.instrument.lot

    def _enter(self, ticket: Ticket, market: Market, size: Decimal) -> None:
        """Let the engine have it, after the venue's own rules about trading with oneself."""
        place = self._order(ticket, size)
        if ticket.prevention == "RejectMaker" and not ticket.post_only:
            self._remove_makers(ticket)
        self._ledger.enter(ticket)
        outcome = self._stage.execute(place, self._faults.share())
        if isinstance(outcome, Rejected):
            if outcome.reason == "not_filled":
                self._reporter.expire(ticket, "FillOrKill")
                return
            self._ledger.strike(ticket)
            raise refusal(outcome, market)
        if ticket.prevention == "RejectBoth" and ticket.expiry == "SelfTradePrevention":
            self._remove_makers(ticket)

    def _order(self, ticket: Ticket, size: Decimal) -> Place:
        return Place(
            account=ticket.account,
            client_id=ticket.key,
            symbol=ticket.symbol,
            side=side_of(ticket),
            type="limit" if ticket.type == "Limit" else "market",
            size=size,
            price=ticket.price,
            tif={"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}[ticket.tif],  # type: ignore[arg-type]
            post_only=ticket.post_only,
            reduce_only=bool(ticket.reduce_only),
            trigger=ticket.trigger_price,
        )

    def _remove_makers(self, ticket: Ticket) -> None:
        """Expire the account's own orders that this one would meet."""
        for other in list(self._ledger.books[ticket.account].open.values()):
            if other is ticket or other.symbol != ticket.symbol or other.side == ticket.side or other.waits:
                continue
            if ticket.price is None or other.price is None or _meets(ticket.side, ticket.price, other.price):
                other.expiry = "SelfTradePrevention"
                self._stage.execute(_cancel(other))

    # -- triggers ---------------------------------------------------------------------------------------------------------

    def _wait(self, ticket: Ticket, size: Decimal) -> None:
        ticket.status = "TriggerPending"
        self._ledger.enter(ticket)
        outcome = self._stage.execute(self._order(ticket, size))
        if isinstance(outcome, Rejected):
            self._ledger.strike(ticket)
            raise refusal(outcome, self._markets.of(ticket.symbol))
        self._reporter.tell(ticket, "triggerPlaced")

    def _on_triggered(self, place: Place, outcome: Outcome) -> None:
        """A conditional order became active; what it did was told already."""
        ticket = self._ledger.books[place.account].by_key.get(place.client_id)
        if ticket is None:
            return
        if isinstance(outcome, Rejected):
            self._reporter.fail(ticket)

    def attach(self, parent: Ticket) -> None:
        """Place the stop loss and the take profit that an order carried, once it is filled."""
        for name in ("stopLoss", "takeProfit"):
            price = parent.attached.get(f"{name}TriggerPrice")
            if price is None:
                continue
            limit = parent.attached.get(f"{name}LimitPrice")
            child = Wish(
                market=self._markets.of(parent.symbol),
                side="Ask" if parent.side == "Bid" else "Bid",
                type="Limit" if limit is not None else "Market",
                client_id=None,
                quantity=None,
                quote_quantity=None,
                price=Decimal(limit) if limit is not None else None,
                tif="GTC",
                post_only=False,
                reduce_only=True if parent.name.endswith("_PERP") else None,
                prevention=parent.prevention,
                trigger_price=Decimal(price),
                trigger_by=parent.attached.get(f"{name}TriggerBy"),
                trigger_quantity=f"{parent.executed:f}",
                redeems=True,
                attached={},
            )
            ticket = self._ledger.ticket(parent.account, child, self._reporter.now_ns())
            ticket.related_id = parent.id
            self._wait(ticket, parent.executed)

    # -- cancel -----------------------------------------------------------------------------------------------------------

    def cancel(self, account: str, order_id: str | None, client_id: int | None, symbol: str) -> Ticket | None:
        """Cancel one order; None when it is accepted but not done (202). Raises `Refusal` when there is none."""
        book = self._ledger.books[account]
        ticket = book.find(order_id, client_id)
        if ticket.name != symbol:
            raise Refusal("RESOURCE_NOT_FOUND", "Order not found")
        if self._faults.strikes("cancel_fill_race"):
            self._fill_first(ticket)
            book.find(order_id, client_id)
        if self._faults.strikes("lost_cancel"):
            return None
        if self._faults.strikes("accepted_cancel"):
            self._later(LATER_NS, lambda: self._remove(ticket))
            return None
        self._remove(ticket)
        return ticket

    def cancel_all(self, account: str, symbol: str, kind: str | None) -> list[Ticket] | None:
        """Cancel the open orders of a market: ``RestingLimitOrder``, ``ConditionalOrder`` or both."""
        found = [
            ticket
            for ticket in self._ledger.books[account].open.values()
            if ticket.name == symbol and (kind is None or ticket.waits == (kind == "ConditionalOrder"))
        ]
        if found and self._faults.strikes("lost_cancel"):
            return None
        if found and self._faults.strikes("accepted_cancel"):
            self._later(LATER_NS, lambda: self._remove_all(found))
            return None
        self._remove_all(found)
        return found

    def _remove_all(self, tickets: list[Ticket]) -> None:
        for ticket in tickets:
            self._remove(ticket)

    def _remove(self, ticket: Ticket) -> None:
        if not ticket.is_open:
            return
        waited = ticket.waits
        self._stage.execute(_cancel(ticket))
        if waited:  # the stage tells nothing of orders that wait
            self._reporter.cancel(ticket)

    def _fill_first(self, ticket: Ticket) -> None:
        """The order fills while its cancel is under way: somebody sells, or buys, everything down to its price."""
        if ticket.waits or ticket.price is None:
            return
        self._races += 1
        self._stage.execute(
            Place(
                account=self.house,
                client_id=f"race-{self._races}",
                symbol=ticket.symbol,
                side="sell" if ticket.side == "Bid" else "buy",
                type="limit",
                size=EVERYTHING,
                price=ticket.price,
                tif="ioc",
            )
        )

    # -- questions ----------------------------------------------------------------------------------------------------------

    def open_orders(self, account: str, symbol: str = "", kind: str = "") -> list[Ticket]:
        book: Book = self._ledger.books[account]
        return [
            ticket
            for ticket in book.open.values()
            if (not symbol or ticket.name == symbol) and (not kind or self._markets.of(ticket.symbol).kind == kind)
        ]

    def statistics(self) -> dict[str, Any]:
        return {account: len(book.open) for account, book in self._ledger.books.items()}


def refusal(outcome: Rejected, market: Market) -> Refusal:
    code, message = REFUSALS.get(outcome.reason, ("INVALID_ORDER", outcome.message))
    if code == "INSUFFICIENT_FUNDS" and market.is_perp:
        return Refusal("INSUFFICIENT_MARGIN", "Insufficient margin")
    return Refusal(code, message)


def side_of(ticket: Ticket) -> Side:
    return "buy" if ticket.side == "Bid" else "sell"


def _meets(side: str, price: Decimal, other: Decimal) -> bool:
    return other <= price if side == "Bid" else other >= price


def _cancel(ticket: Ticket) -> Cancel:
    return Cancel(account=ticket.account, client_id=ticket.key, venue_id="", symbol=ticket.symbol)
