"""A holding: one symbol's size and money, and the arithmetic that a fill does to it.

The money of a holding is its cash flow, the sum of ``-side x price x size``, which is exact. Average cost splits it into
``realised - cost`` with the one division of the ledger: a cost share is rounded once, and what the rounding left stays
in the cost. So ``realised + (size x mark - cost)`` equals ``flow + size x mark`` to the last digit, whatever the path.

Every sum is made in a context that refuses to round: it raises `decimal.Inexact` instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_DOWN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

import msgspec

from ctosd.abi.errors import InvariantBroken
from ctosd.abi.events import Fill
from ctosd.abi.instruments import Instrument

ZERO = Decimal(0)
QUANTUM = Decimal("1e-12")  # cost and funding shares are rounded to this part of the money

_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
_ROUND = Context(prec=100, traps=[InvalidOperation, Overflow, DivisionByZero], rounding=ROUND_DOWN)

add, sub, mul = _EXACT.add, _EXACT.subtract, _EXACT.multiply

Sums = dict[str, Decimal]
"""asset or strategy -> amount."""


class Holding(msgspec.Struct, kw_only=True):
    """One symbol of one strategy, or of a whole account. Only the ledger writes to it.

    `size` in base units, negative when short. `cost` is what the present size cost (negative when short), `flow` all
    cash that trading moved, both in `money` and fees apart. A fee that a spot venue takes in the base asset has already
    lessened `size`.
    """

    account: str
    strategy: str
    symbol: str
    money: str = ""  # the asset of cost, flow, realised and profit
    base: str = ""  # the asset that is owned; empty for a perpetual, where none is
    size: Decimal = ZERO
    cost: Decimal = ZERO
    flow: Decimal = ZERO
    realised: Decimal = ZERO
    volume: Decimal = ZERO  # sum of price x size
    fills: int = 0
    fees: Sums = {}  # asset -> paid
    fundings: Sums = {}  # asset -> received

    @property
    def entry(self) -> Decimal:
        """Average price of the present size, for display; 0 when flat."""
        return self.cost / self.size if self.size else ZERO

    @property
    def fee(self) -> Decimal:
        """Fees paid in `money`."""
        return self.fees.get(self.money, ZERO)

    @property
    def funding(self) -> Decimal:
        """Funding received in `money`, negative when paid."""
        return self.fundings.get(self.money, ZERO)


class Trade(msgspec.Struct, frozen=True):
    """A fill as the books see it: the change of size and of cash."""

    change: Decimal
    flow: Decimal
    value: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str


Booked = tuple[Decimal, Decimal, Decimal, Decimal, Decimal, Decimal]
"""`(size, cost, realised, flow, volume, fees in the fill's fee asset)` after a trade."""


def unrealised(holding: Holding, mark: Decimal) -> Decimal:
    """Profit that closing at `mark` would realise, in `money`."""
    return sub(mul(holding.size, mark), holding.cost)


def pnl(holding: Holding, mark: Decimal) -> Decimal:
    """Realised + unrealised - fees + funding, in `money`. Fees in third assets are in `fees` and not in this sum.

    Additive: over the strategies of an account it adds up to the account's own to the last digit.
    """
    gross = add(holding.realised, unrealised(holding, mark))
    return add(sub(gross, holding.fee), holding.funding)


def cash(holding: Holding) -> Sums:
    """What trading moved in the account's balances, by asset.

    A perpetual moves realised profit, a spot pair the price and the coins; both pay fees and receive funding.
    """
    sums: Sums = {holding.money: holding.flow if holding.base else holding.realised}
    if holding.base:
        sums[holding.base] = holding.size
    for asset, fee in holding.fees.items():
        if asset != holding.base:
            count(sums, asset, -fee)
    for asset, amount in holding.fundings.items():
        count(sums, asset, amount)
    return {asset: amount for asset, amount in sums.items() if amount}


def trade_of(fill: Fill, instrument: Instrument) -> Trade:
    """The trade that a fill is. Raises `InvariantBroken` for figures that no venue can mean."""
    price, size, fee = fill.price, fill.size, fill.fee
    if not (price.is_finite() and size.is_finite() and fee.is_finite() and size > 0 and price >= 0):
        raise InvariantBroken(
            f"fill {fill.trade_id} of {fill.symbol} at {fill.account} has price {price}, size {size}, fee {fee}:"
            " the driver must give finite figures, size above 0, price not below"
        )
    value = mul(price, size)
    change, flow = (size, -value) if fill.side == "buy" else (-size, value)
    if instrument.kind == "spot" and fill.fee_asset == instrument.base:
        change = sub(change, fee)
    return Trade(change, flow, value, price, fee, fill.fee_asset)


def booked(holding: Holding, trade: Trade) -> Booked:
    """The holding's figures after the trade; changes nothing. `realised - cost` changes by exactly the trade's flow."""
    size, cost, realised, flow, change = holding.size, holding.cost, holding.realised, trade.flow, trade.change
    after = add(size, change)
    if not size or (size > 0) == (change > 0):
        cost = sub(cost, flow)
    elif after and (after > 0) == (size > 0):
        part = share(cost, change, size)
        cost = sub(cost, part)
        realised = add(realised, sub(flow, part))
    else:
        fresh = mul(after, trade.price)  # flat, or crossed: what is left was opened at this price
        realised = add(realised, sub(add(flow, fresh), cost))
        cost = fresh
    paid = add(holding.fees.get(trade.fee_asset, ZERO), trade.fee)
    return after, cost, realised, add(holding.flow, flow), add(holding.volume, trade.value), paid


def write(holding: Holding, trade: Trade, figures: Booked) -> None:
    """Make `booked` figures the holding's own."""
    holding.size, holding.cost, holding.realised, holding.flow, holding.volume, paid = figures
    holding.fills += 1
    if trade.fee:
        holding.fees[trade.fee_asset] = paid


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """``amount x |part / whole|``, rounded towards zero."""
    return _ROUND.quantize(_ROUND.divide(_ROUND.multiply(amount, part.copy_abs()), whole.copy_abs()), QUANTUM)


def count(sums: Sums, name: str, amount: Decimal) -> None:
    """Add to one of several sums."""
    sums[name] = add(sums.get(name, ZERO), amount)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    result = ZERO
    for amount in amounts:
        result = add(result, amount)
    return result


def why(error: Exception) -> str:
    """What is wrong when a sum could not be made, in words."""
    if isinstance(error, Inexact):
        return "a sum would need more than 100 digits; the venue's figures cannot be right"
    return f"the figures cannot be added ({type(error).__name__})"
