"""Timeframes of bars: ours, Backpack's, and how long each lasts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ctosd.abi import CallerMistake
from drivers.backpack.instants import SECOND

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

SPANS: Mapping[str, int] = {
    "1s": SECOND,
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "6h": 6 * HOUR,
    "8h": 8 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": 7 * DAY,
    "1M": 31 * DAY,  # the longest
}

NATIVE: Mapping[str, str] = {name: name for name in SPANS} | {"1M": "1month"}
BY_NATIVE: Mapping[str, str] = {native: name for name, native in NATIVE.items()}


def native_of(timeframe: str) -> str:
    """Backpack's name. Raises `CallerMistake` for one that it does not have."""
    try:
        return NATIVE[timeframe]
    except KeyError:
        raise CallerMistake(f"Backpack has no bars of {timeframe!r}; known: {', '.join(SPANS)}") from None


def span_ns(timeframe: str, open_ns: int) -> int:
    """How long the bar that opens at `open_ns` lasts."""
    if timeframe != "1M":
        return SPANS[timeframe]
    start = datetime.fromtimestamp(open_ns // SECOND, UTC)
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * SECOND - open_ns
