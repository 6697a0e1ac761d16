"""Kept bars: what one symbol's klines are answered from, and the bars that are published.

Bars grow from what there is: recorded bars of one timeframe, else trades, else the mids of quotes. A timeframe is built
once somebody asks for it, and its past is made from the smaller bars that are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from ctosd.abi import Bar, CallerMistake, Quote, Trade, topic
from ctosd.core.bars import BarBuilder, timeframe_ns

KEPT = 1_500
Publish = Callable[[str, Bar], None]


class Candles:
    """The bars of one symbol. `source` is the timeframe of recorded bars, "" when bars are built from ticks."""

    def __init__(self, venue: str, symbol: str, publish: Publish, source: str = "") -> None:
        self.venue = venue
        self.symbol = symbol
        self.source = source
        self._publish = publish
        self._kept: dict[str, deque[Bar]] = {}
        self._topics: dict[str, str] = {}
        self._from_ticks: list[BarBuilder] = []
        self._from_bars: list[BarBuilder] = []
        self._fine: Sequence[Bar] = ()
        self._base = source or "1m"
        self.keep(self._base)

    def keep(self, timeframe: str) -> None:
        """Build and keep a timeframe from now on, with what past the kept bars give.

        Raises:
            CallerMistake: no such timeframe, or one that the recorded bars cannot give.
        """
        if timeframe in self._kept:
            return
        length, base = timeframe_ns(timeframe), timeframe_ns(self._base)
        if length != base and (self.source or length > base) and length % base:
            raise CallerMistake(
                f"{self.symbol} is recorded in {self.source} bars: {timeframe} bars cannot be made of them"
            )
        self._kept[timeframe] = deque(maxlen=KEPT)
        self._topics[timeframe] = topic("bars", self.venue, self.symbol, timeframe)
        if timeframe == self.source:
            return
        builder = BarBuilder(self.venue, self.symbol, timeframe)
        if self.source or length > base:
            self._from_bars.append(builder)
            self._replay(builder)
        else:
            self._from_ticks.append(builder)
            self._replay_fine(builder)

    def _replay(self, builder: BarBuilder) -> None:
        kept = self._kept[builder.timeframe]
        for bar in self._kept[self._base]:
            kept.extend(_closed(builder, bar))

    def _replay_fine(self, builder: BarBuilder) -> None:
        """A smaller timeframe than a minute finds its past only in bars that are smaller still."""
        if not self._fine or timeframe_ns(builder.timeframe) % timeframe_ns(self._fine[0].timeframe):
            return
        kept = self._kept[builder.timeframe]
        for bar in self._fine:
            kept.extend(_closed(builder, bar))

    def prepend(self, minutes: Iterable[Bar], fine: Sequence[Bar]) -> None:
        """Begin with a past: one-minute bars, then the smaller bars that follow them, the present minute's included.

        Called before anything came in. Nothing of the past is published; larger and smaller timeframes find theirs in it.
        """
        kept = self._kept[self._base]
        kept.extend(minutes)
        end_ns = kept[-1].time_ns if kept else 0
        self._fine = fine[-KEPT:]
        for builder in self._from_ticks:
            for bar in fine:
                if bar.open_ns >= end_ns:
                    kept.extend(_closed(builder, bar))

    # -- what comes in ------------------------------------------------------------------------------------------------------

    def on_trade(self, trade: Trade) -> None:
        for builder in self._from_ticks:
            if (bar := builder.on_price(trade.price, trade.time_ns, trade.size)) is not None:
                self._close(bar)

    def on_quote(self, quote: Quote) -> None:
        """For a market of which only quotes are known: bars of the mid, without volume."""
        for builder in self._from_ticks:
            if (bar := builder.on_price((quote.bid + quote.ask) / 2, quote.time_ns)) is not None:
                self._close(bar)

    def on_bar(self, bar: Bar) -> None:
        """A recorded bar. Its publication is its source's business; what is built from it is published here."""
        self._kept[self._base].append(bar)
        for builder in self._from_bars:
            for larger in _closed(builder, bar):
                self._emit(larger)

    def flush(self, now_ns: int) -> None:
        """Close every bar whose time is over."""
        for builder in (*self._from_ticks, *self._from_bars):
            if (bar := builder.flush(now_ns)) is not None:
                self._close(bar) if builder in self._from_ticks else self._emit(bar)

    def _close(self, bar: Bar) -> None:
        self._emit(bar)
        if bar.timeframe == self._base:
            for builder in self._from_bars:
                for larger in _closed(builder, bar):
                    self._emit(larger)

    def _emit(self, bar: Bar) -> None:
        self._kept[bar.timeframe].append(bar)
        self._publish(self._topics[bar.timeframe], bar)

    # -- what is asked ------------------------------------------------------------------------------------------------------

    def klines(self, timeframe: str, limit: int, start_ns: int = 0, end_ns: int = 0) -> list[Bar]:
        """At most the newest `limit` closed bars that begin in `[start_ns, end_ns)`, oldest first."""
        self.keep(timeframe)
        found = [
            bar for bar in self._kept[timeframe] if bar.open_ns >= start_ns and (not end_ns or bar.open_ns < end_ns)
        ]
        return found[-limit:] if limit > 0 else []


def _closed(builder: BarBuilder, bar: Bar) -> list[Bar]:
    """The larger bars that a smaller one closes: after a hole it may be two."""
    first = builder.on_bar(bar)
    if first is None:
        return []
    second = builder.flush(bar.time_ns)
    return [first] if second is None else [first, second]
