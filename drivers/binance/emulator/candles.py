"""Klines: closed bars of the stage with the open one behind them, and the day's figures made from minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ctosd.abi import Bar, CallerMistake
from ctosd.core.bars import DAY, MINUTE, period, timeframe_ns
from drivers.binance.emulator.formats import fixed
from drivers.binance.emulator.markets import Market
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.tape import Print, Tapes
from drivers.binance.emulator.venuetime import MS, VenueTime
from drivers.paper.stage import Stage

INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
KEPT = 1_500
FINE = "5s"
FAR_NS = 3_600_000_000_000


class Day(msgspec.Struct, frozen=True):
    """What happened in 24 hours."""

    open: float
    high: float
    low: float
    last: float
    volume: float
    quote_volume: float
    open_ms: int
    close_ms: int
    first_id: int
    last_id: int

    @property
    def change(self) -> float:
        return self.last - self.open

    @property
    def percent(self) -> float:
        return 100 * self.change / self.open

    @property
    def average(self) -> float:
        return self.quote_volume / self.volume if self.volume else self.last


class Candles:
    """The klines of one product."""

    def __init__(self, stage: Stage, tapes: Tapes, time: VenueTime) -> None:
        self._stage = stage
        self._tapes = tapes
        self._time = time

    def now_ns(self) -> int:
        """The market's time: that of the feed where a recording from another day is played."""
        now_ns, fed_ns = self._stage.now_ns(), self._stage.floor.tape.at_ns
        return fed_ns if fed_ns and abs(now_ns - fed_ns) > FAR_NS else now_ns

    def flush(self) -> None:
        """Close the bars whose time is over, though nothing followed."""
        self._stage.floor.board.flush(self.now_ns())

    @staticmethod
    def check(market: Market, interval: str) -> str:
        """Raises `Refusal` for an interval that the product does not have."""
        if interval in INTERVALS or (interval == "1s" and market.product.name == "spot"):
            return interval
        raise Refusal(-1120, "Invalid interval.")

    def bars(
        self, market: Market, interval: str, limit: int, start_ms: int | None = None, end_ms: int | None = None
    ) -> list[Bar]:
        """From `start_ms` on the first `limit`, else the last ones; the open one last where it falls into the range."""
        self.check(market, interval)
        market.open()
        self.flush()
        try:
            found = list(self._stage.klines(market.symbol, interval, KEPT))
        except CallerMistake as error:
            raise Refusal(-1120, "Invalid interval.") from error
        if (growing := self.growing(market, interval)) is not None:
            found.append(growing)
        if start_ms is not None:
            found = [bar for bar in found if bar.open_ns // MS >= start_ms]
        if end_ms is not None:
            found = [bar for bar in found if bar.open_ns // MS <= end_ms]
        return found[:limit] if start_ms is not None else found[-limit:]

    def growing(self, market: Market, interval: str) -> Bar | None:
        """The open bar; on futures None while nothing was traded in its period, on spot flat at the last close."""
        now_ns = self.now_ns()
        start_ns, end_ns = period(interval, now_ns)
        parts = self._parts(market, interval, start_ns)
        if parts:
            return Bar(
                market.instrument.venue,
                market.symbol,
                interval,
                parts[0].open,
                max(part.high for part in parts),
                min(part.low for part in parts),
                parts[-1].close,
                sum(part.volume for part in parts),
                start_ns,
                end_ns,
            )
        if market.product.name == "futures":
            return None
        last = market.last()
        return Bar(market.instrument.venue, market.symbol, interval, last, last, last, last, 0.0, start_ns, end_ns)

    def _parts(self, market: Market, interval: str, start_ns: int) -> list[Bar]:
        """Closed minutes, then closed bars of five seconds, then trades, that together make the open bar."""
        parts: list[Bar] = []
        since_ns = start_ns
        for length in ("1m", FINE):
            if timeframe_ns(interval) > timeframe_ns(length):
                parts += self._stage.klines(market.symbol, length, KEPT, since_ns)
                since_ns = parts[-1].time_ns if parts else since_ns
        since_ms = self._time.ms(since_ns)
        trades = [each for each in self._tapes.of(market).trades if each.time_ms >= since_ms]
        if trades:
            parts.append(_of_trades(market, interval, trades, since_ns))
        return parts

    def row(self, market: Market, bar: Bar) -> list[Any]:
        """A kline as REST writes it."""
        base, quote, taker_base, taker_quote, count = figures(bar)
        return [
            bar.open_ns // MS,
            market.price(bar.open),
            market.price(bar.high),
            market.price(bar.low),
            market.price(bar.close),
            market.size(base),
            bar.time_ns // MS - 1,
            fixed(quote, 8),
            count,
            market.size(taker_base),
            fixed(taker_quote, 8),
            "0",
        ]

    def day(self, market: Market) -> Day:
        """The last 24 hours, as far as they are kept."""
        now_ns = self.now_ns()
        market.open()
        bars = list(self._stage.klines(market.symbol, "1m", DAY // MINUTE, now_ns - DAY))
        if (growing := self.growing(market, "1m")) is not None:
            bars.append(growing)
        last = market.last()
        trades = self._tapes.of(market).trades
        now_ms = self._time.now_ms()
        return Day(
            open=bars[0].open if bars else last,
            high=max([last, *(bar.high for bar in bars)]),
            low=min([last, *(bar.low for bar in bars)]),
            last=last,
            volume=sum(bar.volume for bar in bars),
            quote_volume=sum(figures(bar)[1] for bar in bars),
            open_ms=now_ms - DAY // 1_000_000,
            close_ms=now_ms,
            first_id=trades[0].id if trades else -1,
            last_id=trades[-1].id if trades else -1,
        )


def _of_trades(market: Market, interval: str, trades: Sequence[Print], since_ns: int) -> Bar:
    prices = [each.price for each in trades]
    volume = sum(each.size for each in trades)
    last_ns = since_ns + 1
    return Bar(
        market.instrument.venue, market.symbol, interval, prices[0], max(prices), min(prices), prices[-1], volume,
        since_ns, last_ns,
    )  # fmt: skip


def figures(bar: Bar) -> tuple[float, float, float, float, int]:
    """`(base, quote, taker's base, taker's quote, count)`: the stage tells the first, the others are modelled on it."""
    mean = (bar.open + bar.high + bar.low + bar.close) / 4
    quote = bar.volume * mean
    return bar.volume, quote, bar.volume * 0.5, quote * 0.5, int(bar.volume > 0) + int(bar.volume) % 97
