"""An instrument's grid: floats of the market in whole ticks and lots, and those back as exact decimals."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import ceil, floor

from ctosd.abi import Instrument

NOISE = 1e-4
"""Ticks or lots by which a float may miss its grid: 7.6560000000000015 is 7.656."""
LARGE = 1e15
"""Sizes and prices from here on are no market's."""
UNBOUND = 1 << 62
"""Lots where no bound is known."""


class Grid:
    """Ticks and lots of one instrument."""

    __slots__ = ("_lot", "_tick", "_worth", "half_tick", "lot", "tick", "worth")

    def __init__(self, instrument: Instrument) -> None:
        self.tick = instrument.tick
        self.lot = instrument.lot
        self.half_tick = instrument.tick / 2
        self.worth = self.half_tick * self.lot  # quote money of one lot times one half tick
        self._tick = float(instrument.tick)
        self._lot = float(instrument.lot)
        self._worth = float(self.worth)

    # A price between two ticks is read in the direction that is worse for the user.

    def up(self, price: float) -> int:
        return ceil(price / self._tick - NOISE)

    def down(self, price: float) -> int:
        return floor(price / self._tick + NOISE)

    def near(self, price: float) -> int:
        return round(price / self._tick)

    def lots(self, size: float) -> int:
        """Whole lots in a size; 0 for what is not a size."""
        return floor(size / self._lot + NOISE) if 0.0 < size < LARGE else 0

    def middle(self, level: float) -> float:
        """The price of a fraction of a level, roughly: an edge to compare floats with."""
        return level * self._tick

    def rough(self, lots: int, half_ticks: int) -> float:
        """The worth of lots at a price in half ticks, as a float."""
        return lots * half_ticks * self._worth

    def price(self, level: int) -> Decimal:
        return self.tick * level

    def size(self, lots: int) -> Decimal:
        return self.lot * lots

    def level(self, price: Decimal) -> int:
        """The level of a price that lies on the grid."""
        return int(price / self.tick)

    def count(self, size: Decimal) -> int:
        """Lots of a size that lies on the grid; whole lots of one that does not."""
        return int(size / self.lot)

    def beyond(self, price: Decimal, *, upward: bool) -> int:
        """The last level that is not above (`upward`) or not below `price`."""
        return int((price / self.tick).to_integral_value(ROUND_FLOOR if upward else ROUND_CEILING))

    def floats(self, level: int, size: int) -> tuple[float, float]:
        """A level as the market spells it; a size without bound is not told."""
        return float(self.price(level)), float(self.size(size)) if size < UNBOUND else 0.0


def sane(price: float) -> bool:
    """Whether a number can be a price; NaN is not."""
    return 0.0 < price < LARGE
