"""The last word of each market: what the gate, the ledger's marks and the price syscalls read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from ctosd.abi.clock import Clock
from ctosd.abi.events import Bar, Funding, Quote, Trade, topic
from ctosd.abi.instruments import Instrument, exact
from ctosd.core.bars import timeframe_ns
from ctosd.kernel.bus import Bus
from ctosd.kernel.clock import SECOND


class Latest:
    """What one symbol last said, and when that arrived."""

    __slots__ = ("at_ns", "bar", "funding", "mark", "mark_of", "quote", "quoted", "trade", "valid_ns")

    def __init__(self) -> None:
        self.quote: Quote | None = None
        self.trade: Trade | None = None
        self.bar: Bar | None = None
        self.funding: Funding | None = None
        self.quoted = False  # a quote stream is running: its word is newer than a trade's or a bar's
        self.at_ns = 0
        self.valid_ns = 0
        self.mark: Decimal | None = None  # of the price `mark_of`: the gate asks several times between two prices
        self.mark_of = 0.0

    def price(self) -> float:
        """Mid of the quote, else the last trade, else the last close; 0 when nothing has come."""
        if self.quote is not None:
            return self.quote.mid
        if self.trade is not None:
            return self.trade.price
        return self.bar.close if self.bar is not None else 0.0

    def marked(self, instrument: Instrument | None) -> Decimal | None:
        """The price as money, on the tick; None before the first one."""
        price = self.price()
        if not price:
            return None
        if price != self.mark_of:
            self.mark, self.mark_of = _on_tick(instrument, price), price
        return self.mark


def _on_tick(instrument: Instrument | None, price: float) -> Decimal:
    if instrument is None:
        return exact(price)
    # A mid can lie between two ticks; half a tick is its own exact decimal.
    return (exact(price) / instrument.tick * 2).to_integral_value() * instrument.tick / 2


class Market:
    """Every instrument and its latest prices, by `(venue, symbol)`."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._latest: dict[tuple[str, str], Latest] = {}
        self._instruments: dict[tuple[str, str], Instrument] = {}
        self._tapped: set[str] = set()
        self._attended: set[tuple[str, str]] = set()

    def enlist(self, instruments: Iterable[Instrument]) -> None:
        """Take in the instruments of a venue."""
        for instrument in instruments:
            self._instruments[instrument.venue, instrument.symbol] = instrument

    def instrument(self, venue: str, symbol: str) -> Instrument | None:
        return self._instruments.get((venue, symbol))

    def instruments(self, venue: str) -> list[Instrument]:
        return [each for (owner, _), each in self._instruments.items() if owner == venue]

    def symbol(self, venue: str, text: str) -> str:
        """The unified symbol that `text` names at a venue, by its own native spelling too; "" when there is none."""
        wanted = text.strip().upper()
        if (venue, wanted) in self._instruments:
            return wanted
        unified = wanted.replace("-", "/", 1)
        if (venue, unified) in self._instruments:
            return unified
        return next((each.symbol for each in self.instruments(venue) if each.native.upper() == wanted), "")

    def latest(self, venue: str, symbol: str) -> Latest:
        key = (venue, symbol)
        found = self._latest.get(key)
        if found is None:
            found = self._latest[key] = Latest()
        return found

    def watch(self, channel: str, venue: str, symbol: str, timeframe: str = "") -> None:
        """Tap one stream, once: from now on its prices are known here before any strategy hears of them."""
        name = topic(channel, venue, symbol, timeframe)
        if name not in self._tapped:
            self._tapped.add(name)
            self._bus.tap(name, self._keeper(channel, self.latest(venue, symbol), timeframe))

    def _keeper(self, channel: str, latest: Latest, timeframe: str) -> Callable[[Any], None]:
        now_ns = self._clock.now_ns

        def keep_quote(quote: Quote) -> None:
            latest.quote = quote
            latest.at_ns = now_ns()

        def keep_trade(trade: Trade) -> None:
            latest.trade = trade
            if not latest.quoted:
                latest.quote = None
            latest.at_ns = now_ns()

        def keep_bar(bar: Bar) -> None:
            latest.bar = bar
            if not latest.quoted:
                latest.quote = latest.trade = None
            latest.at_ns = now_ns()

        def keep_funding(funding: Funding) -> None:
            latest.funding = funding

        def keep_book(_: Any) -> None:
            latest.at_ns = now_ns()

        if channel == "quotes":
            latest.quoted = True
        if channel == "bars":
            latest.valid_ns = max(latest.valid_ns, 2 * timeframe_ns(timeframe) + 5 * SECOND)
        keepers: dict[str, Callable[[Any], None]] = {
            "quotes": keep_quote,
            "trades": keep_trade,
            "bars": keep_bar,
            "funding": keep_funding,
        }
        return keepers.get(channel, keep_book)

    def attends(self, venue: str, symbol: str) -> bool:
        """Whether a stream keeps the price of a symbol present."""
        return (venue, symbol) in self._attended

    def attended(self, venue: str, symbol: str) -> None:
        self._attended.add((venue, symbol))

    def put_quote(self, quote: Quote) -> None:
        """A price that was asked for rather than streamed."""
        latest = self.latest(quote.venue, quote.symbol)
        latest.quote = quote
        latest.at_ns = self._clock.now_ns()

    def mark(self, venue: str, symbol: str) -> Decimal | None:
        """The present price as money, on the instrument's tick; None before the first one."""
        latest = self._latest.get((venue, symbol))
        return latest.marked(self._instruments.get((venue, symbol))) if latest is not None else None

    def seen(self, venue: str, symbol: str) -> tuple[Instrument, Latest, Decimal | None] | None:
        """Instrument, latest words and mark: what the gate asks for before every order. None for what is not listed."""
        key = (venue, symbol)
        instrument = self._instruments.get(key)
        if instrument is None:
            return None
        latest = self._latest.get(key) or self.latest(venue, symbol)
        return instrument, latest, latest.marked(instrument)

    def last(self, venue: str, symbol: str) -> Decimal | None:
        """The last traded price, else the mark."""
        latest = self._latest.get((venue, symbol))
        if latest is not None and latest.trade is not None:
            return exact(latest.trade.price)
        return self.mark(venue, symbol)

    def statistics(self) -> Mapping[str, Any]:
        now_ns = self._clock.now_ns()
        return {
            f"{venue}/{symbol.replace('/', '-')}": {
                "price": repr(latest.price()),
                "age_ms": (now_ns - latest.at_ns) // 1_000_000 if latest.at_ns else -1,
            }
            for (venue, symbol), latest in sorted(self._latest.items())
        }
