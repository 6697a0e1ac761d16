"""The markets of the venue: its symbols, filters and the answers of GET /markets, over the stage's instruments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ctosd.abi import Instrument
from ctosd.abi.instruments import split_symbol
from drivers.backpack.emulator.formats import places, plain
from drivers.backpack.emulator.refusals import Refusal
from drivers.paper.config import InstrumentConfig, MarketConfig, PaperConfig, SymbolConfig

QUOTE = "USDC"
SYMBOLS = ("SOL/USDC:USDC", "BTC/USDC:USDC", "ETH/USDC:USDC", "SOL/USDC", "BTC/USDC")
SEED = 7
BALANCES = {QUOTE: Decimal(10_000), "SOL": Decimal(20)}
LEVERAGE = Decimal(10)
CREATED = "2025-01-21T06:34:54.691858"


def settings_of(given: PaperConfig | None) -> PaperConfig:
    """The settings with what this venue needs: symbols in USDC, money in USDC, no minimum worth, its self-trade rule.

    A recorded market keeps the symbols of its recordings.
    """
    own = given or PaperConfig(market=MarketConfig(seed=SEED), leverage=LEVERAGE)
    market = own.market
    if market.kind == "synthetic":
        symbols = {symbol: each for symbol, each in market.symbols.items() if split_symbol(symbol)[1] == QUOTE}
        market = replace(market, symbols=symbols or {symbol: SymbolConfig() for symbol in SYMBOLS})
    known = {*market.symbols, *own.instruments}
    instruments = {symbol: _free(own.instruments.get(symbol)) for symbol in sorted(known)}
    balances = own.balances if QUOTE in own.balances else BALANCES
    return replace(own, market=market, instruments=instruments, balances=balances, self_trade="cancel_taker")


def _free(own: InstrumentConfig | None) -> InstrumentConfig:
    """Backpack has no minimum worth (sheet section 3)."""
    own = own or InstrumentConfig()
    return own if own.min_notional is not None else replace(own, min_notional=Decimal(0))


def native(symbol: str) -> str:
    """The venue's spelling.

    >>> native("SOL/USDC"), native("SOL/USDC:USDC")
    ('SOL_USDC', 'SOL_USDC_PERP')
    """
    base, quote, settle = split_symbol(symbol)
    return f"{base}_{quote}" + ("_PERP" if settle else "")


class Market:
    """One market: an instrument under the venue's name, with ready formats for its prices and sizes."""

    def __init__(self, instrument: Instrument, band: Decimal | None, funding_ms: int) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.name = native(instrument.symbol)
        self.is_perp = instrument.kind == "perp"
        self.kind = "PERP" if self.is_perp else "SPOT"
        self._band = band
        self._funding_ms = funding_ms
        self._price = f".{places(instrument.tick)}f"
        self._size = f".{places(instrument.lot)}f"

    def price(self, value: float | Decimal) -> str:
        """A price of the book, with all of the tick's places."""
        return format(value, self._price)

    def size(self, value: float | Decimal) -> str:
        return format(value, self._size)

    def margin(self, base: Decimal) -> dict[str, str]:
        return {"type": "sqrt", "base": plain(base), "factor": "0"}

    @property
    def imf(self) -> Decimal:
        return (1 / self.instrument.max_leverage).quantize(Decimal("0.000001"))

    def _filters(self) -> dict[str, Any]:
        instrument, band = self.instrument, self._band
        bounds = (plain(1 + band), plain(1 - band)) if band is not None else (None, None)
        mean = {"maxMultiplier": bounds[0], "minMultiplier": bounds[1]} if self.is_perp and band is not None else None
        price = {
            "minPrice": plain(instrument.tick),
            "maxPrice": None,
            "tickSize": plain(instrument.tick),
            "maxMultiplier": bounds[0],
            "minMultiplier": bounds[1],
            "maxImpactMultiplier": bounds[0],
            "minImpactMultiplier": bounds[1],
            "meanMarkPriceBand": mean,
            "meanPremiumBand": {"tolerancePct": "0.05"} if self.is_perp else None,
            "discoveryBoundBand": None,
            "borrowEntryFeeMaxMultiplier": None,
            "borrowEntryFeeMinMultiplier": None,
        }
        largest = instrument.max_size
        quantity = {
            "minQuantity": plain(instrument.min_size),
            "maxQuantity": plain(largest) if largest is not None else None,
            "stepSize": plain(instrument.lot),
        }
        return {"price": price, "quantity": quantity}

    def described(self) -> dict[str, Any]:
        """The market as GET /market has it."""
        perp = self.is_perp
        return {
            "symbol": self.name,
            "baseSymbol": self.instrument.base,
            "quoteSymbol": self.instrument.quote,
            "marketType": self.kind,
            "rwaMarketType": None,
            "filters": self._filters(),
            "imfFunction": self.margin(self.imf) if perp else None,
            "mmfFunction": self.margin(self.instrument.maintenance_margin) if perp else None,
            "fundingInterval": self._funding_ms if perp else None,
            "fundingRateUpperBound": "75" if perp else None,
            "fundingRateLowerBound": "-75" if perp else None,
            "openInterestLimit": "1000000" if perp else "0",
            "orderBookState": "Open",
            "positionLimitWeight": None,
            "visible": True,
            "createdAt": CREATED,
        }


class Markets:
    """All markets, by the venue's names and by ours."""

    def __init__(self, instruments: Mapping[str, Instrument], config: PaperConfig) -> None:
        interval_ms = int(config.funding.interval_h * 3_600_000)
        wanted = config.market.symbols if config.market.kind == "synthetic" else instruments
        self.all = [Market(instruments[symbol], config.price_band, interval_ms) for symbol in wanted]
        self._named = {market.name: market for market in self.all}
        self._of = {market.symbol: market for market in self.all}

    def named(self, name: str) -> Market:
        """Raises `Refusal` for a market that does not exist."""
        try:
            return self._named[name]
        except KeyError:
            raise Refusal("INVALID_MARKET", "Invalid market") from None

    def find(self, name: str) -> Market | None:
        return self._named.get(name)

    def of(self, symbol: str) -> Market:
        return self._of[symbol]

    def lists(self, symbol: str) -> bool:
        return symbol in self._of

    def assets(self) -> list[str]:
        """Every coin, the quote first."""
        return list(dict.fromkeys((QUOTE, *(market.instrument.base for market in self.all))))

    def perps(self) -> Iterable[Market]:
        return (market for market in self.all if market.is_perp)
