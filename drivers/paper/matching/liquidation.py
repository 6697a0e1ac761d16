"""Liquidation: when the equity of an account falls below its maintenance margin the venue takes its positions over.

The rule: the open orders of its perpetuals are cancelled (what spot orders have locked stays out of it), then every position that settles in it is closed as a taker
at the mark, winners first. None is closed at a worse price than the one that leaves no cash (the bankruptcy price): what is
lost beyond is the insurance's, so that cash never becomes negative.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from drivers.paper.matching import margin
from drivers.paper.matching.account import FINEST, Account, Holding
from drivers.paper.matching.clearing import Clearing
from drivers.paper.matching.market import Market
from drivers.paper.matching.orders import ZERO, Order


def check(clearing: Clearing, market: Market) -> None:
    """Look at every account that has a position in a market whose price left its band."""
    for _, holding in sorted(market.holders.items()):
        account, asset = holding.account, market.instrument.settle
        if holding.lots and margin.sinking(account, asset):
            liquidate(clearing, account, asset)
        elif holding.lots:
            reguard(clearing, account, asset)


def reguard(clearing: Clearing, account: Account, asset: str) -> None:
    """Share the slack out anew at the present marks."""
    for market in margin.guard(account, asset, account.held(asset)):
        clearing.look(market)


def liquidate(clearing: Clearing, account: Account, asset: str) -> None:
    for order in list(account.open.values()):
        instrument = clearing.markets[order.symbol].instrument
        if instrument.kind == "perp" and instrument.settle == asset:
            clearing.finish(order, "cancelled", "liquidated")
    for holding in sorted(account.held(asset), key=_winners_first):
        if holding.market.half_mark() is not None:
            close(clearing, account, holding, abs(holding.lots), "liquidation")


def _winners_first(holding: Holding) -> tuple[Decimal, str]:
    return -holding.value(), holding.market.symbol


def close(clearing: Clearing, account: Account, holding: Holding, lots: int, cause: str) -> None:
    """Close `lots` of a position by an order of the venue's own."""
    market, counters = holding.market, clearing.counters
    counters.liquidations += 1
    order = Order(
        account=account.name,
        client_id=f"autoclose-{counters.liquidations}",
        venue_id="",
        symbol=market.symbol,
        side="sell" if holding.lots > 0 else "buy",
        type="market",
        size=market.grid.size(lots),
        price=None,
        created_ns=clearing.now_ns,
        updated_ns=clearing.now_ns,
        reduce_only=True,
        reason="liquidated",
        left=lots,
    )
    clearing.accept(order)
    clearing.fill(order, order.left, closing_price(account, holding), "taker", clearing.next_trade(), cause)


def closing_price(account: Account, holding: Holding) -> Decimal:
    """The mark, rounded to the tick against the account, but not beyond the bankruptcy price."""
    market, long = holding.market, holding.lots > 0
    mark = market.mark
    assert mark is not None
    price = market.instrument.round_price(mark, "buy" if long else "sell")
    last = bankruptcy_price(account, holding)
    return max(price, last) if long else min(price, last)


def bankruptcy_price(account: Account, holding: Holding) -> Decimal:
    """The price at which closing, fee included, leaves the account without cash. Rounded in its favour."""
    instrument, size = holding.market.instrument, holding.size
    cash = account.cash.get(instrument.settle, ZERO) - account.locked.get(instrument.settle, ZERO)
    # cash + size x price - cost - |size| x price x fee = 0
    price = (holding.cost - cash) / (size - abs(size) * instrument.taker_fee)
    return max(ZERO, price.quantize(FINEST, ROUND_CEILING if size > 0 else ROUND_FLOOR))


def on_leg(clearing: Clearing, market: Market, start: float, end: float) -> None:
    """The price of a bar ran from `start` to `end`: who sinks on the way is liquidated where that happened, not at the end."""
    market.pinned = 2 * market.grid.near(end)
    if market.guard[0] < end < market.guard[1] and not clearing.has_moved(market):
        return
    for _, holding in sorted(market.holders.items()):
        account, asset = holding.account, market.instrument.settle
        if holding.lots and margin.sinking(account, asset):
            _pin(market, holding, start, end)
            liquidate(clearing, account, asset)
            market.pinned = 2 * market.grid.near(end)


def _pin(market: Market, holding: Holding, start: float, end: float) -> None:
    """Put the mark where the account sinks, within the leg."""
    price = margin.liquidation_price(holding.account, holding)
    if price is None:
        return
    level = market.grid.level(price)
    first, last = market.grid.near(start), market.grid.near(end)
    market.pinned = 2 * min(max(level, min(first, last)), max(first, last))
