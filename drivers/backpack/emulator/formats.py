"""How the venue writes numbers and times: decimal text, ms, µs, and ISO text without a zone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

SECOND_NS = 1_000_000_000


def plain(amount: Decimal) -> str:
    """Digits without an exponent and without zeros at the end.

    >>> plain(Decimal("1.50")), plain(Decimal("-0"))
    ('1.5', '0')
    """
    if not amount:
        return "0"
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rough(amount: float | Decimal, places: int = 8) -> str:
    """A derived figure, such as a mean, to so many places."""
    return plain(round(Decimal(amount), places))


def places(unit: Decimal) -> int:
    """Decimal places of a tick or a lot.

    >>> places(Decimal("0.010")), places(Decimal(1))
    (2, 0)
    """
    exponent = unit.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def ms(ns: int) -> int:
    return ns // 1_000_000


def us(ns: int) -> int:
    return ns // 1_000


def iso(ns: int, fraction: bool = True) -> str:
    """UTC without a zone, as history has it.

    >>> iso(1_767_225_600_000_000_000, fraction=False)
    '2026-01-01T00:00:00'
    """
    seconds, rest = divmod(ns, SECOND_NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest // 1_000_000:03d}" if fraction else text


def spaced(ns: int) -> str:
    """The start and end of a kline: date and time with a space between."""
    return iso(ns, fraction=False).replace("T", " ")
