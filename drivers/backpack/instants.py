"""Backpack's times, of which it has five forms, as nanoseconds UTC.

Milliseconds (REST orders, trades, mark prices), microseconds (streams, depth), seconds (kline queries, older klines),
and text without a zone, with a space or a T (klines, history, funding). Numbers may come as text. A number's magnitude
tells its unit: the sheet's sources disagree on some, and no instant between 1973 and 5138 is ambiguous.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000_000
MS = 1_000_000
US = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Moment = int | float | str | None


def ns_of(moment: Moment) -> int:
    """Nanoseconds of a time in any of the forms; 0 for none. Raises `ValueError` for what is no time."""
    if moment is None or moment == "":
        return 0
    if isinstance(moment, str):
        if moment.isdigit():
            return _from_number(int(moment))
        return from_text(moment)
    return _from_number(moment)


def _from_number(number: float) -> int:
    if number < 100_000_000_000:
        return int(number * SECOND)
    if number < 100_000_000_000_000:
        return int(number) * MS
    if number < 100_000_000_000_000_000:
        return int(number) * US
    return int(number)


def from_text(text: str) -> int:
    """``2025-09-11 15:33:00``, ``2025-09-11T20:10:40.699``, with or without a zone; without one it is UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND * US
