"""What the market does to resting orders: queues shrink, trades and opposite quotes fill, bars run through.

Makers fill at their own limit price. Nothing fills more than what strangers showed or traded.
"""

from __future__ import annotations

from ctosd.abi import Bar, BookDelta, Side, Trade
from drivers.paper.matching.clearing import Clearing
from drivers.paper.matching.ladder import Ladder
from drivers.paper.matching.market import SIGN, Level, Market
from drivers.paper.matching.orders import Order, opposite

SIDES: tuple[Side, Side] = ("buy", "sell")


def on_touch(clearing: Clearing, market: Market) -> None:
    """After a quote: orders that it crosses meet it, and the queue at the touch is no longer than what is shown there."""
    bid, ask = market.touches()
    sides: tuple[tuple[Side, Level | None, Level | None], ...] = (("buy", bid, ask), ("sell", ask, bid))
    for side, touch, across in sides:
        ladder = market.ladders[side]
        if (best := ladder.best) is None:
            continue
        best *= ladder.sign
        if across is not None and best >= across[0] * ladder.sign:
            meet(clearing, market, side)
        if touch is not None and best >= touch[0] * ladder.sign:
            _shrink(clearing, ladder, touch[0], touch[1])


def on_book(clearing: Clearing, market: Market, delta: BookDelta) -> None:
    """After a delta: the queue at a level is no longer than what is shown there."""
    for side, levels in (("buy", delta.bids), ("sell", delta.asks)):
        ladder = market.ladders["buy" if side == "buy" else "sell"]
        if prices := ladder.prices:
            for price, size in levels:
                if price in prices:
                    _cap(clearing, ladder.at(prices[price]), market.grid.lots(size))


def meet(clearing: Clearing, market: Market, side: Side) -> None:
    """Opposite liquidity that is shown at or through our prices would have met our orders: it fills them."""
    other, sign = opposite(side), SIGN[side]
    best = market.ladders[side].best
    first = next(market.levels(other, modelled=False), None)
    if best is None or first is None or best * sign < first[0] * sign:
        return
    for order in market.ladders[side].reaching(first[0]):
        for level, lots in list(_until(market, other, order.level * sign, sign)):
            if not order.left:
                break
            lots = min(lots, order.left)
            market.take(other, level, lots)
            _fill(clearing, market, order, lots)


def _until(market: Market, side: Side, bound: int, sign: int) -> list[tuple[int, int]]:
    found = []
    for level, lots in market.levels(side, modelled=False):
        if level * sign > bound:
            break
        found.append((level, lots))
    return found


def _shrink(clearing: Clearing, ladder: Ladder, level: int, lots: int) -> None:
    """Nobody stands before orders that are better than the touch, and no more than is shown before those at it."""
    for order in ladder.reaching(level):
        _cap(clearing, [order], lots if order.level == level else 0)


def _cap(clearing: Clearing, orders: list[Order], lots: int) -> None:
    for order in orders:
        if order.ahead > lots:
            order.ahead = lots
            clearing.changed[order.key] = order


def _fill(clearing: Clearing, market: Market, order: Order, lots: int) -> None:
    assert order.price is not None
    clearing.fill(order, lots, order.price, "maker", clearing.next_trade())


# -- trades ---------------------------------------------------------------------------------------------------------------


def on_trade(clearing: Clearing, market: Market, trade: Trade) -> None:
    """A trade through our prices would have met our orders first; one at our price eats the queue, then us."""
    grid = market.grid
    for side in SIDES:
        ladder = market.ladders[side]
        if not ladder:
            continue
        level = grid.up(trade.price) if side == "buy" else grid.down(trade.price)
        left = grid.lots(trade.size)
        for order in ladder.reaching(level):
            if order.level != level:
                _cap(clearing, [order], 0)
                left -= _give(clearing, market, order, left)
        if trade.side != side:
            _at_price(clearing, market, ladder.at(level), left)


def _give(clearing: Clearing, market: Market, order: Order, lots: int) -> int:
    lots = min(lots, order.left)
    if lots > 0:
        _fill(clearing, market, order, lots)
    return max(0, lots)


def _at_price(clearing: Clearing, market: Market, queue: list[Order], left: int) -> None:
    if market.rules.queue_model == "fraction":
        left = int(left * market.rules.trade_share)
    eaten = 0
    for order in queue:
        step = min(max(0, order.ahead - eaten), left)
        eaten, left = eaten + step, left - step
        _cap(clearing, [order], max(0, order.ahead - eaten))
        left -= _give(clearing, market, order, left)


# -- bars -----------------------------------------------------------------------------------------------------------------


def path(bar: Bar) -> tuple[float, float, float, float]:
    """The way of the price through a bar: the nearer extreme first."""
    if bar.open - bar.low <= bar.high - bar.open:
        return bar.open, bar.low, bar.high, bar.close
    return bar.open, bar.high, bar.low, bar.close


def on_price(clearing: Clearing, market: Market, price: float) -> None:
    """The price of a bar came to a point: what it ran through is filled, as far as the bar's volume goes."""
    touch = market.rules.bar_touch_fills
    for side in SIDES:
        ladder, sign = market.ladders[side], SIGN[side]
        level = market.grid.up(price) if side == "buy" else market.grid.down(price)
        bound = level if touch else level + sign  # a price that is only touched fills nobody
        if (best := ladder.best) is None or best * sign < bound * sign:
            continue
        for order in ladder.reaching(bound):
            bar_left = market.bar_left()
            if not bar_left:
                return
            if lots := min(order.left, bar_left):
                market.use_bar(lots)
                _fill(clearing, market, order, lots)
