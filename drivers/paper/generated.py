"""The synthetic market at work: which symbols tick, the beat of the wall clock, the past of each symbol, and its memory.

A symbol costs nothing until somebody wants it. Where the market stands and its last bars are kept, so that prices and
klines go on after a restart; the minutes in between are bridged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from ctosd.abi import Bar, BookDelta, Funding, Instrument, MarketEvent, Misconfigured, Ports, Quote, Timer
from drivers.paper import listing
from drivers.paper.config import MarketConfig
from drivers.paper.shelves import Shelves
from drivers.paper.stream import SECOND, Stream
from drivers.paper.synthetic import FINE_NS, MINUTE, Market, Rules, first_price

BEAT_NS = 2_000_000
"""Ticks of many symbols are delivered together in beats of this length at least."""
SEED = 7
DEFAULT = ("BTC/USDT:USDT", "ETH/USDT:USDT")
"""What ticks on the virtual clock when no symbol is configured."""

PER_MINUTE = MINUTE // FINE_NS
RECENT = 30 * PER_MINUTE

Deliver = Callable[[int, MarketEvent], None]


class Generated:
    """The source of a synthetic market. `deliver` hears of every event."""

    def __init__(self, config: MarketConfig, ports: Ports, funding_ns: int) -> None:
        self._config = config
        self._clock = ports.clock
        self._virtual = ports.drive is not None
        self._listed = {
            symbol: self._instrument(ports.venue, symbol) for symbol in (*config.symbols, *listing.symbols())
        }
        origin_ns = config.start_ms * 1_000_000 if self._virtual else ports.clock.now_ns()
        rules = Rules(
            seed=SEED if config.seed is None else config.seed,
            rate=config.rate,
            speed=1.0 if self._virtual else config.speed,
            reversion=config.reversion,
            jumps_per_day=config.jumps_per_day,
            funding_ns=funding_ns,
        )
        self.market = Market(rules, origin_ns)
        if config.duration_s:
            self.market.end_ns = origin_ns + int(config.duration_s * SECOND / rules.speed)
        self._bars: dict[str, list[Bar]] = {}
        self._deliver: Deliver | None = None
        self._timer: Timer | None = None
        self.on_end: Callable[[], None] | None = None
        self._instruments = dict(self._listed)

    def _instrument(self, venue: str, symbol: str) -> Instrument:
        own = self._config.symbols.get(symbol)
        price = own.price if own is not None else None
        return listing.instrument(venue, symbol, price or first_price(symbol))

    def instruments(self) -> dict[str, Instrument]:
        return dict(self._listed)

    def adopt(self, instruments: Mapping[str, Instrument]) -> None:
        """Take the instruments as the configuration changed them: prices are made on their grids."""
        self._instruments = dict(instruments)

    # -- life -----------------------------------------------------------------------------------------------------------

    def resume(self, shelves: Mapping[str, Mapping[str, bytes]]) -> None:
        """Go on from what was kept; unreadable memory is an error with a remedy."""
        try:
            self.market.resume({key: msgspec.json.decode(body) for key, body in shelves.get("market", {}).items()})
            for key, body in sorted(shelves.get("bar", {}).items()):
                bar = msgspec.json.decode(body, type=Bar)
                self._bars.setdefault(key.rpartition("/")[0], []).append(bar)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            raise Misconfigured(f"the paper venue's store is damaged ({error}); move it away to begin anew") from error

    def opening(self) -> tuple[str, ...]:
        """What ticks from the first instant of a virtual clock: its feed must not be empty."""
        return tuple(self._config.symbols) or DEFAULT

    def __iter__(self) -> Iterator[tuple[int, MarketEvent]]:
        """The market as a feed, for the virtual clock."""
        yield from self.market
        if self.on_end is not None:
            self.on_end()

    def play(self, deliver: Deliver) -> None:
        """Deliver on the wall clock from now on."""
        self._deliver = deliver
        self._arm()

    def stop(self) -> None:
        self._deliver = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        next_ns = self.market.next_ns
        if self._timer is None and next_ns is not None and self._deliver is not None:
            self._timer = self._clock.call_at(max(next_ns, self._clock.now_ns() + BEAT_NS), self._beat)

    def _beat(self) -> None:
        self._timer = None
        if self._deliver is None:
            return
        self.market.play(self._clock.now_ns(), self._deliver)
        if not self.market.ended:
            self._arm()
        elif self.on_end is not None:
            self.stop()
            self.on_end()

    # -- symbols ----------------------------------------------------------------------------------------------------------

    def now_ns(self) -> int:
        return max(self._clock.now_ns(), self.market.origin_ns) if self._virtual else self._clock.now_ns()

    def open(self, symbol: str) -> Stream:
        """Let a symbol tick."""
        stream = self.market.open(self._instruments[symbol], self._config.symbols.get(symbol), self.now_ns())
        self._arm()
        return stream

    def quote(self, symbol: str) -> Quote:
        return self.open(symbol).quote(self.now_ns())

    def orderbook(self, symbol: str, level: int) -> BookDelta:
        return self.open(symbol).orderbook(self.now_ns(), level)

    def shelves(self, symbol: str, levels: int) -> Shelves:
        return Shelves(self.open(symbol), levels, self.now_ns)

    def funding(self, symbol: str) -> Funding | None:
        stream = self.open(symbol)
        return stream.funding(self.now_ns()) if stream.instrument.kind == "perp" else None

    # -- bars of the past ---------------------------------------------------------------------------------------------------

    def past(self, symbol: str) -> tuple[list[Bar], list[Bar]]:
        """What is kept of closed one-minute bars, and bars of five seconds that lead from there to now.

        Where less than half an hour lies between, older bars of five seconds come before: they end where the kept ones do.
        """
        stream, now_ns = self.open(symbol), self.now_ns()
        end_ns, price, most = now_ns // FINE_NS * FINE_NS, stream.quote(now_ns).bid, self._config.history
        kept = sorted(self._bars.pop(symbol, ()), key=lambda bar: bar.open_ns)
        missing = (end_ns - kept[-1].time_ns) // FINE_NS if kept else 0
        if not kept or not 0 <= missing < most * PER_MINUTE:
            whole = most * PER_MINUTE + end_ns % MINUTE // FINE_NS
            return [], self.market.history(stream, whole, end_ns, price)
        bridge = self.market.history(stream, missing, end_ns, price, kept[-1].close) if missing else []
        older = self.market.history(stream, RECENT, kept[-1].time_ns, kept[-1].close) if missing < RECENT else []
        return kept, older + bridge

    def remember(self, bar: Bar) -> dict[str, bytes | None]:
        """What is to be kept of a closed one-minute bar: a ring of as many as the past is long."""
        slot = bar.open_ns // MINUTE % max(1, self._config.history)
        return {f"{bar.symbol}/{slot}": msgspec.json.encode(bar)}

    def standing(self, turn: int = 0, turns: int = 1) -> dict[str, bytes | None]:
        """Where every open symbol stands; with `turns`, the share of them whose turn it is."""
        found: dict[str, bytes | None] = {}
        for stream in islice(self.market.streams.values(), turn % turns, None, turns):
            found |= {key: msgspec.json.encode(value) for key, value in self.market.save(stream).items()}
        return found

    def statistics(self) -> dict[str, Any]:
        return self.market.statistics()
