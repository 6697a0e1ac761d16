"""One synthetic symbol: ticks of quotes, trades, book and funding around a price that processes give.

A tick makes one quote, and a trade at the touch in about half of the cases. The touch stands around the mid at the present
spread, on the tick grid; trades eat from the size at the touch, which fills up again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil, exp, floor
from typing import Any

import msgspec

from ctosd.abi import BookDelta, Funding, Instrument, MarketEvent, Quote, Side, Trade
from drivers.paper.chance import chance
from drivers.paper.depth import SPACING, Depth, Grid, Level
from drivers.paper.tide import Own, Tide

SECOND = 1_000_000_000
LEVELS = 20
SNAPSHOT_EVERY = 200  # book events
FUNDING_EVERY_NS = 10 * SECOND
INTEREST = 0.0001
FUNDING_BOUND = 0.0075
PREMIUM_NOISE = 2e-5
PREMIUM_KEPT = 0.998


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What distinguishes one synthetic symbol. `depth_quote` is the usual worth of a level in quote money."""

    price: float
    spread_bps: float
    depth_quote: float
    funding_ns: int = 8 * 3600 * SECOND


class Stream:
    """The tape of one symbol, tick by tick."""

    def __init__(self, instrument: Instrument, traits: Traits, own: Own, tide: Tide, seed: str, period_ns: int) -> None:
        self.instrument = instrument
        self.venue, self.symbol = instrument.venue, instrument.symbol
        self.traits = traits
        self.own, self.tide = own, tide
        self.next_ns = 0
        self.ticks = 0
        self.book = False
        self._seed = f"{seed}/{self.symbol}"
        self._random = chance(self._seed)
        self._period_ns = period_ns
        self._half = traits.spread_bps / 2e4
        self.prices, self.sizes = Grid(instrument.tick), Grid(instrument.lot)
        self.depth = Depth(f"{self._seed}/depth", max(2.0, traits.depth_quote / traits.price / self.sizes.unit))
        self.spacing = max(1, round(traits.price * SPACING / self.prices.unit))
        self._width = 1.0
        self._premium = self._mean_premium = 0.0
        self._bid = self._ask = 0  # the touch, in ticks
        self._eaten_bid = self._eaten_ask = 0.0  # lots that trades took from the touch
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._sequence = 0
        self._funding_due = 0
        self._funding_next = 0

    @property
    def mid(self) -> float:
        """The price behind the touch, off the grid."""
        return self.traits.price * exp(self._level() + self._premium)

    @property
    def touch(self) -> tuple[int, int]:
        """Best bid and ask, in ticks."""
        return self._bid, self._ask

    def _level(self) -> float:
        return self.own.beta * self.tide.level + self.own.level

    def tick(self, step: int, ns: int) -> list[MarketEvent]:
        """Everything that happens at one instant, the quote first. Sets `next_ns`."""
        random = self._random.random
        before = self._bid
        self._drift(random)
        self._stand(self.own.advance(step, self.tide))
        quote = self._touch(ns)
        events: list[MarketEvent] = [quote]
        if random() < 0.5:
            rising = self._bid - before
            bias = 0.5 if not rising else 0.8 if rising > 0 else 0.2
            events.append(self._trade(quote, "buy" if random() < bias else "sell", ns, random()))
        if self.book:
            events.append(self._book(ns))
        if ns >= self._funding_due and self.instrument.kind == "perp":
            events.append(self._funding(ns))
        self.ticks += 1
        self.next_ns = ns + int(self._period_ns * (0.25 + 1.5 * random()))
        return events

    # -- the touch ------------------------------------------------------------------------------------------------------

    def _drift(self, random: Callable[[], float]) -> None:
        """Let the premium and the spread wander."""
        drawn = random()
        self._premium = self._premium * PREMIUM_KEPT + PREMIUM_NOISE * (drawn - 0.5)
        if drawn < 0.05:
            self._width = 0.6 + 1.6 * random()

    def _stand(self, level: float) -> None:
        """Move the touch to where the price is now."""
        price = self.traits.price * exp(level + self._premium)
        half = price * self._half * self._width * self.tide.factor
        tick = self.prices.unit
        bid = max(1, floor((price - half) / tick))
        ask = max(bid + 1, ceil((price + half) / tick))
        if ask == bid + 2 and half < tick:
            ask = bid + 1  # a price between two ticks would hold a narrow spread open
        self._eaten_bid = self._eaten_bid * 0.8 if bid == self._bid else 0.0
        self._eaten_ask = self._eaten_ask * 0.8 if ask == self._ask else 0.0
        self._bid, self._ask = bid, ask

    def _touch(self, ns: int) -> Quote:
        prices, sizes, depth = self.prices, self.sizes, self.depth
        bid, ask = self._bid, self._ask
        return Quote(
            self.venue,
            self.symbol,
            prices.value(bid),
            sizes.value(max(1, depth.at(bid, ns) - int(self._eaten_bid))),
            prices.value(ask),
            sizes.value(max(1, depth.at(ask, ns) - int(self._eaten_ask))),
            ns,
        )

    def quote(self, ns: int) -> Quote:
        """The touch as it stands."""
        if not self._bid:
            self._stand(self._level())
        return self._touch(ns)

    def _trade(self, quote: Quote, side: Side, ns: int, drawn: float) -> Trade:
        """A taker at the touch: mostly small, seldom the whole level."""
        available = quote.ask_size if side == "buy" else quote.bid_size
        lots = min(
            1 + int(0.02 * self.depth.usual * ((drawn + 0.003) ** -0.8 - 0.99)), round(available / self.sizes.unit)
        )
        if side == "buy":
            self._eaten_ask += lots
        else:
            self._eaten_bid += lots
        price = quote.ask if side == "buy" else quote.bid
        return Trade(self.venue, self.symbol, price, self.sizes.value(lots), side, ns, f"{self.ticks:x}")

    # -- the book -------------------------------------------------------------------------------------------------------

    def orderbook(self, ns: int, levels: int = LEVELS) -> BookDelta:
        """A snapshot of the book as it stands, best first."""
        self.quote(ns)
        bids, asks = self._ladders(ns, levels)
        return self._delta(bids, asks, ns, self._sequence, snapshot=True)

    def _ladders(self, ns: int, levels: int) -> tuple[list[Level], list[Level]]:
        bids = self.depth.ladder(self._bid, -1, levels, self.spacing, ns)
        asks = self.depth.ladder(self._ask, 1, levels, self.spacing, ns)
        bids[0] = (self._bid, max(1, bids[0][1] - int(self._eaten_bid)))
        asks[0] = (self._ask, max(1, asks[0][1] - int(self._eaten_ask)))
        return bids, asks

    def _book(self, ns: int) -> BookDelta:
        """What changed since the last one; now and then, and at first, everything."""
        bids, asks = self._ladders(ns, LEVELS)
        self._sequence += 1
        if self._sequence % SNAPSHOT_EVERY == 1:
            delta = self._delta(bids, asks, ns, self._sequence, snapshot=True)
        else:
            delta = self._delta(
                _changes(self._bids, bids), _changes(self._asks, asks), ns, self._sequence, snapshot=False
            )
        self._bids, self._asks = dict(bids), dict(asks)
        return delta

    def open_book(self) -> None:
        """Let ticks carry the book; the next one is a snapshot."""
        self.book = True
        self._sequence += -self._sequence % SNAPSHOT_EVERY

    def _delta(
        self, bids: Sequence[Level], asks: Sequence[Level], ns: int, sequence: int, *, snapshot: bool
    ) -> BookDelta:
        price, size = self.prices.value, self.sizes.value
        return BookDelta(
            self.venue,
            self.symbol,
            [(price(p), size(s)) for p, s in bids],
            [(price(p), size(s)) for p, s in asks],
            ns,
            first_id=sequence,
            last_id=sequence,
            prev_id=0 if snapshot else sequence - 1,
            snapshot=snapshot,
        )

    # -- funding --------------------------------------------------------------------------------------------------------

    def funding(self, ns: int) -> Funding:
        """The rate of the present interval: the mean premium and the interest, bounded as venues bound it."""
        interval = self.traits.funding_ns
        premium = self._mean_premium
        rate = premium + max(-0.0005, min(0.0005, INTEREST - premium))
        rate = round(max(-FUNDING_BOUND, min(FUNDING_BOUND, rate)), 8)
        next_ns = self._funding_next or (ns // interval + 1) * interval
        mark = self.prices.value(round(self.mid / self.prices.unit))
        return Funding(self.venue, self.symbol, rate, mark, next_ns, ns, interval)

    def _funding(self, ns: int) -> Funding:
        # Longs pay more while the price stands over its slow mean: that is what a premium is.
        self._mean_premium += 0.01 * (self._premium + 0.2 * self.own.wave - self._mean_premium)
        self._funding_next = (ns // self.traits.funding_ns + 1) * self.traits.funding_ns
        self._funding_due = min(ns + FUNDING_EVERY_NS, self._funding_next)
        return self.funding(ns)

    # -- resuming -------------------------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        standing = {"premium": self._premium, "mean_premium": self._mean_premium}
        return {**standing, "ticks": self.ticks, "price": self.traits.price, "level": self._level()}

    def resume(self, saved: Mapping[str, Any]) -> None:
        self.ticks = int(saved["ticks"])
        self._premium, self._mean_premium = float(saved["premium"]), float(saved["mean_premium"])
        self._random = chance(f"{self._seed}/{self.ticks}")


def _changes(before: dict[int, int], now: Sequence[Level]) -> list[Level]:
    """Levels that differ, size 0 for those that went."""
    present = dict(now)
    gone = [(price, 0) for price in before if price not in present]
    return [level for level in now if before.get(level[0]) != level[1]] + gone
