"""Prices put back on their grid: 7.6560000000000015 was 7.656 before some program wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from math import isfinite

NOISE = 15
"""A price with so many significant digits was computed, not quoted; a float holds at most 17."""
QUOTED = 10
"""A price that has at most so many digits when its last few are rounded away is quoted, with noise on top."""


def snapped(columns: Sequence[Sequence[float]], tick: Decimal | None = None) -> list[Sequence[float]]:
    """The same columns without float noise.

    With a `tick`, every price goes to the nearest multiple of it. Without, only prices with 15 or more significant digits
    are touched: noise in the last digits is rounded away, and what then still has no end (a mean, an index) gets the
    most decimals that any other price of these columns has.
    """
    prices = set().union(*columns)
    moved = _on_tick(prices, tick) if tick else _on_decimals(prices)
    if not moved:
        return list(columns)
    return [[moved.get(price, price) for price in column] for column in columns]


def _on_tick(prices: set[float], tick: Decimal) -> dict[float, float]:
    ticks = {p: (Decimal(repr(p)) / tick).to_integral_value(ROUND_HALF_EVEN) for p in prices if isfinite(p)}
    return {price: new for price, count in ticks.items() if (new := float(count * tick)) != price}


def _on_decimals(prices: set[float]) -> dict[float, float]:
    long = {price for price in prices if len(repr(price)) > NOISE and isfinite(price)}
    noisy = {price: float(f"{price:.13g}") for price in long if _digits(price) >= NOISE}
    endless = [price for price, rounded in noisy.items() if _digits(rounded) > QUOTED]
    if endless:
        quoted = {noisy.get(price, price) for price in prices.difference(endless)}
        decimals = max(map(_decimals, quoted), default=None)
        noisy |= {p: round(p, decimals) if decimals is not None else float(f"{p:.12g}") for p in endless}
    return noisy


def _digits(price: float) -> int:
    return len(Decimal(repr(price)).normalize().as_tuple().digits)


def _decimals(price: float) -> int:
    return max(0, -int(Decimal(repr(price)).normalize().as_tuple().exponent)) if isfinite(price) else 0
