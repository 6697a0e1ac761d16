"""Klines: closed bars of the stage with empty buckets between them, and the open one; the figures of a day."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import Bar, exact
from ctosd.core.bars import period
from drivers.backpack.emulator.formats import iso, plain, rough, spaced
from drivers.backpack.emulator.markets import Market
from drivers.paper.stage import Stage

INTERVALS = {
    **{name: name for name in ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")},
    "1month": "1M",
}  # fmt: skip
"""The venue's name of an interval -> ours."""
MOST_ROWS = 1_000
"""hummingbot takes so many as the cap of one call; the venue publishes none."""
DAY_NS = 86_400_000_000_000
ALL = 1_500


class Candle(msgspec.Struct, frozen=True):
    """One bucket; without a price nothing was traded in it. Quote volume and count are estimates: bars carry neither."""

    start_ns: int
    end_ns: int
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: float = 0.0

    @property
    def quote_volume(self) -> float:
        if self.open is None or self.high is None or self.low is None or self.close is None:
            return 0.0
        return self.volume * (self.open + self.high + self.low + self.close) / 4

    @property
    def trades(self) -> int:
        """About three trades a second."""
        return max(1, int((self.end_ns - self.start_ns) / 1e9 * 3)) if self.volume else 0

    def rest(self, market: Market) -> dict[str, Any]:
        """As GET /klines has it: every figure a text, null where nothing was traded."""
        return {
            "start": spaced(self.start_ns),
            "end": spaced(self.end_ns),
            **{name: _price(market, getattr(self, name)) for name in ("open", "high", "low", "close")},
            "volume": market.size(self.volume),
            "quoteVolume": rough(self.quote_volume, 6),
            "trades": str(self.trades),
        }

    def stream(self, market: Market, time_us: int, closed: bool) -> dict[str, Any]:
        return {
            "e": "kline",
            "E": time_us,
            "s": market.name,
            "t": iso(self.start_ns, fraction=False),
            "T": iso(self.end_ns, fraction=False),
            "o": _price(market, self.open),
            "c": _price(market, self.close),
            "h": _price(market, self.high),
            "l": _price(market, self.low),
            "v": market.size(self.volume),
            "n": self.trades,
            "X": closed,
        }


def _price(market: Market, value: float | None) -> str | None:
    return market.price(value) if value is not None else None


class Candles:
    """Asks the stage for bars. `now_ns` is the time of the market."""

    def __init__(self, stage: Stage, now_ns: Callable[[], int]) -> None:
        self._stage = stage
        self._now_ns = now_ns

    def rows(self, market: Market, interval: str, start_ns: int, end_ns: int) -> list[Candle]:
        """Buckets that begin in `[start_ns, end_ns]`, oldest first, none before the market's first bar."""
        timeframe, now_ns = INTERVALS[interval], self._now_ns()
        known = {bar.open_ns: bar for bar in self._stage.klines(market.symbol, timeframe, ALL)}
        first = max(start_ns, min(known, default=now_ns))
        at, end = period(timeframe, first)
        if at < start_ns:
            at, end = period(timeframe, end)
        found: list[Candle] = []
        while at <= min(end_ns, now_ns) and len(found) < MOST_ROWS:
            bar = known.get(at)
            found.append(_candle(bar) if bar is not None else self._gather(market, at, end))
            at, end = period(timeframe, end)
        return found

    def present(self, market: Market, interval: str) -> Candle:
        """The open bucket."""
        return self._gather(market, *period(INTERVALS[interval], self._now_ns()))

    def closed(self, market: Market, interval: str, start_ns: int) -> Candle:
        """The bucket that began then and is over."""
        timeframe = INTERVALS[interval]
        end_ns = period(timeframe, start_ns)[1]
        bars = self._stage.klines(market.symbol, timeframe, 1, start_ns, end_ns)
        return _candle(bars[0]) if bars else self._gather(market, start_ns, end_ns)

    def _gather(self, market: Market, start_ns: int, end_ns: int) -> Candle:
        """A bucket of which the stage has no bar yet: closed minutes within it, and the trades since.

        A bar is closed there by the first trade after it, which may be a while.
        """
        bars = self._stage.klines(market.symbol, "1m", ALL, start_ns, end_ns)
        since = bars[-1].time_ns if bars else start_ns
        parts = [_candle(bar) for bar in bars]
        for trade in self._stage.trades.get(market.symbol, ()):
            if since <= trade.time_ns < end_ns:
                price = trade.price
                parts.append(Candle(trade.time_ns, trade.time_ns, price, price, price, price, trade.size))
        return _merge(parts, start_ns, end_ns)

    def day(self, market: Market, span_ns: int = DAY_NS) -> Candle:
        """Everything in the last `span_ns`, as far as it is known."""
        now_ns = self._now_ns()
        start = now_ns - span_ns
        bars = self._stage.klines(market.symbol, "1m", ALL, start)
        parts = [_candle(bar) for bar in bars]
        parts.append(self._gather(market, bars[-1].time_ns if bars else start, now_ns + 1))
        return _merge([part for part in parts if part.close is not None], start, now_ns)

    def ticker(self, market: Market, span_ns: int = DAY_NS) -> dict[str, Any]:
        """As GET /ticker has it: no bid and no ask (sheet section 4)."""
        day = self.day(market, span_ns)
        last = Decimal(market.price(self._stage.last_price(market.symbol)))
        first = exact(day.open) if day.open is not None else last
        return {
            "symbol": market.name,
            "firstPrice": plain(first),
            "lastPrice": plain(last),
            "priceChange": plain(last - first),
            "priceChangePercent": rough((last - first) / first, 6),
            "high": market.price(max(day.high or 0.0, float(last))),
            "low": market.price(min(day.low or float(last), float(last))),
            "volume": market.size(day.volume),
            "quoteVolume": rough(Decimal(day.quote_volume), 6),
            "trades": str(day.trades),
        }


def _candle(bar: Bar) -> Candle:
    return Candle(bar.open_ns, bar.time_ns, bar.open, bar.high, bar.low, bar.close, bar.volume)


def _merge(parts: list[Candle], start_ns: int, end_ns: int) -> Candle:
    if not parts:
        return Candle(start_ns, end_ns)
    return Candle(
        start_ns,
        end_ns,
        parts[0].open,
        max(part.high or 0.0 for part in parts),
        min(part.low or 0.0 for part in parts),
        parts[-1].close,
        sum(part.volume for part in parts),
    )
