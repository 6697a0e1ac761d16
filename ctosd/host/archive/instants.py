"""Times as recorders write them, read into ns: ISO 8601 text, or numbers since the epoch in s, ms, us or ns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

SECOND = 1_000_000_000
PLAIN = len("23:01:00.000000")  # the standard library drops what follows the sixth digit without a word


def epoch_scale(value: float) -> int:
    """Nanoseconds in the unit of a number since the epoch, told by its size (1973 to 5138 in seconds)."""
    size = abs(value)
    return SECOND if size < 1e11 else 1_000_000 if size < 1e14 else 1_000 if size < 1e17 else 1


def iso(ns: int) -> str:
    """The time as people read it: ``2024-08-08T23:54:15.03Z``."""
    text = datetime.fromtimestamp(ns // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{ns % SECOND:09d}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


class _Days(dict[str, int]):
    """ns of a date, kept: a recording has few of them."""

    def __missing__(self, text: str) -> int:
        day = datetime.fromisoformat(text).replace(tzinfo=UTC)
        ns = self[text] = int(day.timestamp()) * SECOND
        return ns


class _Clocks(dict[str, int]):
    """ns since midnight UTC of a time of day, kept: the bars of every day repeat them."""

    MOST = 200_000

    def __missing__(self, text: str) -> int:
        ns = _clock(text.lstrip("Tt "))
        if len(self) < self.MOST:
            self[text] = ns
        return ns


def _clock(text: str) -> int:
    """ns since midnight UTC of ``08:00``, ``23:01:00.000000``, ``07:30:00Z`` or ``09:00:00.5+02:00``."""
    if len(text) <= PLAIN and text.count(":") == 2 and text[-1].isdigit():
        clock = time.fromisoformat(text)
        if clock.tzinfo is None:
            return (clock.hour * 3600 + clock.minute * 60 + clock.second) * SECOND + clock.microsecond * 1_000
    text, offset = _zone(text)
    whole, dot, fraction = text.partition(".")
    parts = whole.split(":") if whole else ["0"]
    if len(parts) > 3 or not all(p.isascii() and p.isdigit() for p in parts) or (dot and not fraction.isdigit()):
        raise ValueError(f"not a time of day: {text!r}")
    hours, minutes, seconds = (int(p) for p in [*parts, "0", "0"][:3])
    if hours > 23 or minutes > 59 or seconds > 60:
        raise ValueError(f"not a time of day: {text!r}")
    return (hours * 3600 + minutes * 60 + seconds) * SECOND + int(fraction[:9].ljust(9, "0") or 0) - offset


def _zone(text: str) -> tuple[str, int]:
    """The time of day without its zone, and the zone's distance from UTC in ns."""
    text = text.removesuffix(" UTC").rstrip()
    if text[-1:] in ("Z", "z"):
        return text[:-1], 0
    for sign in "+-":
        head, mark, zone = text.partition(sign)
        if mark:
            distance = datetime.strptime(mark + zone, "%z").utcoffset() or timedelta()
            return head.rstrip(), distance // timedelta(seconds=1) * SECOND
    return text, 0


def read_times(column: Sequence[Any], clocks: Sequence[str] | None = None) -> list[int]:
    """ns of every cell; `clocks` is the column of times of day, where date and time stand apart.

    Raises:
        ValueError: with the index of the first cell that is no time as its second argument.
    """
    try:
        return _read(column, clocks)
    except (ValueError, TypeError, OverflowError):
        for index in range(len(column)):
            try:
                _read(column[index : index + 1], clocks and clocks[index : index + 1])
            except (ValueError, TypeError, OverflowError):
                raise ValueError("not a time", index) from None
        raise


def _read(column: Sequence[Any], clocks: Sequence[str] | None) -> list[int]:
    if not column:
        return []
    days, times = _Days(), _Clocks()
    if clocks is not None:
        return [days[day] + times[clock] for day, clock in zip(column, clocks, strict=True)]
    first = column[0]
    if isinstance(first, int):
        scale = epoch_scale(first)
        return [value * scale for value in column]
    if isinstance(first, str) and not _is_number(first):
        return [days[text[:10]] + times[text[10:]] for text in column]
    return _read_numbers(column)


def _read_numbers(column: Sequence[Any]) -> list[int]:
    scale = epoch_scale(float(column[0]))
    if not isinstance(column[0], str):
        return [round(value * scale / 1_000) * 1_000 for value in column]  # a float holds no more than us
    try:
        return [int(text) * scale for text in column]
    except ValueError:  # fractions of the unit
        digits = len(str(scale)) - 1
        parts = [text.partition(".") for text in column]
        return [int(whole) * scale + int(part[:digits].ljust(digits, "0") or 0) for whole, _, part in parts]


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
