"""The reporter: hears what the stage does to accounts and tells it in OKX's words.

Orders first, then what they did to positions and balances, as the stage tells it. The pushes are rows; who they go to is
the hub's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ctosd.abi import Balance, Event, Fill, FundingPayment, OrderUpdate, Position
from drivers.okx.emulator.figures import ms, plain
from drivers.okx.emulator.ledger import Book, Numbers, Payment
from drivers.okx.emulator.listing import Listing, Market
from drivers.okx.emulator.orders import Execution, Ticket

FIRST_TRADE = 700_000_000
SOURCES = {"self_trade": "32", "reduce_only": "21", "liquidated": "3", "amend_reject": "1"}
"""Why the stage cancelled, as `cancelSource`."""


class Reporter:
    """`on_order(ticket, row)`, `on_position(account, market, what)` and `on_money(account, asset, what)` hear of changes."""

    def __init__(
        self,
        listing: Listing,
        books: Mapping[str, Book],
        numbers: Numbers,
        now: Callable[[], int],
        mark: Callable[[Market], Decimal],
    ) -> None:
        self._listing = listing
        self._books = books
        self._numbers = numbers
        self._now = now
        self._mark = mark
        self._awaited: dict[str, Ticket] = {}
        self._fills: dict[str, list[Execution]] = {}
        self._sums: dict[tuple[str, str], Decimal] = {}
        self.on_order: Callable[[Ticket, dict[str, Any]], None] = lambda ticket, row: None
        self.on_position: Callable[[str, Market, str], None] = lambda account, market, what: None
        self.on_money: Callable[[str, str, str], None] = lambda account, asset, what: None
        self.on_trade: Callable[[Ticket, Execution], None] = lambda ticket, fill: None
        self.adopt: Callable[[OrderUpdate], Ticket | None] = lambda update: None
        """A ticket for an order of the stage that no client placed under this name: a triggered one."""

    # -- orders that are about to reach the stage ---------------------------------------------------------------------------

    def expect(self, ticket: Ticket) -> None:
        self._awaited[ticket.key] = ticket

    def unexpected(self, ticket: Ticket) -> None:
        self._awaited.pop(ticket.key, None)

    def remember(self, account: str, asset: str, total: Decimal) -> None:
        """What an account has at the start."""
        self._sums[account, asset] = total

    # -- what the stage tells ---------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        if not isinstance(event, OrderUpdate | Fill | FundingPayment | Balance | Position):
            return
        book = self._books.get(event.account)
        if book is None:
            return
        if isinstance(event, OrderUpdate):
            self._order(book, event)
        elif isinstance(event, Fill):
            self._fill(book, event)
        elif isinstance(event, FundingPayment):
            self._funding(book, event)
        elif isinstance(event, Position):
            self.on_position(book.account, self._listing.by_symbol[event.symbol], "")
        else:
            self._sums[book.account, event.asset] = event.total
            self.on_money(book.account, event.asset, "")

    def _order(self, book: Book, update: OrderUpdate) -> None:
        ticket = book.by_key.get(update.client_id)
        if ticket is None:
            ticket = self._awaited.pop(update.client_id, None) or self.adopt(update) or self._venues_own(update)
            book.enter(ticket)
            if ticket.category != "normal":
                return  # its one push comes with its fill, which tells why
        self._take(ticket, update)
        book.settle(ticket)
        fills = self._fills.pop(ticket.key, None)
        for fill in fills or (None,):
            self.tell(ticket, fill)

    def _take(self, ticket: Ticket, update: OrderUpdate) -> None:
        """Bring a ticket to where the stage has the order."""
        ticket.updated_ns = self._now()
        if update.price is not None:
            ticket.price = update.price
        if not ticket.in_quote and update.size != ticket.market.coins(ticket.size):
            ticket.size = ticket.market.contracts(update.size)
            ticket.amend_source = ticket.amend_source or "2"
        if update.state in ("cancelled", "expired"):
            ticket.state = "canceled"
            ticket.cancel_source = ticket.cancel_source or self._source(ticket, update)
        elif update.state == "filled":
            ticket.state, ticket.cancel_source = "filled", ""
        else:
            ticket.state = "partially_filled" if update.filled else "live"

    @staticmethod
    def _source(ticket: Ticket, update: OrderUpdate) -> str:
        if update.reason == "not_filled":
            return "13" if ticket.type == "fok" else "14"
        return SOURCES.get(update.reason, "0")

    def _venues_own(self, update: OrderUpdate) -> Ticket:
        """An order of the venue's: a liquidation or an auto-deleveraging. What it is stands in its fill."""
        market, now_ns = self._listing.by_symbol[update.symbol], self._now()
        book = self._books[update.account]
        leg = next(iter(book.open_legs(market.id)), None)
        return Ticket(
            account=update.account,
            market=market,
            id=self._numbers.order(),
            key=update.client_id,
            side=update.side,
            type="market",
            size=market.contracts(update.size),
            created_ns=now_ns,
            updated_ns=now_ns,
            pos_side=leg.side if leg is not None else "net",
            mode=leg.mode if leg is not None else "cross",
            category="full_liquidation",
            fee_asset=market.settle,
        )

    def tell(self, ticket: Ticket, fill: Execution | None = None) -> None:
        """Push how an order stands."""
        ticket.updated_ns = max(ticket.updated_ns, self._now())
        self.on_order(ticket, ticket.push(fill, self._mark(ticket.market)))

    # -- fills ------------------------------------------------------------------------------------------------------------

    def _fill(self, book: Book, event: Fill) -> None:
        ticket = book.by_key[event.client_id]
        market, now_ns = ticket.market, self._now()
        size = market.contracts(event.size)
        trade_id = str(FIRST_TRADE + int("".join(filter(str.isdigit, event.trade_id.rpartition("-t")[2])) or 0))
        pnl = self._move(book, ticket, event, size, trade_id)
        fill = Execution(
            trade_id=trade_id,
            bill_id=self._numbers.bill(),
            price=event.price,
            size=size,
            fee=-event.fee,
            pnl=pnl,
            taker=event.liquidity == "taker",
            time_ns=now_ns,
        )
        ticket.last = fill
        ticket.filled += size
        ticket.notional += size * event.price
        ticket.fee += fill.fee
        ticket.pnl += pnl
        if event.cause:
            ticket.category = self._category(book, ticket, event.cause)
        book.fills.append((ticket, fill))
        self._fills.setdefault(ticket.key, []).append(fill)
        self._bill_trade(book, ticket, fill)
        self.on_trade(ticket, fill)

    @staticmethod
    def _category(book: Book, ticket: Ticket, cause: str) -> str:
        if cause == "adl":
            return "adl"
        return "partial_liquidation" if book.leg(ticket.market.id, ticket.pos_side).size else "full_liquidation"

    def _move(self, book: Book, ticket: Ticket, event: Fill, size: Decimal, trade_id: str) -> Decimal:
        """Book a fill on its leg; the realised profit."""
        if not ticket.market.swap:
            return Decimal(0)
        leg = book.leg(ticket.market.id, ticket.pos_side)
        if not leg.size:
            leg.id, leg.mode = self._numbers.bill(), ticket.mode
        pnl = leg.trade(size if event.side == "buy" else -size, event.price, ticket.market.value, self._now())
        leg.fee -= event.fee
        leg.trade_id = trade_id
        return pnl

    def _bill_trade(self, book: Book, ticket: Ticket, fill: Execution) -> None:
        coins = ticket.market.coins(fill.size)
        amount = fill.pnl + fill.fee
        if not ticket.market.swap:
            amount = (coins * fill.price) * (1 if ticket.side == "sell" else -1) + fill.fee
        payment = Payment(
            kind="2",
            part="1" if ticket.side == "buy" else "2",
            asset=ticket.fee_asset,
            amount=amount,
            balance=self._add(book, ticket.fee_asset, amount),
            size=fill.size,
            price=fill.price,
            pnl=fill.pnl,
            fee=fill.fee,
        )
        self._bill(book, ticket.market, payment, fill.bill_id, ticket, fill)

    def _funding(self, book: Book, event: FundingPayment) -> None:
        market = self._listing.by_symbol[event.symbol]
        legs = book.open_legs(market.id)
        left = event.amount
        for leg in legs:
            size = -leg.size if leg.side == "short" else leg.size
            share = round(event.amount * market.coins(size) / event.position, 8) if leg is not legs[-1] else left
            left -= share
            leg.funding += share
            self._bill_funding(book, market, event, share, abs(leg.size))
        self.on_money(book.account, event.asset, "funding_fee")
        self.on_position(book.account, market, "funding_fee")

    def _bill_funding(
        self, book: Book, market: Market, event: FundingPayment, amount: Decimal, contracts: Decimal
    ) -> None:
        """A leg has a bill of its own, whose price is the mark price that was paid on."""
        payment = Payment(
            kind="8",
            part="173" if amount < 0 else "174",
            asset=event.asset,
            amount=amount,
            balance=self._add(book, event.asset, amount),
            size=contracts,
            price=round(abs(event.amount / (event.rate * event.position)), 8),
            pnl=amount,
        )
        self._bill(book, market, payment, self._numbers.bill(), None, None)

    def _add(self, book: Book, asset: str, amount: Decimal) -> Decimal:
        """What the balance is after a change; the stage says it again when it tells of the money."""
        total = self._sums[book.account, asset] = self._sums.get((book.account, asset), Decimal(0)) + amount
        return total

    def _bill(
        self,
        book: Book,
        market: Market,
        payment: Payment,
        bill_id: str,
        ticket: Ticket | None,
        fill: Execution | None,
    ) -> None:
        now_ns = self._now()
        book.bills.append(
            {
                **dict.fromkeys(("from", "to", "notes", "fillFwdPx", "fillPxVol", "fillPxUsd", "fillMarkVol"), ""),
                "billId": bill_id,
                "instType": market.type,
                "instId": market.id,
                "type": payment.kind,
                "subType": payment.part,
                "ccy": payment.asset,
                "balChg": plain(payment.amount),
                "bal": plain(payment.balance),
                "posBalChg": "0",
                "posBal": "0",
                "sz": plain(payment.size),
                "px": plain(payment.price),
                "pnl": plain(payment.pnl),
                "fee": plain(payment.fee),
                "earnAmt": "",
                "earnApr": "",
                "interest": "0",
                "mgnMode": ticket.mode if ticket is not None else "cross",
                "ordId": ticket.id if ticket is not None else "",
                "clOrdId": ticket.client_id if ticket is not None else "",
                "tag": ticket.tag if ticket is not None else "",
                "execType": ("T" if fill.taker else "M") if fill is not None else "",
                "tradeId": fill.trade_id if fill is not None else "",
                "fillTime": ms(fill.time_ns) if fill is not None else "",
                "fillIdxPx": plain(payment.price) if fill is not None else "",
                "fillMarkPx": plain(payment.price) if fill is not None else "",
                "ts": ms(now_ns),
            }
        )
