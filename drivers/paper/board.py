"""The venue's board: which symbols flow, which bars are kept, and what is answered when the market is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ctosd.abi import Bar, BookDelta, CallerMistake, Channel, Event, Funding, Instrument, NotReady, Ports, Quote, Trade
from ctosd.abi.instruments import path_symbol
from drivers.paper.candles import Candles
from drivers.paper.generated import Generated
from drivers.paper.matching import Engine
from drivers.paper.recorded import Recorded
from drivers.paper.shelves import Shelves
from drivers.paper.tape import Tape

LIVE: frozenset[type] = frozenset({Quote, Trade, BookDelta, Funding})
"""What a synthetic market tells."""


class Board:
    """Shows the market of one source. `keep_bar` hears of every bar that was built."""

    def __init__(
        self,
        source: Generated | Recorded,
        instruments: Mapping[str, Instrument],
        engine: Engine,
        tape: Tape,
        ports: Ports,
        keep_bar: Callable[[Bar], None],
    ) -> None:
        self.source = source
        self.instruments = instruments
        self._engine = engine
        self._tape = tape
        self._venue = ports.venue
        self._clock = ports.clock
        self._publish: Callable[[str, Event], None] = ports.publish
        self._keep_bar = keep_bar
        self._candles: dict[str, Candles] = {}
        self._derived: set[str] = set()

    # -- streams ----------------------------------------------------------------------------------------------------------

    def listed(self, symbol: str) -> Instrument:
        """Raises `CallerMistake` for a symbol that this venue does not have."""
        try:
            return self.instruments[symbol]
        except KeyError:
            known = ", ".join(list(self.instruments)[:12])
            raise CallerMistake(f"{symbol!r} is not listed at {self._venue}; known: {known}") from None

    def _tells(self, symbol: str) -> frozenset[type]:
        """Kinds of events that the market has of a symbol."""
        if isinstance(self.source, Generated):
            return LIVE
        content = self.source.content.get(symbol)
        return frozenset(content.types) if content is not None else frozenset()

    def _timeframe(self, symbol: str) -> str:
        """Timeframe of the recorded bars of a symbol; empty when there are none."""
        content = self.source.content.get(symbol) if isinstance(self.source, Recorded) else None
        return content.timeframe if content is not None else ""

    def open(self, symbol: str) -> None:
        """Let a symbol's events pass, and be made if they are made."""
        if self._tape.knows(symbol):
            return
        self._tape.open(self._venue, symbol, self._timeframe(symbol))
        if isinstance(self.source, Generated):
            stream, now_ns = self.source.open(symbol), self._clock.now_ns()
            if now_ns >= self.source.market.origin_ns:  # on the virtual clock time begins with the first event
                self._tape.deliver(now_ns, stream.quote(now_ns))
        elif self._timeframe(symbol):
            self.grow(symbol)

    def subscribe(self, channel: Channel, symbol: str, timeframe: str) -> None:
        """Make a stream flow."""
        self.listed(symbol)
        self.open(symbol)
        if channel == "bars":
            self.grow(symbol).keep(timeframe or "1m")
        elif channel == "book" and isinstance(self.source, Generated):
            self.source.open(symbol).open_book()
        elif channel == "quotes" and Quote not in self._tells(symbol) and symbol not in self._derived:
            self._derived.add(symbol)
            self._tape.derive_quotes(self.instruments[symbol], self._tells(symbol))

    def price_stream(self, symbol: str) -> tuple[Channel, str]:
        """The market's own kind of price: nothing is derived that nobody asked for."""
        tells = self._tells(symbol)
        if Quote in tells or BookDelta in tells:
            return "quotes", ""
        return ("trades", "") if Trade in tells else ("bars", self._timeframe(symbol) or "1m")

    def grow(self, symbol: str) -> Candles:
        """The kept bars of a symbol, which grow from now on."""
        found = self._candles.get(symbol)
        if found is not None:
            return found
        candles = self._candles[symbol] = Candles(self._venue, symbol, self._tell_bar, self._timeframe(symbol))
        if isinstance(self.source, Generated):
            candles.prepend(*self.source.past(symbol))
        self._tape.grow(candles, self._tells(symbol))
        return candles

    def _tell_bar(self, name: str, bar: Bar) -> None:
        self._keep_bar(bar)
        self._publish(name, bar)

    def flush(self, now_ns: int) -> None:
        """The data is over: close every bar whose time is."""
        for candles in self._candles.values():
            candles.flush(now_ns)

    # -- questions ----------------------------------------------------------------------------------------------------------

    def quote(self, symbol: str) -> Quote:
        """The present quote; before the first event, the first recorded price. Raises `NotReady` when there is none."""
        self.listed(symbol)
        self.open(symbol)
        if (quote := self._engine.quote(symbol)) is not None:
            return quote
        if isinstance(self.source, Generated):
            return self.source.quote(symbol)
        first = self.source.first_price(symbol)
        if first is None:
            raise NotReady(f"{self._venue} has no price of {symbol} yet")
        return Quote(self._venue, symbol, first, 0.0, first, 0.0, self._clock.now_ns())

    def orderbook(self, symbol: str, level: int) -> BookDelta:
        """As deep as the market tells; what the engine models behind the touch where it tells no book."""
        self.listed(symbol)
        if isinstance(self.source, Generated):
            self.open(symbol)
            return self.source.orderbook(symbol, level)
        book = self._engine.orderbook(symbol, level)
        if book.bids or book.asks:
            return book
        quote = self.quote(symbol)
        bids, asks = [(quote.bid, quote.bid_size)], [(quote.ask, quote.ask_size)]
        return BookDelta(self._venue, symbol, bids, asks, quote.time_ns, snapshot=True)

    def shelves(self, symbol: str, levels: int) -> Shelves | None:
        """A deep book that is kept from look to look; None where the market tells its own."""
        self.listed(symbol)
        if not isinstance(self.source, Generated):
            return None
        self.open(symbol)
        return self.source.shelves(symbol, levels)

    def klines(self, symbol: str, timeframe: str, limit: int, start_ns: int, end_ns: int) -> list[Bar]:
        """Closed bars, oldest first."""
        self.listed(symbol)
        self.open(symbol)
        return self.grow(symbol).klines(timeframe, limit, start_ns, end_ns)

    def funding(self, symbol: str) -> Funding | None:
        """None for spot, and for a recorded market that tells none."""
        if self.listed(symbol).kind != "perp":
            return None
        self.open(symbol)
        told = self._tape.funding.get(symbol)
        if told is not None or isinstance(self.source, Recorded):
            return told
        return self.source.funding(symbol)

    def statistics(self) -> dict[str, Any]:
        return {
            "symbols": [path_symbol(symbol) for symbol in self._tape.routes[Quote]],
            "bars": [path_symbol(symbol) for symbol in self._candles],
            "derived_quotes": [path_symbol(symbol) for symbol in sorted(self._derived)],
            "market": self.source.statistics(),
        }
