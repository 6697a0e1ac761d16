"""Public trades of one product: ids, and aggregate trades of the same price and side within a tenth of a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from ctosd.abi import Trade
from drivers.binance.emulator.markets import Market
from drivers.binance.emulator.venuetime import VenueTime

KEPT = 1_000
FIRST_ID = 1_000_000
AGGREGATE_MS = 100


class Print(msgspec.Struct):
    """A public trade, or several in one: `first` and `last` are the ids of the trades in it."""

    id: int
    price: float
    size: float
    first: int
    last: int
    time_ms: int
    buyer_is_maker: bool


class Tape:
    """The trades of one market. `on_aggregate` hears of each aggregate when it is complete."""

    def __init__(self, market: Market, on_aggregate: Callable[[Market, Print], None]) -> None:
        self.market = market
        self.trades: deque[Print] = deque(maxlen=KEPT)
        self.aggregates: deque[Print] = deque(maxlen=KEPT)
        self._on_aggregate = on_aggregate
        self._growing: Print | None = None
        self._next = FIRST_ID

    def add(self, trade: Trade, now_ms: int) -> Print:
        self._next += 1
        maker = trade.side == "sell"
        found = Print(self._next, trade.price, trade.size, self._next, self._next, now_ms, maker)
        self.trades.append(found)
        growing = self._growing
        if (
            growing is not None
            and (growing.price, growing.buyer_is_maker) == (found.price, maker)
            and now_ms - growing.time_ms < AGGREGATE_MS
        ):
            growing.size += found.size
            growing.last = found.id
            return found
        self.close()
        number = self.aggregates[-1].id + 1 if self.aggregates else FIRST_ID // 2
        self._growing = Print(number, found.price, found.size, found.id, found.id, now_ms, maker)
        self.aggregates.append(self._growing)
        return found

    def close(self, now_ms: int | None = None) -> None:
        """Tell the aggregate that grows, if its time is over."""
        growing = self._growing
        if growing is not None and (now_ms is None or now_ms - growing.time_ms >= AGGREGATE_MS):
            self._growing = None
            self._on_aggregate(self.market, growing)


class Tapes:
    """The tapes of all markets of a product that flow."""

    def __init__(self, time: VenueTime) -> None:
        self._time = time
        self.on_aggregate: Callable[[Market, Print], None] = lambda market, found: None
        self._tapes: dict[str, Tape] = {}

    def of(self, market: Market) -> Tape:
        found = self._tapes.get(market.symbol)
        if found is None:
            found = self._tapes[market.symbol] = Tape(market, self.on_aggregate)
        return found

    def add(self, market: Market, trade: Trade) -> Print:
        return self.of(market).add(trade, self._time.ms(trade.time_ns))

    def flush(self) -> None:
        """Close aggregates whose time is over."""
        for tape in self._tapes.values():
            tape.close(self._time.now_ms())
