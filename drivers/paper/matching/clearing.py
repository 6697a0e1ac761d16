"""Clearing: books fills and ends of orders, keeps the money right, and collects what is to be told and what is to be kept.

Fees are taken in the settlement asset of a perpetual and in the quote asset of a spot pair, from buyers and sellers alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import msgspec

from ctosd.abi import Balance, Fill, FundingPayment, Instrument, Liquidity, OrderState, PrivateEvent
from drivers.paper.matching import margin
from drivers.paper.matching.account import Account, Holding
from drivers.paper.matching.market import Market
from drivers.paper.matching.orders import ZERO, Order
from drivers.paper.matching.rules import Rules

CENT = Decimal("1e-8")
"""What can be used is told in these, rounded down."""


class Counters(msgspec.Struct):
    """Where the venue's numbers stand, and its time."""

    orders: int = 0
    ranks: int = 0
    trades: int = 0
    payments: int = 0
    liquidations: int = 0
    now_ns: int = 0


class Clearing:
    """All accounts and markets of a venue. `flush` gives the events since it was last called."""

    def __init__(self, venue: str, rules: Rules) -> None:
        self.venue = venue
        self.rules = rules
        self.markets: dict[str, Market] = {}
        self.accounts: dict[str, Account] = {}
        self.counters = Counters()
        self.changed: dict[str, Any] = {}  # what to keep: key -> record, None to delete
        self._events: list[PrivateEvent] = []
        self._money: dict[tuple[str, str], bool] = {}  # (account, asset) -> whether to tell of it
        self._positions: dict[tuple[str, str], Holding] = {}
        self._edges: dict[str, Market] = {}

    def at(self, now_ns: int) -> None:
        """Move the venue's time; it never goes back."""
        self.counters.now_ns = max(self.counters.now_ns, now_ns)

    @property
    def now_ns(self) -> int:
        return self.counters.now_ns

    def next_trade(self) -> str:
        self.counters.trades += 1
        return f"{self.venue}-t{self.counters.trades}"

    # -- orders -----------------------------------------------------------------------------------------------------------

    def accept(self, order: Order) -> None:
        """Give an order its number and tell that it is there. It does not rest yet."""
        self.counters.orders += 1
        order.venue_id = f"{self.venue}-o{self.counters.orders}"
        account = self.accounts[order.account]
        account.orders[order.client_id] = account.by_venue_id[order.venue_id] = order
        self.say(order)

    def say(self, order: Order) -> None:
        """Tell how an order stands now."""
        order.updated_ns = self.now_ns
        self.changed[order.key] = order
        self._events.append(order.update())

    def rest(self, order: Order) -> None:
        """Put an order into the book, behind those of its level."""
        market, account = self.markets[order.symbol], self.accounts[order.account]
        self.counters.ranks += 1
        order.rank = self.counters.ranks
        order.ahead = market.ahead(order.side, order.level)
        self.changed[order.key] = order
        self.shelve(order, market, account)

    def shelve(self, order: Order, market: Market, account: Account) -> None:
        """Enter a resting order into every list that knows of it."""
        market.ladders[order.side].add(order)
        account.open[order.client_id] = order
        account.counts[order.symbol] = account.counts.get(order.symbol, 0) + 1
        account.hold(order, market, order.left)
        self._held(account, market, order)
        if order.reduce_only:
            account.holding(market).reducers[order.client_id] = order

    def unrest(self, order: Order) -> None:
        """Take an order out of the book."""
        market, account = self.markets[order.symbol], self.accounts[order.account]
        market.ladders[order.side].remove(order)
        del account.open[order.client_id]
        account.counts[order.symbol] -= 1
        account.hold(order, market, -order.left)
        self._held(account, market, order)
        if order.reduce_only:
            account.holding(market).reducers.pop(order.client_id, None)

    def _held(self, account: Account, market: Market, order: Order) -> None:
        self._edges[market.symbol] = market
        if market.instrument.kind == "spot":
            asset = market.instrument.quote if order.side == "buy" else market.instrument.base
            self._money.setdefault((account.name, asset), False)

    def finish(self, order: Order, state: OrderState, reason: str) -> None:
        """End an order, resting or not."""
        account = self.accounts[order.account]
        if order.client_id in account.open:
            self.unrest(order)
        order.state, order.reason, order.left = state, reason, 0
        self.say(order)
        self.bury(account, order)

    def bury(self, account: Account, order: Order) -> None:
        """Keep a finished order; forget the oldest one when there are too many."""
        self.counters.ranks += 1
        order.rank = self.counters.ranks  # from now on its place among the finished
        account.closed.append(order)
        if len(account.closed) > account.keep:
            old = account.closed.popleft()
            del account.orders[old.client_id], account.by_venue_id[old.venue_id]
            self.changed[old.key] = None

    def resize(self, order: Order, left: int) -> None:
        """Make a resting order smaller; it keeps its place."""
        market, account = self.markets[order.symbol], self.accounts[order.account]
        account.hold(order, market, left - order.left)
        order.left = left
        order.size = order.filled + market.grid.size(left)
        self._held(account, market, order)
        self.say(order)

    # -- fills --------------------------------------------------------------------------------------------------------------

    def fill(
        self, order: Order, lots: int, price: Decimal, liquidity: Liquidity, trade_id: str, cause: str = ""
    ) -> None:
        """Book one execution of an order, resting or not."""
        market, account = self.markets[order.symbol], self.accounts[order.account]
        instrument = market.instrument
        resting = order.client_id in account.open
        size = market.grid.size(lots)
        notional = price * size
        if resting:
            self._release(account, market, order, lots, notional)
        fee = notional * (instrument.maker_fee if liquidity == "maker" else instrument.taker_fee)
        order.left -= lots
        order.filled += size
        order.notional += notional
        self._settle(account, market, order, lots, notional, fee)
        asset = instrument.settle if instrument.kind == "perp" else instrument.quote
        fill = Fill(
            account=account.name,
            symbol=order.symbol,
            trade_id=trade_id,
            client_id=order.client_id,
            venue_id=order.venue_id,
            side=order.side,
            price=price,
            size=size,
            fee=fee,
            fee_asset=asset,
            liquidity=liquidity,
            time_ns=self.now_ns,
            cause=cause,
        )
        self._keep_fill(account, fill)
        self._progress(order, resting)
        if instrument.kind == "perp":
            self.trim(account.holding(market))

    @staticmethod
    def _release(account: Account, market: Market, order: Order, lots: int, notional: Decimal) -> None:
        """What was held back for the part that fills; a maker fills at its own price. The position's change measures anew."""
        if market.instrument.kind == "spot":
            account.hold(order, market, -lots)
        elif not order.reduce_only:
            account.holding(market).expect(order.side, -notional)

    def _settle(
        self, account: Account, market: Market, order: Order, lots: int, notional: Decimal, fee: Decimal
    ) -> None:
        instrument, sign = market.instrument, order.sign
        if instrument.kind == "spot":
            account.add(instrument.base, sign * market.grid.size(lots))
            account.add(instrument.quote, -sign * notional - fee)
            self.money(account, instrument.base)
            self.money(account, instrument.quote)
            self._edges[market.symbol] = market
            return
        holding = account.holding(market)
        new_lots, cost, realised = holding.after(sign * lots, sign * notional)
        holding.realised += realised
        account.add(instrument.settle, realised - fee)
        account.move(holding, new_lots, cost)
        self.moved(account, holding)
        self.money(account, instrument.settle)

    def _keep_fill(self, account: Account, fill: Fill) -> None:
        self._events.append(fill)
        account.fills.append(fill)
        self.changed[fill_key(fill)] = fill
        if len(account.fills) > account.keep:
            self.changed[fill_key(account.fills.popleft())] = None

    def pay(self, account: Account, payment: FundingPayment) -> None:
        """Tell a funding payment, and keep as many of them as fills."""
        self._events.append(payment)
        account.payments.append(payment)
        self.changed[payment_key(payment)] = payment
        if len(account.payments) > account.keep:
            self.changed[payment_key(account.payments.popleft())] = None

    def _progress(self, order: Order, resting: bool) -> None:
        """What a fill makes of the order."""
        if order.left:
            order.state = "partially_filled"
            self.say(order)
            if resting:
                self._edges[order.symbol] = self.markets[order.symbol]
        else:
            self.finish(order, "filled", order.reason)

    def trim(self, holding: Holding) -> None:
        """Resting reduce-only orders never exceed the position: they shrink with it, and go when there is none to reduce."""
        for order in list(holding.reducers.values()):
            reducible = max(0, -order.sign * holding.lots)
            if not reducible:
                self.finish(order, "cancelled", "reduce_only")
            elif order.left > reducible:
                self.resize(order, reducible)

    # -- what is to be told and kept ------------------------------------------------------------------------------------------

    def tell(self, event: PrivateEvent) -> None:
        self._events.append(event)

    def money(self, account: Account, asset: str) -> None:
        """An asset's total changed."""
        self._money[account.name, asset] = True
        self.changed[account.key] = account

    def moved(self, account: Account, holding: Holding) -> None:
        """A position changed."""
        self._positions[account.name, holding.market.symbol] = holding
        self._edges[holding.market.symbol] = holding.market
        self.changed[f"position/{account.name}/{holding.market.symbol}"] = holding

    def look(self, market: Market) -> None:
        """Have the edges of a market set anew."""
        self._edges[market.symbol] = market

    def has_moved(self, market: Market) -> bool:
        """Whether a position in this market changed in the present act, so that its band is not set yet."""
        return any(holding.market is market for holding in self._positions.values())

    def flush(self) -> Sequence[PrivateEvent]:
        """Close an act: watch margins anew, then give the events in order, positions and balances last."""
        if not (self._events or self._edges):
            return ()
        for name, asset in self._money:
            self.watch(self.accounts[name], asset)
        for market in self._edges.values():
            market.set_edges()
        for (name, _), holding in self._positions.items():
            self._events.append(margin.position(self.accounts[name], holding, self.now_ns))
        for (name, asset), told in self._money.items():
            if told:
                self._events.append(self.balance(self.accounts[name], asset))
        self._money.clear()
        self._positions.clear()
        self._edges.clear()
        events, self._events = self._events, []
        return events or ()

    def watch(self, account: Account, asset: str) -> None:
        """Share the account's slack out over its positions."""
        changed = [
            holding
            for (name, _), holding in self._positions.items()
            if name == account.name and holding.market.instrument.settle == asset
        ]
        for market in margin.guard(account, asset, changed):
            self._edges[market.symbol] = market

    def watch_all(self, account: Account, asset: str) -> None:
        """Share the slack out anew over all positions that settle in an asset."""
        for market in margin.guard(account, asset, account.held(asset)):
            market.set_edges()

    def balance(self, account: Account, asset: str) -> Balance:
        total = account.cash.get(asset, ZERO)
        available = max(ZERO, account.free(asset)).quantize(CENT, ROUND_FLOOR)
        return Balance(account=account.name, asset=asset, total=total, available=available, time_ns=self.now_ns)


def fill_key(fill: Fill) -> str:
    return f"fill/{fill.account}/{fill.trade_id}"


def payment_key(payment: FundingPayment) -> str:
    return f"payment/{payment.account}/{payment.payment_id}"


def margin_asset(instrument: Instrument) -> str:
    """The asset that orders of an instrument are paid from."""
    return instrument.settle if instrument.kind == "perp" else instrument.quote
