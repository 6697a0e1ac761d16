"""The order desk: places, amends and cancels in OKX's words, carried out on the stage.

Every order gets its number before the stage sees it. What the stage refuses and OKX would accept and cancel at once (a
post-only order that would take, a fill-or-kill order that would not fill) is accepted here and cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from ctosd.abi import Amend, Cancel, NotReady, Place, Quote, Rejected, Side, Trade, exact
from drivers.okx.emulator import terms as reading
from drivers.okx.emulator.faults import Faults
from drivers.okx.emulator.figures import ms, plain
from drivers.okx.emulator.ledger import Book, Numbers
from drivers.okx.emulator.listing import Listing, Market
from drivers.okx.emulator.orders import Ticket
from drivers.okx.emulator.refusals import Refusal
from drivers.okx.emulator.reporter import Reporter
from drivers.okx.emulator.terms import Change, Terms
from drivers.paper.stage import Stage

BULK = 20
Given = Mapping[str, Any]
Row = dict[str, str]


class Desk:
    """`band` is how far from the mark a price may lie. `name_of` finds the market that a request means."""

    def __init__(
        self,
        stage: Stage,
        listing: Listing,
        books: Mapping[str, Book],
        reporter: Reporter,
        numbers: Numbers,
        faults: Faults,
        now: Callable[[], int],
        band: Decimal | None,
    ) -> None:
        self._stage = stage
        self._listing = listing
        self._books = books
        self._reporter = reporter
        self._numbers = numbers
        self._faults = faults
        self._now = now
        self._band = band

    # -- place ----------------------------------------------------------------------------------------------------------

    def place(self, account: str, given: Given, market: Market) -> Row:
        """One order; its row says what became of it. Raises `Refusal`."""
        book = self._books[account]
        client_id = str(given.get("clOrdId") or "")
        if client_id:
            book.received[client_id] = book.received.get(client_id, 0) + 1
        ticket = self.enter(book, reading.read(given, market, book))
        if client_id:
            book.placed[client_id] = book.placed.get(client_id, 0) + 1
        return {
            "clOrdId": ticket.client_id,
            "ordId": ticket.id,
            "tag": ticket.tag,
            "ts": ms(self._now()),
            "sCode": "0",
            "sMsg": "Order placed",
            "subCode": "",
        }

    def enter(self, book: Book, terms: Terms) -> Ticket:
        """Carry an order out that was read. Raises `Refusal`."""
        self._stage.open(terms.market.symbol)
        self._judge(book, terms)
        coins = self._coins(terms)
        ticket = self._ticket(book, terms)
        self._reporter.expect(ticket)
        outcome = self._stage.execute(self._command(ticket, coins), self._share())
        if isinstance(outcome, Rejected):
            self._refused(book, ticket, outcome)
        return ticket

    def _refused(self, book: Book, ticket: Ticket, outcome: Rejected) -> None:
        source = {"post_only": "31", "not_filled": "13"}.get(outcome.reason)
        if source is None:
            self._reporter.unexpected(ticket)
            raise self._refusal(outcome, ticket.market, ticket.side)
        book.enter(ticket)
        self._reporter.tell(ticket)
        ticket.state, ticket.cancel_source = "canceled", source
        book.settle(ticket)
        self._reporter.tell(ticket)

    def _judge(self, book: Book, terms: Terms) -> None:
        market = terms.market
        if terms.price is not None:
            self.check_price(market, terms.side, terms.price)
        if not market.swap:
            return
        if book.hedged:
            if terms.closes:
                held = book.leg(market.id, terms.pos_side).size
                if not held:
                    raise Refusal("51169")
                if terms.size > held:
                    raise Refusal("51112")
        elif terms.reduce_only:
            held = book.leg(market.id, "net").size
            if not held:
                raise Refusal("51169")
            if (held > 0) == (terms.side == "buy"):
                raise Refusal("51170")
        other = next((leg for leg in book.open_legs(market.id) if leg.mode != terms.mode), None)
        if other is not None:
            raise Refusal("51010")  # one margin mode an instrument: the stage keeps one position of it

    def check_price(self, market: Market, side: str, price: Decimal) -> None:
        """Raises `Refusal` for a price beyond the price limits."""
        highest, lowest = self.price_limits(market)
        if not market.swap and (price > highest if side == "buy" else price < lowest):
            raise Refusal("51006", plain(highest), plain(lowest))
        if side == "buy" and price > highest:
            raise Refusal("51137", plain(highest))
        if side == "sell" and price < lowest:
            raise Refusal("51138", plain(lowest))

    def price_limits(self, market: Market) -> tuple[Decimal, Decimal]:
        """`(highest of a buy, lowest of a sell)`."""
        mark, band = self.mark(market), self._band
        if band is None:
            return mark * 100, market.tick
        highest = (mark * (1 + band) / market.tick).to_integral_value(ROUND_FLOOR) * market.tick
        lowest = -(-(mark * (1 - band)) / market.tick).to_integral_value(ROUND_FLOOR) * market.tick
        return highest, max(lowest, market.tick)

    def mark(self, market: Market) -> Decimal:
        """The middle of the touch. Raises `Refusal` while there is none."""
        quote = self.quote(market)
        return (exact(quote.bid) + exact(quote.ask)) / 2

    def quote(self, market: Market) -> Quote:
        """Raises `Refusal` while the market has no price."""
        try:
            return self._stage.quote(market.symbol)
        except NotReady:
            raise Refusal("52000") from None

    def _coins(self, terms: Terms) -> Decimal:
        """The size in base coins; a spot buy for quote money gets what that buys at the present book."""
        if not terms.in_quote:
            return terms.market.coins(terms.size)
        side = self._stage.book(terms.market.symbol, 50)
        levels = side.asks if terms.side == "buy" else side.bids
        left, coins = terms.size, Decimal(0)
        for price, size in ((exact(price), exact(size)) for price, size in levels):
            part = min(left, price * size)
            coins, left = coins + part / price, left - part
        lot = terms.market.lot
        coins = (coins / lot).to_integral_value(ROUND_FLOOR) * lot
        if coins < terms.market.least:
            raise Refusal("51020")
        return coins

    def _ticket(self, book: Book, terms: Terms) -> Ticket:
        now_ns, market, order_id = self._now(), terms.market, self._numbers.order()
        leverage = plain(self._stage.floor.engine.leverage(book.account, market.symbol)) if market.swap else ""
        return Ticket(
            account=book.account,
            market=market,
            id=order_id,
            key=order_id,
            side=terms.side,
            type=terms.type,
            size=terms.size,
            price=terms.price,
            created_ns=now_ns,
            updated_ns=now_ns,
            client_id=terms.client_id,
            tag=terms.tag,
            pos_side=terms.pos_side,
            mode=terms.mode,
            target=terms.target,
            reduce_only=terms.reduce_only,
            stp=terms.stp,
            fee_asset=market.settle if market.swap else market.quote,
            leverage=leverage,
        )

    @staticmethod
    def _command(ticket: Ticket, coins: Decimal) -> Place:
        return Place(
            account=ticket.account,
            client_id=ticket.key,
            symbol=ticket.market.symbol,
            side=ticket.side,
            type="market" if ticket.price is None else "limit",
            size=coins,
            price=ticket.price,
            tif="ioc" if ticket.type == "ioc" else "fok" if ticket.type == "fok" else "gtc",
            post_only=ticket.type in ("post_only", "rpi"),
            reduce_only=ticket.reduce_only,
        )

    def _share(self) -> float:
        return self._faults.value("partial") or 1.0

    def _refusal(self, outcome: Rejected, market: Market, side: str) -> Refusal:
        """The stage's word in OKX's."""
        reason = outcome.reason
        if reason == "price_band":
            highest, lowest = self.price_limits(market)
            return Refusal("51137", plain(highest)) if side == "buy" else Refusal("51138", plain(lowest))
        if reason == "insufficient_funds":
            return Refusal("51008", market.settle if market.swap or side == "sell" else market.quote, sub="1000")
        if reason == "order_count_limit":
            return Refusal("51102", 500)
        simple = {"reduce_only": "51169", "position_limit": "51004", "market_closed": "51021", "filter": "51020"}
        return Refusal(simple.get(reason, "51022"))

    # -- amend ----------------------------------------------------------------------------------------------------------

    def amend(self, account: str, given: Given, market: Market) -> Row:
        """Raises `Refusal`."""
        change = reading.read_change(given, market, self._books[account])
        try:
            self._amend(change)
        except Refusal:
            if change.cancel_on_failure:
                change.ticket.amend_result = "1"
                self.withdraw(change.ticket, "1")
            raise
        ticket = change.ticket
        row = {"clOrdId": ticket.client_id, "ordId": ticket.id, "ts": ms(self._now()), "reqId": change.request_id}
        return {**row, "sCode": "0", "sMsg": "", "subCode": ""}

    def _amend(self, change: Change) -> None:
        ticket, market = change.ticket, change.ticket.market
        if change.price is not None:
            if change.price % market.tick:
                raise Refusal("51150")
            self.check_price(market, ticket.side, change.price)
        if change.size is not None:
            reading.check_size(market, change.size)
        ticket.amend_result, ticket.request_id, ticket.amend_source = "0", change.request_id, "1"
        outcome = self._stage.execute(Amend(
            account=ticket.account, client_id=ticket.key, venue_id="", symbol=market.symbol,
            price=change.price, size=market.coins(change.size) if change.size is not None else None,
        ), self._share())  # fmt: skip
        ticket.amend_result = ticket.request_id = ticket.amend_source = ""
        if isinstance(outcome, Rejected):
            codes = {"post_only": "51511", "insufficient_funds": "51502", "reduce_only": "51521"}
            code = codes.get(outcome.reason, "51503")
            raise Refusal(code, sub="1030" if code == "51502" else "")

    # -- cancel ---------------------------------------------------------------------------------------------------------

    def cancel(self, account: str, given: Given, market: Market) -> Row:
        """Raises `Refusal`."""
        if given.get("ordId") in (None, "") and given.get("clOrdId") in (None, ""):
            raise Refusal("51003")
        ticket = self._books[account].find(market.id, given.get("ordId"), given.get("clOrdId"))
        if ticket is None or not ticket.open:
            raise Refusal("51400")
        if self._faults.strikes("cancel_fill_race"):
            self._run_over(ticket)
        if not self.withdraw(ticket, "1"):
            raise Refusal("51400")
        row = {"clOrdId": ticket.client_id, "ordId": ticket.id, "ts": ms(self._now())}
        return {**row, "sCode": "0", "sMsg": "", "subCode": ""}

    def withdraw(self, ticket: Ticket, source: str) -> bool:
        """Cancel an open order; False when it is gone already."""
        if not ticket.open:
            return False
        ticket.cancel_source = source
        outcome = self._stage.execute(
            Cancel(account=ticket.account, client_id=ticket.key, venue_id="", symbol=ticket.market.symbol)
        )
        if isinstance(outcome, Rejected):
            ticket.cancel_source = ""
            return False
        return True

    def _run_over(self, ticket: Ticket) -> None:
        """A stranger's trade goes through the price of a resting order, which is filled whole."""
        if ticket.price is None:
            return
        tick = ticket.market.tick
        price = ticket.price - tick if ticket.side == "buy" else ticket.price + tick
        size = ticket.market.coins(ticket.size) * 1_000
        now_ns = self._stage.now_ns()
        side: Side = "sell" if ticket.side == "buy" else "buy"
        trade = Trade(self._stage.venue, ticket.market.symbol, float(price), float(size), side, now_ns, "")
        self._stage.floor.tape.deliver(now_ns, trade)

    # -- close ----------------------------------------------------------------------------------------------------------

    def close(self, account: str, given: Given) -> Row:
        """Close a whole position at the market. Raises `Refusal`."""
        book, market = self._books[account], self._listing.named(given.get("instId"))
        if given.get("mgnMode") in (None, ""):
            raise Refusal("50014", "mgnMode")
        client_id, tag = reading.labels(given)
        side = given.get("posSide") or "net"
        if side not in (("long", "short") if book.hedged else ("net",)):
            raise Refusal("51000", "posSide")
        leg = book.leg(market.id, side)
        if not leg.size or leg.mode != given["mgnMode"]:
            raise Refusal("51023")
        taker = "sell" if leg.long else "buy"
        closing = [each for each in book.pending.values() if self._closes(each, market, side, taker)]
        if closing and not reading.flag(given, "autoCxl"):
            raise Refusal("51115")
        for ticket in closing:
            self.withdraw(ticket, "1")
        self._close_leg(book, market, abs(leg.size), taker, side, client_id, tag, leg.mode)
        return {"instId": market.id, "posSide": side, "clOrdId": client_id, "tag": tag}

    def _close_leg(
        self, book: Book, market: Market, size: Decimal, taker: str, side: str, client_id: str, tag: str, mode: str
    ) -> None:
        terms = Terms(
            market=market, side="sell" if taker == "sell" else "buy", type="market", size=size, price=None, mode=mode,
            pos_side=side, target="", reduce_only=not book.hedged, client_id=client_id, tag=tag, stp="cancel_maker",
        )  # fmt: skip
        self.enter(book, terms)

    @staticmethod
    def _closes(ticket: Ticket, market: Market, side: str, taker: str) -> bool:
        mine = ticket.market is market and ticket.pos_side == side and ticket.side == taker
        return mine and (ticket.reduce_only or side != "net")
