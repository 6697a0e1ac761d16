"""The market's way through the venue: engine first, then memory, then whoever listens.

One table leads from an event's type and symbol to the engine's entry, the topic and what else is to be done. Where a market
tells no quotes they are derived: from the close of a bar or the price of a trade with the spread that the matching rules
give, or from the touch of the book.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import ceil, floor
from typing import Any

from ctosd.abi import Bar, BookDelta, Event, Funding, Instrument, Log, MarketEvent, PrivateEvent, Quote, Trade, topic
from drivers.paper.candles import Candles
from drivers.paper.matching import Engine
from drivers.paper.matching.grid import NOISE

Match = Callable[[Any], Sequence[PrivateEvent]]
After = Callable[[Any], None]
Route = tuple[Match, str, After | None]
CHANNEL: dict[type, str] = {Quote: "quotes", Trade: "trades", BookDelta: "book", Funding: "funding"}


class Tape:
    """Delivers market events. `tell` commits and publishes what they did to accounts."""

    def __init__(
        self,
        engine: Engine,
        tell: Callable[[Sequence[PrivateEvent]], None],
        publish: Callable[[str, Event], None],
        log: Log,
    ) -> None:
        self._engine = engine
        self._half = engine.rules.bar_spread / 2
        self._tell = tell
        self._publish = publish
        self._log = log
        self.routes: dict[type, dict[str, Route]] = {each: {} for each in (Quote, Trade, BookDelta, Bar, Funding)}
        self._after: dict[tuple[type, str], list[After]] = {}
        self.funding: dict[str, Funding] = {}
        self.events = 0
        self.at_ns = 0
        self.due_ns = 0  # of the next funding settlement
        self.strangers: set[str] = set()

    def deliver(self, ns: int, event: MarketEvent) -> None:
        """One event, at the time `ns` of the feed."""
        try:
            match, name, after = self.routes[type(event)][event.symbol]
        except KeyError:
            self._stranger(event)
            return
        self.events += 1
        self.at_ns = ns
        if ns >= self.due_ns:
            self._settle(ns)
        if private := match(event):
            self._tell(private)
        if after is not None:
            after(event)
        self._publish(name, event)

    def _settle(self, ns: int) -> None:
        """Funding that is due is paid before the event that comes after its time."""
        if private := self._engine.settle(ns):
            self._tell(private)
        self.due_ns = self._engine.next_due_ns

    def _stranger(self, event: MarketEvent) -> None:
        if event.symbol not in self.strangers:
            self.strangers.add(event.symbol)
            self._log.warning(
                "paper_unlisted_symbol",
                symbol=event.symbol,
                remedy="give the feed a `symbol`, or list it in `instruments`",
            )

    def knows(self, symbol: str) -> bool:
        return symbol in self.routes[Quote]

    # -- the table --------------------------------------------------------------------------------------------------------

    def open(self, venue: str, symbol: str, timeframe: str = "") -> None:
        """Let every kind of event of a symbol pass; `timeframe` is that of its recorded bars."""
        if self.knows(symbol):
            return
        engine = self._engine
        entries: dict[type, Match] = {
            Quote: engine.on_quote,
            Trade: engine.on_trade,
            BookDelta: engine.on_book,
            Funding: engine.on_funding,
        }
        for kind, match in entries.items():
            self.routes[kind][symbol] = (match, topic(CHANNEL[kind], venue, symbol), None)
        self.routes[Bar][symbol] = (engine.on_bar, topic("bars", venue, symbol, timeframe or "1m"), None)
        self.add(Funding, symbol, self._keep_funding)

    def add(self, kind: type, symbol: str, after: After) -> None:
        """Have `after` called for each event of a kind, when the engine has seen it and before it is published."""
        chain = self._after.setdefault((kind, symbol), [])
        chain.append(after)
        match, name, _ = self.routes[kind][symbol]
        self.routes[kind][symbol] = (match, name, chain[0] if len(chain) == 1 else _each(tuple(chain)))

    def _keep_funding(self, funding: Funding) -> None:
        self.funding[funding.symbol] = funding
        self.due_ns = self._engine.next_due_ns

    # -- derived quotes -----------------------------------------------------------------------------------------------------

    def derive_quotes(self, instrument: Instrument, types: Collection[type]) -> None:
        """Publish quotes of a symbol whose market tells none, from the best of what it tells."""
        symbol = instrument.symbol
        name = topic("quotes", instrument.venue, symbol)
        if BookDelta in types:
            self.add(BookDelta, symbol, self._touch(symbol, name))
        elif Trade in types or Bar in types:
            self.add(Trade if Trade in types else Bar, symbol, self._around(instrument, name))

    def _touch(self, symbol: str, name: str) -> After:
        """Publishes the touch of the book whenever it changed."""
        engine, publish = self._engine, self._publish
        last: Quote | None = None

        def touch(_: Any) -> None:
            nonlocal last
            quote = engine.quote(symbol)
            if quote is not None and (
                last is None
                or (quote.bid, quote.ask, quote.bid_size, quote.ask_size)
                != (last.bid, last.ask, last.bid_size, last.ask_size)
            ):
                last = quote
                publish(name, quote)

        return touch

    def _around(self, instrument: Instrument, name: str) -> After:
        """Publishes the touch that the engine derives from a trade or a close: on the grid, and never inside the spread."""
        venue, symbol, publish = instrument.venue, instrument.symbol, self._publish
        tick, (top, bottom) = float(instrument.tick), instrument.tick.as_integer_ratio()
        low, high = (1 - self._half) / tick, (1 + self._half) / tick

        def around(event: Any) -> None:
            price, size = (event.close, event.volume) if type(event) is Bar else (event.price, event.size)
            # Whole ticks, divided once: the very floats that read back as the decimals.
            bid, ask = floor(price * low + NOISE) * top / bottom, ceil(price * high - NOISE) * top / bottom
            publish(name, Quote(venue, symbol, bid, size, ask, size, event.time_ns))

        return around

    # -- bars ---------------------------------------------------------------------------------------------------------------

    def grow(self, candles: Candles, types: Collection[type]) -> None:
        """Feed kept bars from the best of what the market tells."""
        symbol = candles.symbol
        if candles.source:
            self.add(Bar, symbol, candles.on_bar)
        elif Trade in types:
            self.add(Trade, symbol, candles.on_trade)
        elif Quote in types:
            self.add(Quote, symbol, candles.on_quote)


def _each(chain: tuple[After, ...]) -> After:
    if len(chain) == 2:
        first, second = chain

        def both(event: Any) -> None:
            first(event)
            second(event)

        return both

    def after(event: Any) -> None:
        for call in chain:
            call(event)

    return after
