"""The risk gate: every order passes it, the first refusal wins, and any of its checks can be asked why.

A check is a pure function of the order and of a `View`: what the kernel knows at that instant. The kill switch is the
first of the list and the rates are the last, so that a refused order never uses up a rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from ctosd.abi.instruments import Instrument
from ctosd.abi.orders import Order

Mode = Literal["active", "reducing", "halted"]
ZERO = Decimal(0)
FUTURE_NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on one strategy, or on the whole daemon. None leaves a bound open. Money is in the quote asset."""

    max_order_notional: Decimal | None = Decimal(10_000)
    max_position_notional: Decimal | None = Decimal(50_000)
    max_open_orders: int | None = 200
    max_loss: Decimal | None = None
    price_band: Decimal | None = Decimal("0.1")  # how far from the market a limit price may lie on the aggressive side
    order_rate: float | None = 20.0  # orders a second, in the long run
    order_burst: int = 60
    duplicate_window_ms: int = 100
    max_price_age_s: float | None = 30.0


class Refusal(NamedTuple):
    """Why an order may not leave: a word of `abi.commands.REASONS` and a sentence with the figures."""

    reason: str
    message: str


class View(msgspec.Struct):
    """What the gate sees of the world when one order stands before it. Sizes are signed where they are positions."""

    now_ns: int
    mode: Mode
    mode_reason: str
    instrument: Instrument
    venue_up: bool
    unarmed: str  # why the account may not move money; empty on paper and demo venues
    frozen: str  # why nothing new may be opened in the instrument: the venue closed a position by itself
    price: Decimal | None
    price_age_ns: int
    price_valid_ns: int  # a source that speaks once a minute is not stale after a second
    position: Decimal
    account_position: Decimal
    buying: Decimal  # what open orders of the strategy may still buy, the worst case
    selling: Decimal
    account_buying: Decimal
    account_selling: Decimal
    open_orders: int
    unresolved: str  # client id of an order on this instrument whose outcome is unknown
    pnl: Decimal
    tokens: float  # what is left of the strategy's own order rate
    last_same_ns: int  # when the same order was last sent
    limits: Limits
    house: Limits
    privileged: bool = False  # the operator or an exit policy: may reduce whatever the mode
    reducing: bool = False  # whether the order can only make the position smaller; `check` finds out once for all rules


Check = Callable[[Order, View], Refusal | None]


def reduces(order: Order, view: View) -> bool:
    """Whether the order can only make the strategy's position smaller."""
    if order.reduce_only:
        return True
    if order.side == "sell":
        return order.size + view.selling <= view.position
    return order.size + view.buying <= -view.position


def _money(value: Decimal) -> str:
    return f"{value:,.2f}"


def _halted(order: Order, view: View) -> Refusal | None:
    if view.mode == "active" or (view.privileged and view.reducing):
        return None
    if view.mode == "reducing" and view.reducing:
        return None
    reason = "halted" if view.mode == "halted" else "reducing"
    return Refusal(
        reason, f"trading is {view.mode}: {view.mode_reason or 'no reason given'}; `ctosctl resume` lifts it"
    )


def _venue(order: Order, view: View) -> Refusal | None:
    return None if view.venue_up else Refusal("venue_down", f"{view.instrument.venue} is not connected")


def _armed(order: Order, view: View) -> Refusal | None:
    if not view.unarmed or view.reducing:
        return None
    return Refusal(
        "unarmed", f"{view.unarmed}: only orders that reduce may leave; `ctosctl arm {order.account}` lifts it"
    )


def _frozen(order: Order, view: View) -> Refusal | None:
    if not view.frozen or view.reducing:
        return None
    return Refusal("frozen", f"{view.frozen}; what was closed is not opened again until `ctosctl resume`")


def _precision(order: Order, view: View) -> Refusal | None:
    instrument = view.instrument
    if order.size <= 0:
        return Refusal("precision", f"size {order.size} is not positive")
    if not instrument.on_lot(order.size):
        return Refusal("precision", f"size {order.size} is not a multiple of the lot {instrument.lot}")
    if order.price is None:
        return None
    if order.price <= 0:
        return Refusal("precision", f"price {order.price} is not positive")
    if not instrument.on_tick(order.price):
        return Refusal("precision", f"price {order.price} is not a multiple of the tick {instrument.tick}")
    return None


def _minimum(order: Order, view: View) -> Refusal | None:
    instrument = view.instrument
    if order.size < instrument.min_size:
        return Refusal("min_size", f"size {order.size} is below the minimum {instrument.min_size} {instrument.base}")
    price = order.price or view.price
    if price is None or order.reduce_only or order.size * price >= instrument.min_notional:
        return None
    worth = _money(order.size * price)
    return Refusal("min_notional", f"worth {worth}, below the minimum {instrument.min_notional} {instrument.quote}")


def _price(order: Order, view: View) -> Refusal | None:
    if view.reducing:
        return None
    if view.price is None:
        return Refusal("no_price", f"no market price of {order.symbol} has come yet")
    if view.price_age_ns < -FUTURE_NS:
        return Refusal(
            "stale_price", f"the last price of {order.symbol} is of the future: this machine's clock was set back"
        )
    limit = view.limits.max_price_age_s
    if limit is None or view.price_age_ns <= max(int(limit * 1e9), view.price_valid_ns):
        return None
    return Refusal(
        "stale_price", f"the last price of {order.symbol} is {view.price_age_ns / 1e9:.1f} s old; at most {limit} s"
    )


