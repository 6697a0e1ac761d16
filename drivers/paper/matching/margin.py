"""Margin of perpetuals: equity against maintenance, where an account would be liquidated, and how far prices may move unwatched."""

from __future__ import annotations

from decimal import Decimal
from math import inf

from ctosd.abi import Position
from drivers.paper.matching.account import Account, Holding
from drivers.paper.matching.market import Market
from drivers.paper.matching.orders import ZERO


def slack(account: Account, asset: str) -> Decimal:
    """Equity less maintenance margin."""
    left = account.cash.get(asset, ZERO) - account.locked.get(asset, ZERO)
    for holding in account.positions.values():
        market = holding.market
        if market.instrument.settle == asset and (half := market.half_mark()) is not None:
            worth = market.grid.worth * (holding.lots * half)
            left += worth - holding.cost - abs(worth) * market.instrument.maintenance_margin
    return left


def sinking(account: Account, asset: str) -> bool:
    """Whether the venue takes the positions over."""
    return slack(account, asset) < 0


def liquidation_price(account: Account, holding: Holding) -> Decimal | None:
    """The mark at which the account would be liquidated if nothing else moved; None when no price does it."""
    asset, mark = holding.market.instrument.settle, holding.market.mark
    if not holding.lots or mark is None:
        return None
    size = holding.size
    slope = size - abs(size) * holding.market.instrument.maintenance_margin
    price = mark - slack(account, asset) / slope if slope else ZERO
    return holding.market.instrument.round_price(price, "buy" if size > 0 else "sell") if price > 0 else None


def guard(account: Account, asset: str, changed: list[Holding]) -> list[Market]:
    """Give each position a share of the account's slack and turn it into a band of prices; returns the markets that moved.

    While each price stays in its band the losses together are less than the slack, so that nobody need add them up. A
    change takes from the part that was not given away; when that is small everything is shared out anew.
    """
    held = account.held(asset)
    for holding in changed:
        holding.floor, holding.ceiling, holding.budget = 0.0, inf, 0.0
        _refer(holding)
    markets = [holding.market for holding in changed]
    if not held:
        return markets
    total = _total(account, asset, held)
    given = sum(holding.budget for holding in held)
    each = total / (2 * len(held))
    if total - given < each * (len(changed) + 0.5):
        for holding in held:
            _refer(holding)
        each = _total(account, asset, held) / (2 * len(held))
        changed, markets = held, [holding.market for holding in held]
    for holding in changed:
        if holding.lots:
            _bound(holding, each)
    return markets


def _total(account: Account, asset: str, held: list[Holding]) -> float:
    cash = account.cash.get(asset, ZERO) - account.locked.get(asset, ZERO)
    return float(cash) + sum(holding.term for holding in held)


def _refer(holding: Holding) -> None:
    """What the position adds to the slack at the present mark."""
    market = holding.market
    half = market.half_mark()
    if not half:
        holding.term = 0.0
        return
    worth = market.grid.rough(holding.lots, half)
    holding.term = worth - float(holding.cost) - abs(worth) * market.maintenance


def _bound(holding: Holding, budget: float) -> None:
    market = holding.market
    half = market.half_mark()
    holding.budget = max(0.0, budget)
    if not half:  # the first price to come is looked at
        holding.floor, holding.ceiling = inf, 0.0
        return
    # The mark is the middle of a touch that was rounded to ticks: two ticks are kept for that.
    size, mark = market.grid.rough(abs(holding.lots), 2) / market.grid.middle(1), market.grid.middle(half / 2)
    distance = holding.budget / (size * (1 + market.maintenance)) - market.grid.middle(2)
    if holding.lots > 0:
        holding.floor, holding.ceiling = max(0.0, mark - max(0.0, distance)), inf
    else:
        holding.floor, holding.ceiling = 0.0, mark + max(0.0, distance)


def position(account: Account, holding: Holding, time_ns: int) -> Position:
    """The position as the venue tells it. `realised` is gross of fees."""
    return Position(
        account=account.name,
        symbol=holding.market.symbol,
        size=holding.size,
        entry=holding.entry,
        mark=holding.market.mark or ZERO,
        unrealised=holding.value(),
        realised=holding.realised,
        leverage=account.leverage_of(holding.market),
        liquidation=liquidation_price(account, holding),
        time_ns=time_ns,
    )
