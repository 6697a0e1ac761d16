"""The synthetic book's depth: how much stands at a price.

A level's size is a function of its price and of the half-minute, so that it persists from tick to tick, needs no memory and
is the same in every process. Prices are counted in ticks and sizes in lots; dividing integers gives the very float that
reads back as the decimal.
"""

from __future__ import annotations

from decimal import Decimal

from drivers.paper.chance import chance

MASK = (1 << 64) - 1
LIFE = 35
"""A level keeps its size for 2 to the power of this, in ns: 34 seconds."""
SPACING = 0.4e-4
"""Distance of two levels behind the touch, as a fraction of the price."""

Level = tuple[int, int]
"""(price in ticks, size in lots)"""


class Grid:
    """Integers of a grid and the floats that they stand for."""

    __slots__ = ("denominator", "numerator", "unit")

    def __init__(self, unit: Decimal) -> None:
        # A quotient of two integers is rounded once and correctly, a product of floats is not.
        self.numerator, self.denominator = unit.as_integer_ratio()
        self.unit = float(unit)

    def value(self, count: int) -> float:
        return count * self.numerator / self.denominator


class Depth:
    """Sizes of one symbol's levels. `usual` is the usual size of a level in lots."""

    __slots__ = ("_salt", "usual")

    def __init__(self, seed: str, usual: float) -> None:
        self._salt = chance(seed).getrandbits(64)
        self.usual = usual

    def at(self, price: int, ns: int) -> int:
        """Lots that stand at a price; at least one."""
        life = (ns + (price * 0x2545F491_4F6CDD1D & 0xFFFFFFFFFFFF)) >> LIFE
        mixed = (price * 0x9E3779B97F4A7C15 ^ life * 0xBF58476D1CE4E5B9 ^ self._salt) & MASK
        mixed = (mixed ^ mixed >> 31) * 0x94D049BB133111EB & MASK
        share = (mixed >> 11) * 1.1102230246251565e-16
        return 1 + int(self.usual * (0.15 + 3.0 * share * share * share))

    def end_ns(self, price: int, ns: int) -> int:
        """Until when the size that stands at a price at `ns` stays the same."""
        shift = price * 0x2545F491_4F6CDD1D & 0xFFFFFFFFFFFF
        return (((ns + shift) >> LIFE) + 1 << LIFE) - shift

    def ladder(self, best: int, away: int, count: int, spacing: int, ns: int) -> list[Level]:
        """`count` levels from `best` on; `away` is -1 for bids and 1 for asks. Behind the touch they stand on a coarser grid."""
        levels = [(best, self.at(best, ns))]
        price = best // spacing * spacing if away > 0 else -(-best // spacing) * spacing
        while len(levels) < count:
            price += away * spacing
            if price <= 0:
                break
            levels.append((price, self.at(price, ns)))
        return levels
