"""The order desk of one product: commands carried out on the stage, and what the stage tells made into orders and reports."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal

from ctosd.abi import Amend, Cancel, Outcome, Place, Rejected, TimeInForce
from drivers.binance.emulator.bookkeeping import Bookkeeper
from drivers.binance.emulator.faults import Faults
from drivers.binance.emulator.markets import Market
from drivers.binance.emulator.orders import Order, Terms
from drivers.binance.emulator.products import Product
from drivers.binance.emulator.refusals import Refusal, of_engine, unknown_order
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime
from drivers.paper.stage import Stage

TIFS: dict[str, TimeInForce] = {"IOC": "ioc", "FOK": "fok"}
POST_ONLY = ("GTX", "RPI")
MOST_MODIFIES = 10_000
EVERYTHING = Decimal(10) ** 9


class Desk:
    """Places, changes and cancels. `house` is a stage account that nobody has a key to: the other side of some faults."""

    def __init__(
        self,
        product: Product,
        stage: Stage,
        time: VenueTime,
        faults: Faults,
        books: Bookkeeper,
        house: str,
    ) -> None:
        self.product = product
        self._stage = stage
        self._time = time
        self._faults = faults
        self._books = books
        self._house = house
        self._races = 0

    # -- place ------------------------------------------------------------------------------------------------------------

    def place(self, trader: Trader, terms: Terms) -> Order:
        """Carry an order out. Raises `Refusal`; then there is no order."""
        ledger = trader.ledger
        ledger.received[terms.client_id] += 1
        if ledger.in_use(terms.client_id):
            if self.product.name == "spot":
                raise Refusal(-2010, "Duplicate order sent.")
            raise Refusal(-4116, "ClientOrderId is duplicated.")
        order = self.draft(trader, terms)
        if terms.stop is not None:
            return self._wait(trader, order)
        outcome = self.execute(trader, order)
        if isinstance(outcome, Rejected):
            if outcome.reason == "not_filled" and self.product.name == "spot":
                self._books.expired_at_once(trader, order, "not_filled")
            else:
                raise of_engine(self.product, outcome.reason, terms.side, outcome.message)
        ledger.processed[terms.client_id] += 1
        if terms.good_till_ms:
            self._time.after((terms.good_till_ms - self._time.now_ms()) / 1000, lambda: self._expire(trader, order))
        return order

    def draft(self, trader: Trader, terms: Terms, engine_id: str = "") -> Order:
        """An order that the stage has not seen."""
        terms.market.open()
        number, now_ms = trader.ledger.number(), self._time.now_ms()
        return Order(
            number=number,
            engine_id=engine_id or f"e{number}",
            client_id=terms.client_id,
            terms=terms,
            size=terms.size,
            price=terms.price if terms.price is not None else Decimal(0),
            created_ms=now_ms,
            updated_ms=now_ms,
            working_ms=now_ms,
        )

    def execute(self, trader: Trader, order: Order) -> Outcome:
        self._books.expect(trader, order)
        outcome = self._stage.execute(command_of(trader, order), self._share())
        self._books.flush()
        if isinstance(outcome, Rejected):
            self._books.forget(order)
        return outcome

    def _share(self) -> float:
        return self._faults.value("partial") or 1.0

    def _wait(self, trader: Trader, order: Order) -> Order:
        """A conditional order of spot: it is there, and does not work yet."""
        terms = order.terms
        assert terms.stop is not None
        check_trigger(terms.market, terms, -2010, "Stop price would trigger immediately.")
        order.working = False
        outcome = self._stage.execute(command_of(trader, order))
        if isinstance(outcome, Rejected):
            raise of_engine(self.product, outcome.reason, terms.side, outcome.message)
        self._books.arrived(trader, order)
        trader.ledger.processed[terms.client_id] += 1
        return order

    def test(self, trader: Trader, terms: Terms) -> None:
        """What can be refused of an order without carrying it out: its id."""
        if trader.ledger.in_use(terms.client_id):
            raise Refusal(-2010, "Duplicate order sent.")

    def _expire(self, trader: Trader, order: Order) -> None:
        if order.open:
            self._books.ending[order.engine_id] = "EXPIRED"
            self._stage.execute(cancel_of(trader, order))
            self._books.flush()

    # -- change -----------------------------------------------------------------------------------------------------------

    def modify(self, trader: Trader, order: Order, price: Decimal, size: Decimal) -> Order:
        """A futures order takes another price or size. Raises `Refusal`."""
        if not order.open:
            raise unknown_order()
        if order.terms.type != "LIMIT":
            raise Refusal(-5025, "Only limit order is supported.")
        if order.changes >= MOST_MODIFIES:
            raise Refusal(-5026, "Exceed maximum modify order limit.")
        if (price, size) == (order.price, order.size):
            raise Refusal(-5027, "No need to modify the order.")
        outcome = self._amend(trader, order, price, size)
        if isinstance(outcome, Rejected):
            if outcome.reason != "post_only":
                raise of_engine(self.product, outcome.reason, order.terms.side, outcome.message)
            # A GTX order that would take at its new price is cancelled, not left as it was.
            self._stage.execute(cancel_of(trader, order))
            self._books.flush()
        order.changes += 1
        return order

    def _amend(self, trader: Trader, order: Order, price: Decimal | None, size: Decimal) -> Outcome:
        amend = Amend(
            account=trader.account,
            client_id=order.engine_id,
            venue_id="",
            symbol=order.market.symbol,
            price=price,
            size=size,
        )
        outcome = self._stage.execute(amend)
        self._books.flush()
        return outcome

    def shrink(self, trader: Trader, order: Order, size: Decimal, client_id: str, most: int) -> Order:
        """A spot order becomes smaller and keeps its place. Raises `Refusal`."""
        if not order.open or not order.working:
            raise unknown_order()
        if size == order.size:
            raise Refusal(-2038, "The requested action would change no state; rejecting.")
        if size > order.size or size <= order.executed:
            raise Refusal(-2038, "Order amend (quantity increase) is not supported.")
        if order.changes >= most:
            raise Refusal(-1013, "Filter failure: MAX_NUM_ORDER_AMENDS")
        if client_id != order.client_id and trader.ledger.in_use(client_id):
            raise Refusal(-2010, "Duplicate order sent.")
        self._books.renamed[order.engine_id] = order.client_id
        trader.ledger.rename(order, client_id)
        outcome = self._amend(trader, order, None, size)
        if isinstance(outcome, Rejected):
            raise of_engine(self.product, outcome.reason, order.terms.side, outcome.message)
        order.changes += 1
        return order

    # -- cancel -----------------------------------------------------------------------------------------------------------

    def cancel(self, trader: Trader, order: Order | None, cancel_id: str = "") -> Order:
        """Raises `Refusal`: there is no such open order."""
        if order is None or not order.open:
            raise unknown_order()
        if self._faults.strikes("cancel_fill_race"):
            self._fill_whole(order)
        if not order.open:
            raise unknown_order()
        self._books.cancel_ids[order.engine_id] = cancel_id
        outcome = self._stage.execute(cancel_of(trader, order))
        self._books.flush()
        if isinstance(outcome, Rejected):
            raise unknown_order()
        if order.open:  # a conditional one: the stage has nothing to tell of it
            self._books.withdrawn(trader, order)
        return order

    def cancel_all(self, trader: Trader, market: Market, cancel_id: Callable[[], str] = str) -> list[Order]:
        """Every open order of a market."""
        return [self.cancel(trader, order, cancel_id()) for order in trader.ledger.open(market) if order.open]

    def _fill_whole(self, order: Order) -> None:
        """The house trades with an order until it is gone, through whatever stands before it."""
        terms, market = order.terms, order.market
        if not order.working:
            return
        book = self._stage.book(market.symbol, 1000)
        buy = terms.side == "buy"
        before = sum(
            size
            for price, size in (book.bids if buy else book.asks)
            if (price >= order.price if buy else price <= order.price)
        )
        lot = market.instrument.lot
        size = order.left + (Decimal(repr(before)) * 20 / lot).to_integral_value(ROUND_FLOOR) * lot
        self._races += 1
        self._stage.execute(
            Place(
                account=self._house,
                client_id=f"h{self.product.name}{self._races}",
                symbol=market.symbol,
                side="sell" if buy else "buy",
                type="limit",
                size=min(size, market.instrument.max_size or size),
                price=order.price,
                tif="ioc",
            )
        )
        self._books.flush()

    # -- the stage's own doing ------------------------------------------------------------------------------------------------

    def on_triggered(self, trader: Trader, place: Place, outcome: Outcome) -> None:
        """A conditional spot order was reached."""
        self._books.flush()
        order = trader.ledger.of_engine(place.client_id)
        if order is not None and isinstance(outcome, Rejected):
            self._books.failed(trader, order, outcome.reason)


def command_of(trader: Trader, order: Order) -> Place:
    """An order as the stage takes it."""
    terms = order.terms
    market = terms.price is None
    size = terms.size
    if terms.close_position:  # cut to the position when it is reached
        size = terms.market.instrument.max_size or terms.market.instrument.lot * EVERYTHING
    return Place(
        account=trader.account,
        client_id=order.engine_id,
        symbol=terms.market.symbol,
        side=terms.side,
        type="market" if market else "limit",
        size=size,
        price=terms.price,
        tif="gtc" if market else TIFS.get(terms.tif, "gtc"),
        post_only=terms.type == "LIMIT_MAKER" or terms.tif in POST_ONLY,
        reduce_only=terms.reduce_only or terms.close_position,
        trigger=terms.stop,
    )


def cancel_of(trader: Trader, order: Order) -> Cancel:
    return Cancel(account=trader.account, client_id=order.engine_id, venue_id="", symbol=order.market.symbol)


def rises(terms: Terms) -> bool:
    """Whether a conditional order waits for a higher price: stops of buyers and profits of sellers do."""
    return terms.type.startswith("STOP") == (terms.side == "buy")


def check_trigger(market: Market, terms: Terms, code: int, text: str) -> None:
    """Refuse a trigger that the last price has reached already."""
    assert terms.stop is not None
    last = Decimal(repr(market.last()))
    if last >= terms.stop if rises(terms) else last <= terms.stop:
        raise Refusal(code, text)