def _band(order: Order, view: View) -> Refusal | None:
    if order.price is None or view.price is None:
        return None
    for limits in (view.limits, view.house):
        if limits.price_band is None:
            continue
        edge = view.price * (1 + limits.price_band if order.side == "buy" else 1 - limits.price_band)
        if (order.price > edge) if order.side == "buy" else (order.price < edge):
            return Refusal(
                "price_band",
                f"{order.side} at {order.price} is more than {limits.price_band:.1%} beyond the market at {view.price}",
            )
    return None


def _unresolved(order: Order, view: View) -> Refusal | None:
    if not view.unresolved or view.reducing:
        return None
    return Refusal("unresolved", f"the outcome of {view.unresolved} on {order.symbol} is unknown; being resolved")


def _order_notional(order: Order, view: View) -> Refusal | None:
    price = order.price or view.price
    if price is None or view.reducing:
        return None
    worth = order.size * price
    for limits in (view.limits, view.house):
        if limits.max_order_notional is not None and worth > limits.max_order_notional:
            return Refusal(
                "max_order_notional", f"worth {_money(worth)}, one order may be worth {limits.max_order_notional}"
            )
    return None


def _worst(order: Order, position: Decimal, buying: Decimal, selling: Decimal) -> Decimal:
    """The largest absolute position that could come of it: this order and every open one of its side filled."""
    if order.side == "buy":
        return abs(position + buying + order.size)
    return abs(position - selling - order.size)


def _position_notional(order: Order, view: View) -> Refusal | None:
    price = view.price or order.price
    if price is None or view.reducing:
        return None
    own = _worst(order, view.position, view.buying, view.selling) * price
    if view.limits.max_position_notional is not None and own > view.limits.max_position_notional:
        return Refusal(
            "max_position_notional",
            f"with open orders the position could reach {_money(own)}, at most {view.limits.max_position_notional}",
        )
    whole = _worst(order, view.account_position, view.account_buying, view.account_selling) * price
    if view.house.max_position_notional is not None and whole > view.house.max_position_notional:
        return Refusal(
            "max_position_notional",
            f"the account's position could reach {_money(whole)}, at most {view.house.max_position_notional}",
        )
    return None


def _open_orders(order: Order, view: View) -> Refusal | None:
    limit = view.limits.max_open_orders
    if limit is None or view.open_orders < limit or order.reduce_only:
        return None
    return Refusal("max_open_orders", f"{view.open_orders} orders are open, at most {limit}")


def _loss(order: Order, view: View) -> Refusal | None:
    limit = view.limits.max_loss
    if limit is None or view.pnl > -limit or view.reducing:
        return None
    return Refusal("max_loss", f"the strategy has lost {_money(-view.pnl)}, at most {limit}")


def _duplicate(order: Order, view: View) -> Refusal | None:
    age_ns = view.now_ns - view.last_same_ns
    if view.privileged or not 0 <= age_ns < view.limits.duplicate_window_ms * 1_000_000:
        return None  # what was sent in the future was dated by a clock that has been set back since
    return Refusal("duplicate", f"the same order was sent {age_ns / 1e6:.0f} ms ago")


def _rate(order: Order, view: View) -> Refusal | None:
    if view.limits.order_rate is None or view.tokens >= 1 or view.privileged:
        return None
    return Refusal(
        "order_rate", f"more than {view.limits.order_burst} orders at once or {view.limits.order_rate} a second"
    )


CHECKS: tuple[tuple[str, Check], ...] = (
    ("halted", _halted),
    ("venue_down", _venue),
    ("unarmed", _armed),
    ("frozen", _frozen),
    ("precision", _precision),
    ("minimum", _minimum),
    ("price", _price),
    ("price_band", _band),
    ("unresolved", _unresolved),
    ("max_order_notional", _order_notional),
    ("max_position_notional", _position_notional),
    ("max_open_orders", _open_orders),
    ("max_loss", _loss),
    ("duplicate", _duplicate),
    ("order_rate", _rate),
)

RULES: tuple[Check, ...] = tuple(rule for _, rule in CHECKS)
_OF_TROUBLE = (_halted, _venue, _armed, _frozen, _unresolved)
_OF_ORDERS: tuple[Check, ...] = tuple(rule for rule in RULES if rule not in _OF_TROUBLE)


def check(order: Order, view: View) -> Refusal | None:
    """The first refusal, or None when the order may go on."""
    view.reducing = reduces(order, view)
    # A call costs its microsecond on the way of every order: rules that cannot refuse now are not asked.
    trouble = view.mode != "active" or not view.venue_up or view.unarmed or view.frozen or view.unresolved
    for rule in RULES if trouble else _OF_ORDERS:
        refusal = rule(order, view)
        if refusal is not None:
            return refusal
    return None


def explain(order: Order, view: View) -> list[tuple[str, Refusal | None]]:
    """What every check would say of the order, in their order."""
    view.reducing = reduces(order, view)
    return [(name, rule(order, view)) for name, rule in CHECKS]


AGAIN: tuple[Check, ...] = (_halted, _venue, _armed, _frozen, _price, _unresolved)
"""What can change while an order waits for the venue's rate limit."""


def check_again(order: Order, view: View) -> Refusal | None:
    """Look again before the order is sent: kill switch, connection, price age, unknown outcomes."""
    view.reducing = reduces(order, view)
    return next((refusal for rule in AGAIN if (refusal := rule(order, view)) is not None), None)
