"""How the venue writes numbers and ids."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random

import orjson

ZERO = Decimal(0)
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def places(step: Decimal) -> int:
    """Digits behind the point that a grid needs.

    >>> places(Decimal("0.010")), places(Decimal("100"))
    (2, 0)
    """
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def fixed(amount: Decimal | float, digits: int) -> str:
    """A number with so many digits behind the point."""
    if isinstance(amount, float):
        return f"{amount:.{digits}f}"
    return f"{amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN):f}"


def money(amount: Decimal) -> str:
    """An amount of an asset: eight digits."""
    return fixed(amount, 8)


def plain(amount: Decimal) -> str:
    """Digits without an exponent and without zeros at the end."""
    return f"{amount.normalize():f}" if amount else "0"


def mint(random: Random, length: int = 22) -> str:
    """An id as the venue makes one where the client gave none."""
    return "".join(random.choices(LETTERS, k=length))


def encode(value: object) -> str:
    return orjson.dumps(value).decode()


def levels(found: Sequence[tuple[float, float]], price_places: int, size_places: int) -> list[list[str]]:
    """Levels of a book as the venue writes them."""
    return [[f"{price:.{price_places}f}", f"{size:.{size_places}f}"] for price, size in found]
