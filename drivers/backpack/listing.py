"""Backpack's markets as instruments: what is listed, on which grid, and under which names.

Only SPOT and PERP are taken; the venue lists other kinds (dated, prediction, RFQ) and adds new ones. Sizes are in base coins,
there is no contract value and no smallest worth. Symbols such as kPEPE are a thousand coins and stay as they are.
Sheet, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import CallerMistake, Instrument, Kind, normalise_symbol
from drivers.backpack.instants import MS

KINDS: Mapping[str, Kind] = {"SPOT": "spot", "PERP": "perp"}
BPS = Decimal(10_000)
HOUR_MS = 3_600_000


class _PriceFilter(msgspec.Struct, rename="camel"):
    tick_size: Decimal


class _QuantityFilter(msgspec.Struct, rename="camel"):
    min_quantity: Decimal
    step_size: Decimal
    max_quantity: Decimal | None = None


class _Filters(msgspec.Struct):
    price: _PriceFilter
    quantity: _QuantityFilter


class _Margin(msgspec.Struct):
    """The least margin, as a fraction of the worth; it grows with the root of the size."""

    base: Decimal


class _Row(msgspec.Struct, rename="camel"):
    symbol: str
    base_symbol: str
    quote_symbol: str
    market_type: str
    filters: _Filters
    visible: bool | None = True
    funding_interval: int | None = None
    imf_function: _Margin | None = None
    mmf_function: _Margin | None = None
    order_book_state: str = "Open"


class Fees(msgspec.Struct, frozen=True, rename="camel"):
    """Fees of an account in basis points; negative is a rebate."""

    spot_maker_fee: Decimal = Decimal(0)
    spot_taker_fee: Decimal = Decimal(0)
    futures_maker_fee: Decimal = Decimal(0)
    futures_taker_fee: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Market:
    """One market. `interval_ns` is that of its funding, 0 without."""

    instrument: Instrument
    native: str
    interval_ns: int
    state: str

    @property
    def symbol(self) -> str:
        return self.instrument.symbol


_read_rows = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_row = msgspec.json.Decoder(_Row, strict=False).decode


class Listing:
    """All markets of the venue, by our name and by its own."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.by_symbol: dict[str, Market] = {}
        self.by_native: dict[str, Market] = {}
        self.ignored = self.undecodable = 0

    def load(self, body: bytes, fees: Fees) -> None:
        """Take in the answer to GET markets. Raises `ValueError` when it is no list; single bad rows are counted."""
        self.ignored = self.undecodable = 0
        by_symbol: dict[str, Market] = {}
        by_native: dict[str, Market] = {}
        for market in self._markets(_read_rows(body), fees):
            by_symbol.setdefault(market.symbol, market)
            by_native[market.native] = market
        self.by_symbol, self.by_native = by_symbol, by_native

    def _markets(self, rows: list[msgspec.Raw], fees: Fees) -> Iterator[Market]:
        for raw in rows:
            try:
                row = _read_row(raw)
                kind = KINDS.get(row.market_type)
                if kind is None or row.visible is False:
                    self.ignored += 1
                    continue
                yield _market(self.venue, row, kind, fees)
            except (msgspec.MsgspecError, ValueError, ArithmeticError):
                self.undecodable += 1

    def market(self, symbol: str) -> Market:
        """Raises `CallerMistake` for a symbol that this venue does not have."""
        found = self.by_symbol.get(symbol) or self.by_symbol.get(normalise_symbol(symbol))
        if found is None:
            known = ", ".join(list(self.by_symbol)[:12])
            raise CallerMistake(f"{symbol!r} is not listed at {self.venue}; known: {known}")
        return found

    def statistics(self) -> Mapping[str, Any]:
        return {"markets": len(self.by_symbol), "ignored": self.ignored, "undecodable": self.undecodable}


def _market(venue: str, row: _Row, kind: Kind, fees: Fees) -> Market:
    pair = f"{row.base_symbol}/{row.quote_symbol}"
    perp = kind == "perp"
    quantity, tick = row.filters.quantity, row.filters.price.tick_size
    if tick <= 0 or quantity.step_size <= 0:
        raise ValueError(f"{row.symbol}: tick {tick}, step {quantity.step_size}")
    initial = row.imf_function.base if row.imf_function is not None else Decimal(1)
    instrument = Instrument(
        venue=venue,
        symbol=normalise_symbol(f"{pair}:{row.quote_symbol}" if perp else pair),
        native=row.symbol,
        kind=kind,
        base=row.base_symbol,
        quote=row.quote_symbol,
        settle=row.quote_symbol,
        tick=tick,
        lot=quantity.step_size,
        min_size=quantity.min_quantity,
        max_size=quantity.max_quantity,
        maker_fee=(fees.futures_maker_fee if perp else fees.spot_maker_fee) / BPS,
        taker_fee=(fees.futures_taker_fee if perp else fees.spot_taker_fee) / BPS,
        max_leverage=max(Decimal(1), (1 / initial).quantize(Decimal("0.01")).normalize())
        if perp and initial > 0
        else Decimal(1),
        maintenance_margin=row.mmf_function.base if perp and row.mmf_function is not None else Decimal(0),
    )
    interval_ns = (row.funding_interval or 8 * HOUR_MS) * MS if perp else 0
    return Market(instrument, row.symbol, interval_ns, row.order_book_state)
