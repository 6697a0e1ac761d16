"""Candles as OKX cuts them: newest first, the open one included, long ones at midnight UTC+8 unless their name says utc.

Everything is put together from the stage's closed minutes and the trades since; minutes without a trade stand still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import msgspec

from ctosd.abi import Bar, Trade, exact
from ctosd.core.bars import DAY, HOUR, MINUTE, SECOND, WEEK
from drivers.okx.emulator import paging
from drivers.okx.emulator.figures import MS, ms, plain
from drivers.okx.emulator.listing import Market
from drivers.okx.emulator.refusals import Refusal
from drivers.paper.stage import Stage

FIRST_MONDAY = 4 * DAY
EAST = 8 * HOUR
KEPT = 1_500
NEWEST = 1_440
MONTHS = {"1M": 1, "3M": 3}
FIXED: dict[str, int] = {
    "1s": SECOND,
    **{f"{n}m": n * MINUTE for n in (1, 3, 5, 15, 30)},
    **{f"{n}H": n * HOUR for n in (1, 2, 4, 6, 12)},
    **{f"{n}D": n * DAY for n in (1, 2, 3)},
    "1W": WEEK,
}
LONG = ("6H", "12H", "1D", "2D", "3D", "1W", "1M", "3M")
"""Cut at midnight UTC+8; with `utc` behind the name, at that of UTC."""
GRAINS = ("1s", "1m")
FINE, FIXED_FINE = "5s", 5 * SECOND
"""The bars of which the stage's past is made."""
NAMES = frozenset({*FIXED, *MONTHS, *(f"{name}utc" for name in LONG)})


class Candle(msgspec.Struct):
    """One candle. Volume in base coins, `worth` in quote money."""

    open_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    worth: float

    def add(self, other: Candle) -> None:
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.worth += other.worth

    def row(self, market: Market, now_ns: int) -> list[str]:
        coins = exact(round(self.volume, 12))
        volume = market.contracts(coins)
        prices = (plain(price) for price in (self.open, self.high, self.low, self.close))
        worth = plain(exact(round(self.worth, 8)))
        closed = "1" if now_ns >= self.end_ns else "0"
        return [ms(self.open_ns), *prices, plain(volume), plain(coins), worth, closed]


def period(name: str, ns: int) -> tuple[int, int]:
    """`(first instant, first instant after)` of the candle `name` in which `ns` lies."""
    short = name.removesuffix("utc")
    shift = EAST if short in LONG and short == name else 0
    if short in MONTHS:
        start, end = _months(ns + shift, MONTHS[short])
        return start - shift, end - shift
    length = FIXED[short]
    offset = FIRST_MONDAY if short == "1W" else 0
    start = ns - (ns + shift - offset) % length
    return start, start + length


