"""The rules of the venue: what it refuses, and the stated models for what market data does not show."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

HOUR_NS = 3_600 * 1_000_000_000

SelfTrade = Literal["cancel_maker", "cancel_taker", "cancel_both"]
QueueModel = Literal["book", "fraction"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """Ratios are fractions. Refusals first, then the models."""

    price_band: Decimal | None = Decimal("0.1")
    """How far over the mark a buy may be priced, a sell under it; market orders do not walk further. None: no band."""
    max_open_orders: int = 200
    """Open orders of one account in one symbol."""
    max_position_notional: Decimal | None = None
    """Worth of one position together with the open orders that would enlarge it."""
    self_trade: SelfTrade = "cancel_maker"

    queue_model: QueueModel = "book"
    """`book`: the displayed size at the price stands before an order. `fraction`: nothing does, and `trade_share` of what trades
    at the price is left to it."""
    trade_share: float = 0.5
    queue_fraction: float = 1.0
    """Size before an order that rests behind the touch where no book is known, as a multiple of the touch's size."""

    depth_step: int = 1
    """Ticks between the levels behind the touch where no book is known."""
    depth_size: float = 1.0
    """Size of each such level as a multiple of the touch's size."""
    depth_levels: int = 10
    """How many such levels there are; 0: the touch alone."""

    bar_spread: float = 0.0001
    """Spread around a bar's close or a last trade where no quote is known, as a fraction; widened to whole ticks."""
    bar_volume_share: float = 1.0
    """Share of a bar's volume that all orders together may take. A bar that moved without a volume has no bound."""
    bar_touch_fills: bool = False
    """Whether a bar whose extreme is exactly the price fills the order."""

    funding_rate: Decimal = Decimal(0)
    """Rate of an interval for which no funding was told."""
    funding_interval_ns: int = 8 * HOUR_NS
    funding_backlog: int = 3
    """Missed settlements that are still paid when time jumps."""

    keep_closed: int = 10_000
    """Finished orders, fills, and funding payments, of one account that stay answerable."""
