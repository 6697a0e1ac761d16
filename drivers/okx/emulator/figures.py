"""Figures as OKX writes them: decimals as strings without exponent, times as strings of milliseconds."""

from __future__ import annotations

import re
from decimal import Decimal

from ctosd.abi import exact

NUMBER = re.compile(r"[0-9]{1,32}(\.[0-9]{1,32})?")
MS = 1_000_000


def plain(value: Decimal | float | None) -> str:
    """Digits without exponent and without zeros at the end; empty for None.

    >>> plain(Decimal("1E+2")), plain(0.00001), plain(None)
    ('100', '0.00001', '')
    """
    if value is None:
        return ""
    text = repr(value) if isinstance(value, float) else f"{value:f}"
    if "e" in text:
        text = f"{exact(float(text)):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def ms(ns: int) -> str:
    """Milliseconds of a time in nanoseconds; empty for 0."""
    return str(ns // MS) if ns else ""


def us(ns: int) -> str:
    return str(ns // 1_000)


def number(value: object) -> Decimal | None:
    """A number as clients may write it: a string, or a bare JSON number; None for what is none or is negative."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    text = value if isinstance(value, str) else plain(Decimal(repr(value)))
    return Decimal(text) if NUMBER.fullmatch(text) else None


def whole(value: object, most: int = 1 << 62) -> int | None:
    """A whole number that is not negative, as a string or bare; None for anything else."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most:
        return int(text)
    return None
