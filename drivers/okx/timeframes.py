"""Bars: the venue's names of timeframes, and how long each is. (Sheet section 5, unified sheet 2.2.)

Bars of six hours and more are cut at UTC+8 under their plain names, so the ``utc`` names are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ctosd.abi import CallerMistake

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

BARS: Mapping[str, str] = {
    "1s": "1s",
    "1m": "1m",
    "3m": "3m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1h": "1H",
    "2h": "2H",
    "4h": "4H",
    "6h": "6Hutc",
    "12h": "12Hutc",
    "1d": "1Dutc",
    "2d": "2Dutc",
    "3d": "3Dutc",
    "1w": "1Wutc",
    "1M": "1Mutc",
}
_UNITS = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": 7 * DAY_NS, "M": 31 * DAY_NS}


def bar_name(timeframe: str) -> str:
    """The venue's name of a timeframe. Raises `CallerMistake`."""
    try:
        return BARS[timeframe]
    except KeyError:
        raise CallerMistake(f"OKX has no bars of {timeframe!r}; it has {', '.join(BARS)}") from None


def length_ns(timeframe: str) -> int:
    """How long a bar is; of months the longest."""
    return int(timeframe[:-1]) * _UNITS[timeframe[-1]]


def end_ns(timeframe: str, open_ns: int) -> int:
    """The first instant after the bar that opens at `open_ns`."""
    if timeframe != "1M":
        return open_ns + length_ns(timeframe)
    opened = datetime.fromtimestamp(open_ns // SECOND_NS, UTC)
    after = opened.replace(year=opened.year + opened.month // 12, month=opened.month % 12 + 1)
    return int(after.timestamp()) * SECOND_NS
