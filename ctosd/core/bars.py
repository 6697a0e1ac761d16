"""Bars from trades, from prices or from smaller bars, on UTC boundaries.

Only closed bars come out, and a period in which nothing happened gives none: a reader that needs an unbroken row fills
the holes itself and knows then that it did. Weeks start on Monday, months are those of the calendar, every other period
is counted from the epoch.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ctosd.abi.errors import CallerMistake
from ctosd.abi.events import Bar, Trade

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONTH = 30 * DAY

TIMEFRAMES: dict[str, int] = {
    **{f"{n}s": n * SECOND for n in (1, 5, 15, 30)},
    **{f"{n}m": n * MINUTE for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * HOUR for n in (1, 2, 4, 6, 8, 12)},
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": WEEK,
    "1M": MONTH,
}
"""Length of every timeframe in ns; that of the month is nominal."""

FIRST_MONDAY = 4 * DAY  # the epoch was a Thursday


def timeframe_ns(timeframe: str) -> int:
    """Length of a timeframe in ns. A month counts 30 days here: its real bounds are told by `period`.

    Raises:
        CallerMistake: no such timeframe.
    """
    try:
        return TIMEFRAMES[timeframe]
    except KeyError:
        raise CallerMistake(f"{timeframe!r} is not a timeframe: write one of {' '.join(TIMEFRAMES)}") from None


def timeframe_of(length_ns: int) -> str | None:
    """The timeframe of a length in ns, if there is one; 28 to 31 days are a month."""
    if 28 * DAY <= length_ns <= 31 * DAY:
        return "1M"
    return next((name for name, ns in TIMEFRAMES.items() if ns == length_ns), None)


def period(timeframe: str, ns: int) -> tuple[int, int]:
    """`(first instant, first instant after)` of the period in which `ns` lies."""
    length = timeframe_ns(timeframe)
    if timeframe == "1M":
        return _month(ns)
    offset = FIRST_MONDAY if timeframe == "1w" else 0
    start = ns - (ns - offset) % length
    return start, start + length


def _month(ns: int) -> tuple[int, int]:
    day = datetime.fromtimestamp(ns // SECOND, UTC)
    first = datetime(day.year, day.month, 1, tzinfo=UTC)
    after = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) * SECOND, int(after.timestamp()) * SECOND


class BarBuilder:
    """Builds the bars of one symbol and timeframe.

    Every call gives at most one closed bar. What is older than the bar that is being built is dropped and counted as
    `late`: a bar that came out never changes.
    """

    __slots__ = (
        "_close", "_end", "_high", "_live", "_low", "_open", "_start", "_volume",
        "closed", "late", "symbol", "timeframe", "venue",
    )  # fmt: skip

    def __init__(self, venue: str, symbol: str, timeframe: str) -> None:
        timeframe_ns(timeframe)
        self.venue = venue
        self.symbol = symbol
        self.timeframe = timeframe
        self.closed = 0
        self.late = 0
        self._start = self._end = 0
        self._live = False
        self._open = self._high = self._low = self._close = self._volume = 0.0

    def on_trade(self, trade: Trade) -> Bar | None:
        """Add a trade; gives the bar before it when the trade is the first of a new period."""
        return self.on_price(trade.price, trade.time_ns, trade.size)

    def on_price(self, price: float, ns: int, volume: float = 0.0) -> Bar | None:
        """Add a price at `ns`; `volume` in base units."""
        if ns >= self._end:
            closed = self._take()
            self._begin(ns, price, price, price, price, volume)
            return closed
        if ns < self._start:
            self.late += 1
            return None
        if price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close = price
        self._volume += volume
        return None

    def on_bar(self, bar: Bar) -> Bar | None:
        """Add a smaller bar; the one that reaches the end of the period closes it at once.

        After a hole in the data one bar can end two periods: the older comes out now, the newer with the next call or
        with `flush`.

        Raises:
            CallerMistake: the bar does not fit into one period of this timeframe.
        """
        if bar.open_ns < self._start:
            self.late += 1
            return None
        if bar.time_ns > period(self.timeframe, bar.open_ns)[1]:
            raise CallerMistake(f"a {bar.timeframe} bar of {bar.symbol} does not fit into one {self.timeframe} bar")
        closed = None
        if bar.open_ns >= self._end:
            closed = self._take()
            self._begin(bar.open_ns, bar.open, bar.high, bar.low, bar.close, bar.volume)
        else:
            self._merge(bar)
        return self._take() if closed is None and bar.time_ns >= self._end else closed

    def flush(self, now_ns: int) -> Bar | None:
        """Close the bar if its time is over, even though nothing followed."""
        return self._take() if now_ns >= self._end else None

    def statistics(self) -> dict[str, int]:
        return {"closed": self.closed, "late": self.late, "open_ns": self._start if self._live else 0}

    def _begin(self, ns: int, open_: float, high: float, low: float, close: float, volume: float) -> None:
        self._start, self._end = period(self.timeframe, ns)
        self._open, self._high, self._low, self._close = open_, high, low, close
        self._volume = volume
        self._live = True

    def _merge(self, bar: Bar) -> None:
        self._high = max(self._high, bar.high)
        self._low = min(self._low, bar.low)
        self._close = bar.close
        self._volume += bar.volume

    def _take(self) -> Bar | None:
        if not self._live:
            return None
        self._live = False
        self.closed += 1
        start, self._start = self._start, self._end
        return Bar(
            self.venue, self.symbol, self.timeframe,
            self._open, self._high, self._low, self._close, self._volume,
            start, self._end,
        )  # fmt: skip
