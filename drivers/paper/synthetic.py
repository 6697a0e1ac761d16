"""The synthetic market: seeded, endless, and the same byte for byte for the same seed, in any process.

Symbols tick only once they are opened. Ticks of all symbols come in the order of time, so that the market can be taken as a
feed (virtual clock) or played up to an instant (wall clock). On the wall clock events are stamped with the wall's time, and
`speed` says how many seconds of the market's life pass in one of the wall's.

The grid of time starts at `origin_ns`; two runs that start at different hours show the same prices.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import exp, log
from typing import Any

from ctosd.abi import Bar, Instrument, MarketEvent
from ctosd.abi.instruments import split_symbol
from drivers.paper import listing
from drivers.paper.chance import chance
from drivers.paper.config import SymbolConfig
from drivers.paper.stream import SECOND, Stream, Traits
from drivers.paper.tide import REGIMES, Own, Tide

Deliver = Callable[[int, MarketEvent], None]

MINUTE = 60 * SECOND
FINE, FINE_NS = "5s", 5 * SECOND
"""The bars of which the past is made."""
LATE_NS = SECOND
"""Who is later than this does not make up for it: the market stood still meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a synthetic market behaves; see `config.MarketConfig`."""

    seed: int = 7
    rate: float = 10.0
    speed: float = 1.0
    reversion: float = 0.5
    jumps_per_day: float = 6.0
    funding_ns: int = 8 * 3600 * SECOND


class Market:
    """Every open symbol and the order of their ticks."""

    def __init__(self, rules: Rules, origin_ns: int) -> None:
        self.rules = rules
        self.origin_ns = origin_ns
        self.end_ns = 0  # 0: endless
        self.events = 0
        self.shifted_ns = 0
        self._first_step = 0
        self._period_ns = int(SECOND / rules.rate)
        self._dt = rules.speed / rules.rate
        self._tide = Tide(f"{rules.seed}/tide", rules.reversion, rules.jumps_per_day / 2, self._dt)
        self._owns: dict[str, Own] = {}
        self._queue: list[tuple[int, int, Stream]] = []
        self.streams: dict[str, Stream] = {}
        self._saved: dict[str, Mapping[str, Any]] = {}
        self._past: list[float] = []

    # -- symbols ----------------------------------------------------------------------------------------------------------

    def open(self, instrument: Instrument, own: SymbolConfig | None, now_ns: int) -> Stream:
        """Let a symbol tick from `now_ns` on; one that is open already is only returned."""
        found = self.streams.get(instrument.symbol)
        if found is not None:
            return found
        stream = self._stream(instrument, own or SymbolConfig())
        self._bring(self._step(now_ns - self.shifted_ns))
        stream.own.advance(self._tide.step, self._tide)
        self.streams[instrument.symbol] = stream
        heapq.heappush(self._queue, (now_ns - self.shifted_ns, len(self.streams), stream))
        return stream

    def _stream(self, instrument: Instrument, own: SymbolConfig) -> Stream:
        coin, rules, symbol = listing.coin(instrument.symbol), self.rules, instrument.symbol
        saved = self._saved.get(f"symbol/{symbol}")
        traits = Traits(
            price=own.price or float(saved["price"] if saved else first_price(symbol)),
            spread_bps=own.spread_bps or coin.spread_bps,
            depth_quote=own.depth_quote or coin.depth_quote,
            funding_ns=rules.funding_ns,
        )
        beta = coin.beta if own.beta is None else own.beta
        way = self._own(split_symbol(symbol)[0], own.volatility or coin.volatility, beta, saved)
        stream = Stream(instrument, traits, way, self._tide, str(rules.seed), self._period_ns)
        if saved:
            stream.resume(saved)
        return stream

    def _own(self, base: str, volatility: float, beta: float, saved: Mapping[str, Any] | None) -> Own:
        """The way of a coin: its spot pair and its perpetual share it unless they are told to differ."""
        key = f"{base}/{volatility}/{beta}"
        found = self._owns.get(key)
        if found is None:
            rules = self.rules
            seed = f"{rules.seed}/own/{base}"
            found = self._owns[key] = Own(seed, volatility, beta, rules.reversion, rules.jumps_per_day / 2, self._dt)
            found.key, found.step = key, self._tide.step
            if known := self._saved.get(f"own/{key}"):
                found.resume(known)
            elif saved:  # the configuration was changed meanwhile: the price stays where it was
                found.settle(float(saved["level"]) - found.beta * self._tide.level)
        return found

    # -- time -------------------------------------------------------------------------------------------------------------

    @property
    def next_ns(self) -> int | None:
        """When the next tick is due; None while no symbol is open."""
        return self._queue[0][0] + self.shifted_ns if self._queue else None

    def play(self, now_ns: int, deliver: Deliver, most: int = 1_000) -> None:
        """Deliver what is due, at most `most` ticks at once."""
        if self._queue and now_ns - self._queue[0][0] - self.shifted_ns > LATE_NS:
            self.shifted_ns = now_ns - self._queue[0][0]
        until = now_ns - self.shifted_ns
        while most and self._queue and self._queue[0][0] <= until and not self.ended:
            most -= 1
            stamp = self._queue[0][0] + self.shifted_ns
            for event in self._tick(stamp):
                deliver(stamp, event)

    @property
    def ended(self) -> bool:
        """Whether the next tick lies behind the end."""
        return bool(self.end_ns and self._queue and self._queue[0][0] >= self.end_ns)

    def __iter__(self) -> Iterator[tuple[int, MarketEvent]]:
        """The market as a feed, up to `end_ns`. It ends at once when no symbol is open."""
        while self._queue and not self.ended:
            ns = self._queue[0][0]
            for event in self._tick(ns):
                yield ns, event

    def _tick(self, stamp: int) -> list[MarketEvent]:
        # Taken out before anybody hears of it: what is delivered may open another symbol.
        ns, order, stream = heapq.heappop(self._queue)
        self._bring(self._step(ns))
        events = stream.tick(self._tide.step, stamp)
        heapq.heappush(self._queue, (stream.next_ns - self.shifted_ns, order, stream))
        self.events += len(events)
        return events

    def _step(self, ns: int) -> int:
        return self._first_step + (ns - self.origin_ns) // self._period_ns

    def _bring(self, step: int) -> None:
        if step > self._tide.step:
            self._tide.advance(step)

    # -- the past -----------------------------------------------------------------------------------------------------------

    def history(self, stream: Stream, count: int, end_ns: int, last: float, first: float = 0.0) -> list[Bar]:
        """`count` closed bars of five seconds that end at `end_ns` with the price `last`, made backwards from the seed.

        With `first` they also begin there: a bridge over a time that nobody saw.
        """
        path = self._past_path(stream, count)
        shift = log(last) - path[0]
        tilt = (log(first) - path[-1] - shift) / max(1, count) if first else 0.0
        prices = [_snap(exp(level + shift + tilt * place), stream) for place, level in enumerate(path)]
        random = chance(f"{self.rules.seed}/{stream.symbol}/volume")
        grid, usual = stream.sizes, stream.depth.usual
        bars = []
        for index in range(count, 0, -1):
            open_, close, start_ns = prices[index], prices[index - 1], end_ns - index * FINE_NS
            volume = grid.value(1 + int(usual * (0.4 + 3.3 * random.random() ** 2)))
            high, low = max(open_, close), min(open_, close)
            bars.append(
                Bar(stream.venue, stream.symbol, FINE, open_, high, low, close, volume, start_ns, start_ns + FINE_NS)
            )
        return bars

    def _past_path(self, stream: Stream, count: int) -> list[float]:
        """Log prices back in time, the newest first."""
        rules, dt, need = self.rules, FINE_NS / SECOND, count + 1
        if len(self._past) < need:
            tide = Tide(f"{rules.seed}/tide/past", rules.reversion, 0.0, dt)
            self._past = [_advance(tide, step) for step in range(max(need, 2 * len(self._past)))]
        own = stream.own
        way = Own(f"{rules.seed}/own/{stream.symbol}/past", own.volatility, own.beta, rules.reversion, 0.0, dt)
        path = []
        for level in self._past[:need]:
            path.append(way.beta * level + way.level)
            way.move(1.0, 1)
        return path

    # -- resuming -----------------------------------------------------------------------------------------------------------

    def save(self, stream: Stream) -> dict[str, dict[str, Any]]:
        """Where one symbol stands, with what it hangs on."""
        return {
            "tide": self._tide.save(),
            f"own/{stream.own.key}": stream.own.save(),
            f"symbol/{stream.symbol}": stream.save(),
        }

    def resume(self, saved: Mapping[str, Mapping[str, Any]]) -> None:
        """Go on from what `save` told; called before any symbol is opened."""
        self._saved = dict(saved)
        if "tide" in saved:
            self._tide.resume(saved["tide"])
            self._first_step = self._tide.step

    @property
    def regime(self) -> int:
        return self._tide.regime

    def statistics(self) -> dict[str, Any]:
        return {
            "symbols": len(self.streams),
            "events": self.events,
            "regime": REGIMES[self._tide.regime],
            "behind_s": round(self.shifted_ns / SECOND, 3),
        }


def first_price(symbol: str) -> float:
    """A listed coin's usual price; another's is made from its name, between 0.05 and 150."""
    base = split_symbol(symbol)[0]
    known = listing.COINS.get(base)
    return known.price if known is not None else float(f"{exp(chance(base).uniform(-3.0, 5.0)):.4g}")


def _advance(tide: Tide, step: int) -> float:
    tide.advance(step)
    return tide.level


def _snap(price: float, stream: Stream) -> float:
    grid = stream.prices
    return grid.value(max(1, round(price / grid.unit)))
