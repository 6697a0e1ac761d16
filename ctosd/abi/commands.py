"""Commands that leave for a venue, and their outcomes: values, never exceptions."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ctosd.abi.events import OrderType, TimeInForce
from ctosd.abi.instruments import Side


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A new order. `size` in base units; `expires_ns` is the time after which the venue must refuse it."""

    account: str
    client_id: str
    symbol: str
    side: Side
    type: OrderType
    size: Decimal
    price: Decimal | None = None
    tif: TimeInForce = "gtc"
    post_only: bool = False
    reduce_only: bool = False
    trigger: Decimal | None = None  # a conditional order: it becomes active when the last price reaches this
    expires_ns: int = 0


class Amend(msgspec.Struct, frozen=True, kw_only=True):
    """Change an open order in place. `size` is the new total size, what was filled included."""

    account: str
    client_id: str
    venue_id: str
    symbol: str
    price: Decimal | None = None
    size: Decimal | None = None
    # The order as it rests, for venues that want all terms again.
    side: Side | None = None
    old_price: Decimal | None = None
    old_size: Decimal | None = None
    expires_ns: int = 0


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """Take an open order out of the book. Idempotent by its target."""

    account: str
    client_id: str
    venue_id: str
    symbol: str


Command = Place | Amend | Cancel


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The venue has the command; what follows comes on the private stream."""

    client_id: str
    venue_id: str
    time_ns: int


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The venue refused on proof. `reason` is a word of `REASONS`, `message` the venue's own."""

    client_id: str
    reason: str
    message: str
    time_ns: int


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody knows whether the venue acted. Never read as rejected, never as filled; resolved by query."""

    client_id: str
    message: str


Outcome = Accepted | Rejected | Unknown

REASONS: dict[str, str] = {
    # the venue's words, unified (protocol sheet `unified`, section 4)
    "rate_limited": "the venue's rate limit was hit",
    "banned": "the venue blocks this address for a time",
    "overload": "the venue is overloaded",
    "maintenance": "the venue is in maintenance",
    "timestamp": "our clock is outside the venue's window",
    "auth": "the credentials were refused",
    "permission": "the key or the account may not do this",
    "bad_request": "the venue did not understand the request",
    "bad_symbol": "no such instrument at this venue",
    "market_closed": "the instrument is not trading now",
    "filter": "price or size is off the grid or out of range",
    "price_band": "the price is too far from the market",
    "insufficient_funds": "not enough margin or balance",
    "position_limit": "the position would be too large",
    "post_only": "a post-only order would have taken liquidity",
    "reduce_only": "a reduce-only order would not have reduced",
    "not_filled": "an immediate order could not be filled",
    "order_not_found": "the venue knows no such order",
    "duplicate_client_id": "an order with this client id exists",
    "order_count_limit": "too many open orders",
    "amend_reject": "the order cannot be changed",
    "unsupported": "the venue cannot do this",
    "self_trade": "the order would have traded with our own",
    "liquidated": "the venue liquidated the position",
    "exchange_error": "the venue gave an error that we do not know",
    # our own gate's words
    "halted": "the kill switch is on",
    "reducing": "only orders that reduce are allowed now",
    "unarmed": "real money may not move: nobody has armed this account",
    "fenced": "the strategy's handle is revoked",
    "precision": "price or size is off the instrument's grid",
    "min_size": "smaller than the instrument's minimum size",
    "min_notional": "worth less than the instrument's minimum",
    "max_order_notional": "worth more than one order may be",
    "max_position_notional": "the position would be worth more than allowed",
    "max_open_orders": "too many open orders of this strategy",
    "max_loss": "the strategy lost more than it may",
    "order_rate": "too many orders in too short a time",
    "duplicate": "the same order was sent a moment ago",
    "no_price": "there is no market price yet",
    "stale_price": "the market price is too old",
    "unresolved": "an earlier order on this instrument has an unknown outcome",
    "venue_down": "the venue is not connected",
    "deadline": "the order waited longer than it may",
    "journal": "the journal cannot take the intent",
    "withdrawn": "the order was cancelled before it was sent",
}
"""Every word that may stand in `Order.reason`, with its meaning."""