def _months(ns: int, count: int) -> tuple[int, int]:
    day = datetime.fromtimestamp(ns // SECOND, UTC)
    month = (day.month - 1) // count * count + 1
    first = datetime(day.year, month, 1, tzinfo=UTC)
    after = datetime(day.year + (month + count > 12), (month + count - 1) % 12 + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) * SECOND, int(after.timestamp()) * SECOND


class Candles:
    """Rows of candles, of any bar that OKX has."""

    def __init__(self, stage: Stage, now: Callable[[], int]) -> None:
        self._stage = stage
        self._now = now
        self._growing: dict[tuple[str, str], Candle] = {}
        self._kept: dict[tuple[str, str], deque[Candle]] = {}
        self._begun: set[str] = set()

    def begin(self, symbol: str) -> None:
        """A market begins to flow: from now on its minutes are complete, the past of the present one included."""
        if symbol in self._begun:
            return
        self._begun.add(symbol)
        minute = self._now() // MINUTE * MINUTE
        past = (_candle(bar) for bar in self._stage.klines(symbol, "1m", KEPT, end_ns=minute))
        self._kept[symbol, "1m"] = deque(past, maxlen=KEPT)
        for bar in self._stage.klines(symbol, FINE, MINUTE // FIXED_FINE):
            if bar.open_ns >= minute:
                self._add(symbol, "1m", _candle(bar))

    def hear(self, trade: Trade) -> None:
        self.begin(trade.symbol)
        price, worth = trade.price, trade.price * trade.size
        for fine in GRAINS:
            candle = Candle(trade.time_ns, trade.time_ns, price, price, price, price, trade.size, worth)
            self._add(trade.symbol, fine, candle)

    def _add(self, symbol: str, fine: str, candle: Candle) -> None:
        """Let the present minute or second grow; one that is over is kept."""
        length = FIXED[fine]
        start = candle.open_ns - candle.open_ns % length
        found = self._growing.get((symbol, fine))
        if found is not None and found.open_ns == start:
            found.add(candle)
        elif found is None or found.open_ns < start:
            self._growing[symbol, fine] = msgspec.structs.replace(candle, open_ns=start, end_ns=start + length)
            if found is not None:
                self._kept.setdefault((symbol, fine), deque(maxlen=KEPT)).append(found)

    # -- requests ---------------------------------------------------------------------------------------------------------

    def asked(self, market: Market, given: Mapping[str, Any], *, old: bool) -> list[list[str]]:
        """The rows that a request asks for; `old` for history-candles. Raises `Refusal`."""
        name = str(given.get("bar") or "1m")
        if name not in NAMES or (name == "1s" and not old):
            raise Refusal("51000", "bar")
        now_ns = self._now()
        candles = [each for each in reversed(self.all(market, name)) if not old or each.end_ns <= now_ns]
        found = paging.page(candles, given, lambda each: int(each.open_ns // MS), 100, 300)
        return [candle.row(market, now_ns) for candle in found]

    def present(self, market: Market, name: str) -> Candle | None:
        """The newest candle."""
        found = self.all(market, name, period(name, self._now())[0])
        return found[-1] if found else None

    def before(self, market: Market, name: str) -> Candle | None:
        """The one before the newest."""
        found = self.all(market, name, period(name, period(name, self._now())[0] - 1)[0])
        return found[-2] if len(found) > 1 else None

    def all(self, market: Market, name: str, since_ns: int = 0) -> list[Candle]:
        """Oldest first, the open one last. The oldest is left out when a part of it is not known."""
        self.begin(market.symbol)
        small = list(self._small(market.symbol, "1s" if name == "1s" else "1m", since_ns))
        found: list[Candle] = []
        for each in small:
            start, end = period(name, each.open_ns)
            if found and found[-1].open_ns == start:
                found[-1].add(each)
            else:
                found.append(msgspec.structs.replace(each, open_ns=start, end_ns=end))
        if len(found) > 1 and small[0].open_ns > found[0].open_ns:
            del found[0]
        return found

    def _small(self, symbol: str, fine: str, since_ns: int) -> Iterator[Candle]:
        """Minutes (or seconds) without a hole, up to the present one."""
        length = FIXED[fine]
        last: Candle | None = None
        rows = self._closed(symbol, fine, since_ns - 2 * length)
        if (growing := self._growing.get((symbol, fine))) is not None:
            rows.append(msgspec.structs.replace(growing))
        present = self._now() // length * length
        for row in rows:
            yield from (each for each in _still(last, row.open_ns, length) if each.open_ns >= since_ns)
            if row.open_ns >= since_ns:
                yield row
            last = row
        if last is None:
            price = self._stage.quote(symbol).bid
            last = Candle(present - length, present, price, price, price, price, 0.0, 0.0)
        yield from (each for each in _still(last, present + length, length) if each.open_ns >= since_ns)

    def _closed(self, symbol: str, fine: str, since_ns: int) -> list[Candle]:
        found = takewhile(lambda each: each.open_ns >= since_ns, reversed(self._kept.get((symbol, fine), ())))
        return list(found)[::-1]

    def turns(self, trade: Trade) -> bool:
        """Whether a trade that is about to be heard begins a new minute."""
        growing = self._growing.get((trade.symbol, "1m"))
        return growing is not None and trade.time_ns >= growing.end_ns

    def day(self, market: Market) -> dict[str, str]:
        """What a ticker says of the last 24 hours and of the day so far."""
        now_ns = self._now()
        minutes = self.all(market, "1m", now_ns - DAY)
        coins = exact(round(sum(each.volume for each in minutes), 8))
        worth = exact(round(sum(each.worth for each in minutes), 8))
        starts = {}
        for word, name in (("sodUtc0", "1Dutc"), ("sodUtc8", "1D")):
            start = period(name, now_ns)[0]
            starts[word] = plain(next(each.open for each in minutes if each.open_ns >= min(start, minutes[-1].open_ns)))
        return {
            "open24h": plain(minutes[0].open),
            "high24h": plain(max(each.high for each in minutes)),
            "low24h": plain(min(each.low for each in minutes)),
            "vol24h": plain(market.contracts(coins)),
            "volCcy24h": plain(coins if market.swap else worth),
            **starts,
        }


def _still(last: Candle | None, until_ns: int, length: int) -> Iterator[Candle]:
    """The candles between the last one and `until_ns`, in which nothing happened."""
    if last is None:
        return
    price = last.close
    for start in range(max(last.open_ns + length, until_ns - KEPT * length), until_ns, length):
        yield Candle(start, start + length, price, price, price, price, 0.0, 0.0)


def _candle(bar: Bar) -> Candle:
    middle = (bar.open + bar.high + bar.low + bar.close) / 4
    return Candle(
        bar.open_ns, bar.time_ns, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.volume * middle
    )  # fmt: skip
