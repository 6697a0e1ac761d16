"""What the venue refuses, in its own words: pure checks that give `(reason, message)` or None."""

from __future__ import annotations

from decimal import Decimal

from ctosd.abi import Instrument, Place, Side
from drivers.paper.matching.account import Account, worst_fee
from drivers.paper.matching.market import Market
from drivers.paper.matching.orders import ZERO, Order
from drivers.paper.matching.plan import Plan
from drivers.paper.matching.rules import Rules

Refusal = tuple[str, str] | None
LARGEST = Decimal(10) ** 12
"""Sizes and prices above this are nobody's, and would not fit the arithmetic."""


def plain(amount: Decimal) -> str:
    """Digits without an exponent and without zeros at the end."""
    return f"{amount.normalize():f}"


def shape(place: Place) -> Refusal:
    """Whether the words of an order go together."""
    if not place.client_id:
        return "bad_request", "Mandatory parameter 'client_id' was not sent"
    if place.type == "market" and (place.post_only or place.price is not None):
        return "bad_request", "A market order takes neither a price nor post-only"
    if place.type == "limit" and place.price is None:
        return "bad_request", "Mandatory parameter 'price' was not sent: a limit order needs one"
    if place.post_only and place.tif != "gtc":
        return "bad_request", f"Post-only does not go with time in force {place.tif}"
    return None


def size(instrument: Instrument, amount: Decimal, *, market: bool) -> Refusal:
    if not amount.is_finite() or abs(amount) > LARGEST or not instrument.on_lot(amount):
        return "filter", f"Filter failure: LOT_SIZE (quantity {amount} is not a multiple of {instrument.lot})"
    if amount < instrument.min_size or amount <= 0:
        return "filter", f"Filter failure: LOT_SIZE (quantity {amount} is below the minimum {instrument.min_size})"
    limit = instrument.max_market_size if market and instrument.max_market_size is not None else instrument.max_size
    if limit is not None and amount > limit:
        name = "MARKET_LOT_SIZE" if market else "LOT_SIZE"
        return "filter", f"Filter failure: {name} (quantity {amount} is above the maximum {limit})"
    return None


def price(market: Market, side: Side, amount: Decimal, band: Decimal | None) -> Refusal:
    tick = market.instrument.tick
    if not amount.is_finite() or not 0 < amount <= LARGEST or amount % tick != 0:
        return "filter", f"Filter failure: PRICE_FILTER (price {amount} is not a positive multiple of {tick})"
    mark = market.mark
    if band is None or mark is None:
        return None
    bound = mark * (1 + band) if side == "buy" else mark * (1 - band)
    if amount > bound if side == "buy" else amount < bound:
        how = "above" if side == "buy" else "below"
        return (
            "price_band",
            f"Filter failure: PERCENT_PRICE (price {amount} is {how} {plain(bound)}, the mark is {plain(mark)})",
        )
    return None


def notional(market: Market, amount: Decimal, at: Decimal | None, *, reduce_only: bool) -> Refusal:
    """The minimum worth; closing orders are let off."""
    least = market.instrument.min_notional
    at = at if at is not None else market.mark
    if reduce_only or not least or at is None or amount * at >= least:
        return None
    return "filter", f"Filter failure: NOTIONAL (order's notional {plain(amount * at)} is below {least})"


def count(account: Account, symbol: str, limit: int) -> Refusal:
    if account.counts.get(symbol, 0) < limit:
        return None
    return "order_count_limit", f"Reach max open order limit: {limit} open orders in {symbol}"


def funds(account: Account, market: Market, order: Order, plan: Plan, rest: int, rules: Rules) -> Refusal:
    """Whether the account can carry what the order would trade now and what of it would rest."""
    if market.instrument.kind == "spot":
        return _spot(account, market, order, plan, rest)
    return None if order.reduce_only else _perpetual(account, market, order, plan, rest, rules)


def traded(market: Market, plan: Plan) -> Decimal:
    """Worth of what a plan takes."""
    return sum((market.grid.price(level) * market.grid.size(lots) for level, lots, _ in plan.steps), ZERO)


def _worth(market: Market, order: Order, rest: int) -> Decimal:
    return order.price * market.grid.size(rest) if order.price is not None else ZERO


def _spot(account: Account, market: Market, order: Order, plan: Plan, rest: int) -> Refusal:
    instrument = market.instrument
    if order.side == "buy":
        asset = instrument.quote
        need = traded(market, plan) * (1 + instrument.taker_fee) + _worth(market, order, rest) * (1 + worst_fee(market))
    else:
        asset, need = instrument.base, market.grid.size(plan.lots + rest)
    have = min(account.free(asset), account.cash.get(asset, ZERO) - account.locked.get(asset, ZERO))
    if need <= have:
        return None
    message = f"Account has insufficient balance for requested action: {plain(need)} {asset} needed, {plain(have)} free"
    return "insufficient_funds", message


def _perpetual(account: Account, market: Market, order: Order, plan: Plan, rest: int, rules: Rules) -> Refusal:
    holding, sign = account.holding(market), order.sign
    worth, resting = traded(market, plan) if plan.steps else ZERO, _worth(market, order, rest)
    _, cost, _ = holding.after(sign * plan.lots, sign * worth) if plan.lots else (0, holding.cost, ZERO)
    buys = holding.buys + (resting if sign > 0 else ZERO)
    sells = holding.sells + (resting if sign < 0 else ZERO)
    limit = rules.max_position_notional
    refusal = None if limit is None else _position(holding.cost, cost, buys, sells, limit)
    grown = account.initial(market, cost, buys, sells) - holding.margin
    if refusal or grown <= 0:
        return refusal
    mark = market.mark
    loss = max(ZERO, sign * (worth - market.grid.size(plan.lots) * mark)) if plan.lots and mark is not None else ZERO
    need = grown + loss + (worth + resting) * max(ZERO, market.instrument.taker_fee)
    have = account.free(market.instrument.settle)
    if need <= have:
        return None
    return (
        "insufficient_funds",
        f"Margin is insufficient: {plain(need)} {market.instrument.settle} needed, {plain(have)} available",
    )


def _position(held: Decimal, cost: Decimal, buys: Decimal, sells: Decimal, limit: Decimal) -> Refusal:
    worst = max(abs(cost + buys), abs(cost - sells))
    if worst <= limit or worst <= abs(held):
        return None
    return (
        "position_limit",
        f"Exceeded the maximum allowable position: {plain(worst)} with open orders, the limit is {limit}",
    )
