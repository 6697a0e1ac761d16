"""The words of orders, which Backpack writes in two ways: ``Limit`` and ``New`` over REST, ``LIMIT`` on streams."""

from __future__ import annotations

from collections.abc import Mapping

from ctosd.abi import OrderState, OrderType, Side
from drivers.backpack.errors import reason_of_expiry

SIDES: Mapping[str, Side] = {"bid": "buy", "ask": "sell", "buy": "buy", "sell": "sell"}
TYPES: Mapping[str, OrderType] = {"limit": "limit", "market": "market"}
STATES: Mapping[str, OrderState] = {
    "new": "open",
    "partiallyfilled": "partially_filled",
    "filled": "filled",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "expired": "expired",
    "triggerpending": "open",
    "triggerfailed": "rejected",
}

CAUSES: Mapping[str, str] = {
    "LIQUIDATION_AUTOCLOSE": "liquidation",
    "BACKSTOP_LIQUIDITY_PROVIDER": "liquidation",
    "ADL_AUTOCLOSE": "adl",
    "COLLATERAL_CONVERSION": "conversion",
    "SETTLEMENT_AUTOCLOSE": "settlement",
    "LiquidatePositionOnBook": "liquidation",
    "LiquidatePositionOnBackstop": "liquidation",
    "LiquidatePositionOnAdl": "adl",
    "CollateralConversion": "conversion",
    "FutureExpiry": "settlement",
    "OrderBookClosed": "settlement",
}
"""Who traded when it was not the user: the origin of a push, or the system order type of a record."""


def plain(word: str) -> str:
    """A word without what differs between REST and streams."""
    return word.replace("_", "").lower()


def side_of(word: str) -> Side:
    """Raises `ValueError` for a word that is no side."""
    side = SIDES.get(plain(word))
    if side is None:
        raise ValueError(f"{word!r} is no side")
    return side


def type_of(word: str | None, *, has_price: bool) -> OrderType:
    """A missing or unknown type is told by the price."""
    return TYPES.get(plain(word or ""), "limit" if has_price else "market")


def state_of(status: str, expiry: str, *, filled: bool) -> tuple[OrderState, str]:
    """State and reason of an order. Raises `ValueError` for a status that is none.

    An expired order that nothing was filled of, for another reason than its own time in force, was refused.
    """
    state = STATES.get(plain(status))
    if state is None:
        raise ValueError(f"{status!r} is no status of an order")
    reason = reason_of_expiry(expiry)
    if state == "expired" and reason and reason != "not_filled" and not filled:
        return "rejected", reason
    if state == "rejected" and filled:
        return "expired", reason or "exchange_error"  # what was filled of it is ours
    return state, reason or ("exchange_error" if state == "rejected" else "")


def cause_of(origin: str | None) -> str:
    """`Fill.cause`; empty for the user's own orders and for words not known."""
    return CAUSES.get(origin or "", "")
