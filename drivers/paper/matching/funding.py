"""Funding of perpetuals: what is due is paid at its time, from longs to shorts when the rate is positive."""

from __future__ import annotations

from decimal import Decimal

from ctosd.abi import Funding, FundingPayment, exact
from drivers.paper.matching import liquidation, margin
from drivers.paper.matching.account import FINEST, Holding
from drivers.paper.matching.clearing import Clearing
from drivers.paper.matching.market import Market
from drivers.paper.matching.orders import ZERO

NEVER = 1 << 62


class Funder:
    """Knows when the next settlement is due. Rates are for one interval."""

    def __init__(self, clearing: Clearing) -> None:
        self._clearing = clearing
        self.next_due_ns = 0

    def hear(self, market: Market, funding: Funding) -> None:
        """A rate was told. One for a later settlement leaves the one that is due alone."""
        clearing, interval = self._clearing, max(1, funding.interval_ns)
        if market.next_ns and funding.next_ns > market.next_ns + interval // 2:
            self.settle(funding.time_ns)
        market.funding = funding
        if funding.next_ns > market.paid_ns + interval // 2:
            market.next_ns = funding.next_ns
        clearing.changed[f"market/{market.symbol}"] = market
        self._look()
        self.settle(funding.time_ns)

    def settle(self, now_ns: int) -> None:
        """Pay whatever is due at `now_ns`; of settlements that were missed, the newest few."""
        if now_ns < self.next_due_ns:
            return
        for market in self._clearing.markets.values():
            if market.instrument.kind == "perp":
                self._market(market, now_ns)
        self._look()

    def _market(self, market: Market, now_ns: int) -> None:
        interval = self._interval(market)
        if not market.next_ns:
            market.next_ns = (now_ns // interval + 1) * interval
        if now_ns < market.next_ns:
            return
        missed = (now_ns - market.next_ns) // interval
        first = market.next_ns + max(0, missed + 1 - self._clearing.rules.funding_backlog) * interval
        for due_ns in range(first, now_ns + 1, interval):
            self._pay(market, due_ns)
        market.paid_ns = market.next_ns + missed * interval
        market.next_ns = market.paid_ns + interval
        self._clearing.changed[f"market/{market.symbol}"] = market

    def _interval(self, market: Market) -> int:
        told = market.funding
        return max(1, told.interval_ns if told is not None else self._clearing.rules.funding_interval_ns)

    def _pay(self, market: Market, due_ns: int) -> None:
        funding, rate = market.funding, self._clearing.rules.funding_rate
        mark = market.mark
        if funding is not None:
            rate = exact(funding.rate)
            if funding.mark > 0 and abs(funding.next_ns - due_ns) < funding.interval_ns:
                mark = exact(funding.mark)
        if mark is None or not rate:
            return
        for _, holding in sorted(market.holders.items()):
            self._one(holding, rate, mark, due_ns)
        for _, holding in sorted(market.holders.items()):
            if holding.lots and margin.sinking(holding.account, market.instrument.settle):
                liquidation.liquidate(self._clearing, holding.account, market.instrument.settle)

    def _one(self, holding: Holding, rate: Decimal, mark: Decimal, due_ns: int) -> None:
        clearing, account, market = self._clearing, holding.account, holding.market
        amount = (-rate * holding.size * mark).quantize(FINEST) + ZERO
        asset = market.instrument.settle
        clearing.counters.payments += 1
        clearing.at(due_ns)
        account.add(asset, amount)
        clearing.money(account, asset)
        clearing.pay(
            account,
            FundingPayment(
                account=account.name,
                symbol=market.symbol,
                payment_id=f"{clearing.venue}-f{clearing.counters.payments}",
                amount=amount,
                asset=asset,
                rate=rate,
                position=holding.size,
                time_ns=due_ns,
            ),
        )

    def _look(self) -> None:
        perpetuals = [each.next_ns for each in self._clearing.markets.values() if each.instrument.kind == "perp"]
        self.next_due_ns = min(perpetuals, default=NEVER)
