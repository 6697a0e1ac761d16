"""The markets of one product: the venue's names for them, and how prices and sizes are written there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from ctosd.abi import Instrument, Quote
from drivers.binance.emulator.formats import fixed, places
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.products import Product
from drivers.binance.emulator.refusals import bad_symbol, malformed
from drivers.paper.stage import Stage

LEGAL = r"^[A-Z0-9-_.]{1,20}$"
_LEGAL = re.compile(LEGAL)
GROWING = ("1m", "5s")
"""Bars that the open row of every kline is made of."""
SPOT_DIGITS = 8
MOST_LOTS = 1_000_000
MOST_MARKET_LOTS = 120_000
MOST_TICKS = 100_000_000


class Market:
    """One symbol of one product."""

    def __init__(self, instrument: Instrument, product: Product, stage: Stage) -> None:
        self.instrument = instrument
        self.product = product
        self.symbol = instrument.symbol
        self.native = instrument.base + instrument.quote
        self.base, self.quote_asset = instrument.base, instrument.quote
        spot = product.name == "spot"
        self.price_places = SPOT_DIGITS if spot else places(instrument.tick)
        self.size_places = SPOT_DIGITS if spot else places(instrument.lot)
        self.max_size = instrument.max_size or instrument.lot * MOST_LOTS
        self.max_market_size = instrument.max_market_size or instrument.lot * MOST_MARKET_LOTS
        self.max_price = instrument.tick * MOST_TICKS
        self._stage = stage
        self._flows = False
        self.settled: dict[int, tuple[Decimal, Decimal]] = {}  # time in ms -> rate and mark that somebody paid on

    def price(self, amount: Decimal | float) -> str:
        return fixed(amount, self.price_places)

    def size(self, amount: Decimal | float) -> str:
        return fixed(amount, self.size_places)

    def open(self) -> None:
        """Let the market flow; its bars grow from the first trade on."""
        if not self._flows:
            self._flows = True
            self._stage.open(self.symbol)
            for timeframe in GROWING:
                self._stage.keep_bars(self.symbol, timeframe)

    def quote(self) -> Quote:
        """The present touch."""
        self.open()
        return self._stage.quote(self.symbol)

    def last(self) -> float:
        self.open()
        return self._stage.last_price(self.symbol)

    def mark(self) -> Decimal:
        """The mark: the middle of the touch, in digits that are exact."""
        quote = self.quote()
        return (Decimal(repr(quote.bid)) + Decimal(repr(quote.ask))) / 2


class Markets:
    """All markets of a product, by the venue's name and by the unified one."""

    def __init__(self, product: Product, stage: Stage) -> None:
        self.product = product
        found = [Market(each, product, stage) for each in stage.instruments.values() if each.kind == product.kind]
        self._by_native = {market.native: market for market in found}
        self.by_symbol = {market.symbol: market for market in found}

    def __iter__(self) -> Iterator[Market]:
        return iter(self._by_native.values())

    def get(self, native: str) -> Market | None:
        return self._by_native.get(native)

    def find(self, native: str) -> Market:
        """Raises `Refusal`."""
        if not _LEGAL.match(native):
            raise malformed("symbol", LEGAL)
        found = self._by_native.get(native)
        if found is None:
            raise bad_symbol()
        return found

    def of(self, params: Params) -> Market:
        """The market that `symbol` names, which must be there."""
        return self.find(params.need("symbol"))

    def maybe(self, params: Params) -> Market | None:
        return self.of(params) if params.sent("symbol") else None
