"""Bookkeeping: what the stage tells of orders, fills and money becomes the venue's orders, and reports of one act together.

The stage tells things in order and one by one. They are kept until the act is over (`flush`), because the venue tells the
money of an act once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ctosd.abi import Balance, Event, Fill, FundingPayment, OrderUpdate, Position
from drivers.binance.emulator.formats import ZERO
from drivers.binance.emulator.limits import Limits
from drivers.binance.emulator.markets import Market, Markets
from drivers.binance.emulator.orders import Execution, Order, Terms
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime

ENDS = {
    "": "CANCELED",
    "amend_reject": "CANCELED",
    "self_trade": "EXPIRED_IN_MATCH",
}
"""The stage's reason of a cancel -> the venue's state; every other reason is EXPIRED."""
CLOSING = "autoclose-"
FIRST_TRADE = 400_000_000


class Act(msgspec.Struct):
    """Everything that happened to one trader at one instant."""

    reports: list[tuple[str, Any, Order, Execution | None]] = msgspec.field(default_factory=list)
    positions: dict[str, Position] = msgspec.field(default_factory=dict)
    balances: dict[str, Balance] = msgspec.field(default_factory=dict)
    markets: dict[str, Market] = msgspec.field(default_factory=dict)
    payments: list[FundingPayment] = msgspec.field(default_factory=list)


class Reporter(Protocol):
    """Writes and tells the user data of one product."""

    def write(self, order: Order, kind: str, execution: Execution | None, cancel_id: str, original: str) -> Any: ...

    def tell(self, trader: Trader, act: Act) -> None: ...


class Bookkeeper:
    """The books of one product."""

    def __init__(self, markets: Markets, time: VenueTime, limits: Limits, reporter: Reporter) -> None:
        self._markets = markets
        self._time = time
        self._limits = limits
        self._reporter = reporter
        self._traders: dict[str, Trader] = {}
        self._waiting: list[Event] = []
        self._expected: dict[str, Order] = {}
        self._acts: dict[str, Act] = {}
        self.cancel_ids: dict[str, str] = {}
        self.renamed: dict[str, str] = {}  # engine id -> the client id before an amend
        self.ending: dict[str, str] = {}  # engine id -> the state in which its cancel ends
        self.cause = ""  # of orders that the venue itself sends just now
        self._closings = 0
        self.on_act: Callable[[Trader, Act], None] = lambda trader, act: None

    def enrol(self, trader: Trader) -> None:
        self._traders[trader.account] = trader

    def knows(self, account: str) -> bool:
        return account in self._traders

    def trader(self, account: str) -> Trader:
        return self._traders[account]

    # -- what the desk says -----------------------------------------------------------------------------------------------

    def expect(self, trader: Trader, order: Order) -> None:
        """An order is about to reach the stage; it is entered when the stage tells of it."""
        self._expected[order.engine_id] = order

    def forget(self, order: Order) -> None:
        self._expected.pop(order.engine_id, None)

    def arrived(self, trader: Trader, order: Order) -> None:
        """A conditional order is there."""
        trader.ledger.add(order)
        self._report(trader, order, "NEW")
        self._tell()

    def withdrawn(self, trader: Trader, order: Order) -> None:
        """A conditional order was cancelled."""
        self._end(trader, order, "CANCELED", "")
        self._tell()

    def failed(self, trader: Trader, order: Order, reason: str) -> None:
        """A conditional order was reached, and refused then."""
        self._end(trader, order, "EXPIRED", reason)
        self._tell()

    def expired_at_once(self, trader: Trader, order: Order, reason: str) -> None:
        """An order that exists only to have expired."""
        trader.ledger.add(order)
        self._report(trader, order, "NEW")
        order.working = False
        self._end(trader, order, "EXPIRED", reason)
        self._tell()

    # -- what the stage says ----------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        self._waiting.append(event)

    def flush(self) -> None:
        """The act is over: enter what happened and tell it."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            if isinstance(event, OrderUpdate):
                self._update(self._traders[event.account], event)
            elif isinstance(event, Fill):
                self._fill(self._traders[event.account], event)
            elif isinstance(event, Position):
                self._act(event.account).positions[event.symbol] = event
            elif isinstance(event, Balance):
                self._act(event.account).balances[event.asset] = event
            elif isinstance(event, FundingPayment):
                self._funding(self._traders[event.account], event)
        self._tell()

    def _act(self, account: str) -> Act:
        return self._acts.setdefault(account, Act())

    def _tell(self) -> None:
        acts, self._acts = self._acts, {}
        for account, act in acts.items():
            self._reporter.tell(self._traders[account], act)
            self.on_act(self._traders[account], act)

    # -- orders -----------------------------------------------------------------------------------------------------------

    def _update(self, trader: Trader, update: OrderUpdate) -> None:
        order = trader.ledger.of_engine(update.client_id)
        if order is None:
            order = self._enter(trader, update)
            self._take(order, update)
            self._report(trader, order, "NEW")
            return
        if update.state in ("open", "partially_filled"):
            self._changed(trader, order, update)
        elif order.open and update.state != "filled":
            reason = update.reason
            status = ENDS.get(reason, "EXPIRED") if update.state == "cancelled" else "EXPIRED"
            self._end(trader, order, self.ending.pop(update.client_id, status), reason)

    def _enter(self, trader: Trader, update: OrderUpdate) -> Order:
        order = self._expected.pop(update.client_id, None) or self._closing(trader, update)
        return trader.ledger.add(order)

    def _closing(self, trader: Trader, update: OrderUpdate) -> Order:
        """An order that the venue itself sends: a liquidation or an auto-deleveraging."""
        now_ms, number = self._time.ms(update.time_ns), trader.ledger.number()
        self._closings += 1
        name = "adl_autoclose" if self.cause == "adl" else f"{CLOSING}{now_ms}{self._closings:06}"
        terms = Terms(
            market=self._markets.by_symbol[update.symbol],
            side=update.side,
            type="LIMIT",
            size=update.size,
            tif="IOC",
            client_id=name,
            reduce_only=True,
        )
        return Order(
            number=number,
            engine_id=update.client_id,
            client_id=name,
            terms=terms,
            size=update.size,
            price=ZERO,
            created_ms=now_ms,
            updated_ms=now_ms,
        )

    def _take(self, order: Order, update: OrderUpdate) -> None:
        order.size = update.size
        order.price = update.price if update.price is not None else order.price
        order.updated_ms = self._time.ms(update.time_ns)

    def _changed(self, trader: Trader, order: Order, update: OrderUpdate) -> None:
        if not order.working:
            order.working, order.working_ms = True, self._time.ms(update.time_ns)
            self._report(trader, order, "NEW")
        if (update.size, update.price or order.price) != (order.size, order.price):
            self._take(order, update)
            spot = self._limits.product.name == "spot"
            original = self.renamed.pop(order.engine_id, "")
            self._report(trader, order, "REPLACED" if spot else "AMENDMENT", original=original)

    def _end(self, trader: Trader, order: Order, status: str, reason: str) -> None:
        order.status, order.expiry, order.updated_ms = status, reason, self._time.now_ms()
        order.working = False
        self._report(trader, order, "CANCELED" if status == "CANCELED" else "EXPIRED")
        self.cancel_ids.pop(order.engine_id, None)

    # -- fills --------------------------------------------------------------------------------------------------------------

    def _fill(self, trader: Trader, fill: Fill) -> None:
        order = trader.ledger.of_engine(fill.client_id)
        assert order is not None, f"the stage filled an order that it did not tell of: {fill.client_id}"
        perpetual = self._limits.product.name == "futures"
        execution = Execution(
            id=FIRST_TRADE + int(fill.trade_id.rpartition("-t")[2]),
            price=fill.price,
            size=fill.size,
            fee=fill.fee,
            fee_asset=fill.fee_asset,
            maker=fill.liquidity == "maker",
            time_ms=self._time.ms(fill.time_ns),
            realised=trader.realise(fill) if perpetual else ZERO,
            cause=fill.cause,
        )
        if not order.executions and not perpetual:
            self._limits.give_back(trader.name)
        order.executions.append(execution)
        order.executed += fill.size
        order.quote_executed += execution.quote
        order.updated_ms = execution.time_ms
        order.status = "FILLED" if order.executed >= order.size else "PARTIALLY_FILLED"
        order.working = order.open
        if fill.cause and not order.price:
            order.price = fill.price
        if perpetual:
            asset, market, number = fill.fee_asset, order.market, str(execution.id)
            trader.earn("REALIZED_PNL", execution.realised, asset, execution.time_ms, market, number)
            trader.earn("COMMISSION", -fill.fee, asset, execution.time_ms, market, number)
        self._report(trader, order, "CALCULATED" if fill.cause else "TRADE", execution)

    def _funding(self, trader: Trader, event: FundingPayment) -> None:
        market = self._markets.by_symbol[event.symbol]
        mark = round(abs(event.amount / (event.rate * event.position)), 8)
        market.settled[self._time.ms(event.time_ns)] = (event.rate, mark)
        trader.earn("FUNDING_FEE", event.amount, event.asset, self._time.ms(event.time_ns), market)
        self._act(trader.account).payments.append(event)

    def _report(
        self, trader: Trader, order: Order, kind: str, execution: Execution | None = None, original: str = ""
    ) -> None:
        act = self._act(trader.account)
        cancel_id = self.cancel_ids.get(order.engine_id, "") if kind == "CANCELED" else ""
        message = self._reporter.write(order, kind, execution, cancel_id, original)
        act.reports.append((kind, message, order, execution))
        act.markets[order.market.native] = order.market
