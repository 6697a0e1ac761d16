"""One account: cash, positions, orders and fills, and the sums that its open orders and positions hold back.

Perpetuals that settle in one asset share its cash (cross margin). Their initial margin is ``worst side / leverage`` at entry prices:
the position together with all open buys, or with all open sells, whichever is worth more; reduce-only orders hold nothing.
Spot orders lock what they may pay: notional and the larger fee in the quote asset, or the size in the base asset.
"""

from __future__ import annotations

from collections import deque
from decimal import ROUND_UP, Decimal
from math import inf
from typing import Any

from ctosd.abi import Fill, FundingPayment, Side
from drivers.paper.matching.market import Market
from drivers.paper.matching.orders import ZERO, Order

FINEST = Decimal("1e-12")
"""Money that is divided is rounded to this, so that sums stay exact."""


class Holding:
    """One account's position in one perpetual, with what its open orders there may add. `cost` is signed: size x entry."""

    __slots__ = (
        "account", "budget", "buys", "ceiling", "cost", "count", "floor", "lots", "margin", "market", "realised", "reducers",
        "sells", "term",
    )  # fmt: skip

    def __init__(self, account: Account, market: Market) -> None:
        self.account = account
        self.market = market
        self.lots = 0
        self.cost = ZERO
        self.realised = ZERO
        self.buys = self.sells = ZERO  # worth of open orders that are not reduce-only
        self.margin = ZERO
        self.count = 0
        self.reducers: dict[str, Order] = {}
        self.term = self.budget = 0.0  # see margin.guard
        self.floor, self.ceiling = 0.0, inf

    @property
    def size(self) -> Decimal:
        return self.market.grid.size(self.lots)

    @property
    def entry(self) -> Decimal:
        return self.cost / self.size if self.lots else ZERO

    def value(self) -> Decimal:
        """Unrealised profit at the mark; 0 while no mark is known."""
        half = self.market.half_mark() if self.lots else None
        return self.market.grid.worth * (self.lots * half) - self.cost if half is not None else ZERO

    def expect(self, side: Side, worth: Decimal) -> None:
        """Open orders that may enlarge the position are worth so much more (or less)."""
        if side == "buy":
            self.buys += worth
        else:
            self.sells += worth

    def after(self, lots: int, notional: Decimal) -> tuple[int, Decimal, Decimal]:
        """`(lots, cost, realised)` after a trade of signed `lots` for signed `notional`."""
        if not self.lots or (self.lots > 0) == (lots > 0):
            return self.lots + lots, self.cost + notional, ZERO
        if abs(lots) < abs(self.lots):
            part = (self.cost * abs(lots) / abs(self.lots)).quantize(FINEST)
            return self.lots + lots, self.cost - part, -notional - part
        if abs(lots) == abs(self.lots):
            return 0, ZERO, -notional - self.cost
        closing = (notional * abs(self.lots) / abs(lots)).quantize(FINEST)
        return self.lots + lots, notional - closing, -closing - self.cost


class Account:
    """Plain bookkeeping; who may do what is decided elsewhere."""

    def __init__(self, name: str, leverage: Decimal, keep: int) -> None:
        self.name = name
        self.leverage = leverage
        self.leverages: dict[str, Decimal] = {}
        self.cash: dict[str, Decimal] = {}
        self.locked: dict[str, Decimal] = {}  # by spot orders
        self.reserved: dict[str, Decimal] = {}  # margin of perpetuals
        self.holdings: dict[str, Holding] = {}
        self.positions: dict[str, Holding] = {}  # those that are not flat
        self.orders: dict[str, Order] = {}
        self.by_venue_id: dict[str, Order] = {}
        self.open: dict[str, Order] = {}
        self.closed: deque[Order] = deque()
        self.counts: dict[str, int] = {}  # open orders by symbol
        self.fills: deque[Fill] = deque()
        self.payments: deque[FundingPayment] = deque()
        self.keep = keep

    @property
    def key(self) -> str:
        return f"account/{self.name}"

    def record(self) -> dict[str, Any]:
        return {"name": self.name, "leverage": self.leverage, "leverages": self.leverages, "cash": self.cash}

    def add(self, asset: str, amount: Decimal) -> None:
        self.cash[asset] = self.cash.get(asset, ZERO) + amount

    def holding(self, market: Market) -> Holding:
        found = self.holdings.get(market.symbol)
        if found is None:
            found = self.holdings[market.symbol] = Holding(self, market)
        return found

    def line_up(self, symbol: str) -> None:
        """Bring the open orders back into the order of their ranks."""
        self.open = dict(sorted(self.open.items(), key=lambda item: item[1].rank))
        if (holding := self.holdings.get(symbol)) is not None:
            holding.reducers = dict(sorted(holding.reducers.items(), key=lambda item: item[1].rank))

    def move(self, holding: Holding, lots: int, cost: Decimal) -> None:
        """Change a position, and who is known to have one."""
        holding.lots, holding.cost = lots, cost
        if lots:
            self.positions[holding.market.symbol] = holding
            holding.market.holders[self.name] = holding
        else:
            self.positions.pop(holding.market.symbol, None)
            holding.market.holders.pop(self.name, None)
        self.measure(holding)

    def held(self, asset: str) -> list[Holding]:
        """The open positions that settle in an asset."""
        return [each for each in self.positions.values() if each.market.instrument.settle == asset]

    def leverage_of(self, market: Market) -> Decimal:
        own = self.leverages.get(market.symbol) or self.leverage
        return min(own, market.instrument.max_leverage)

    # -- what is held back ------------------------------------------------------------------------------------------------

    def hold(self, order: Order, market: Market, lots: int) -> None:
        """Hold back (or release, for negative `lots`) what an open order of this size needs."""
        if not lots:
            return
        if market.instrument.kind == "spot":
            self._lock(order, market, lots)
        elif not order.reduce_only:
            assert order.price is not None
            holding = self.holding(market)
            holding.expect(order.side, order.price * market.grid.size(lots))
            self.measure(holding)

    def _lock(self, order: Order, market: Market, lots: int) -> None:
        instrument, amount = market.instrument, market.grid.size(lots)
        asset = instrument.base
        if order.side == "buy":
            assert order.price is not None
            asset, amount = instrument.quote, amount * order.price * (1 + worst_fee(market))
        self.locked[asset] = self.locked.get(asset, ZERO) + amount

    def initial(self, market: Market, cost: Decimal, buys: Decimal, sells: Decimal) -> Decimal:
        """Initial margin of a position and open orders of these worths."""
        worst = max(abs(cost + buys), abs(cost - sells))
        return (worst / self.leverage_of(market)).quantize(FINEST, ROUND_UP)

    def measure(self, holding: Holding) -> None:
        """Bring the margin of one symbol up to date."""
        asset = holding.market.instrument.settle
        margin = self.initial(holding.market, holding.cost, holding.buys, holding.sells)
        self.reserved[asset] = self.reserved.get(asset, ZERO) + margin - holding.margin
        holding.margin = margin

    def free(self, asset: str) -> Decimal:
        """What new orders may use; negative when the account is under water."""
        free = self.cash.get(asset, ZERO) - self.locked.get(asset, ZERO) - self.reserved.get(asset, ZERO)
        for holding in self.held(asset):
            free += holding.value()
        return free

    def assets(self) -> list[str]:
        return list(self.cash)


def worst_fee(market: Market) -> Decimal:
    return max(ZERO, market.instrument.maker_fee, market.instrument.taker_fee)
