"""Instruments: what can be traded, on which grid of prices and sizes."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal

import msgspec

from ctosd.abi.errors import CallerMistake

Kind = Literal["spot", "perp"]
Side = Literal["buy", "sell"]

ZERO = Decimal(0)


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable thing of one venue. Sizes are in base units; the driver converts contracts.

    Ratios (fees, margins) are fractions: 0.0005 is 5 basis points.
    """

    venue: str
    symbol: str  # unified: BTC/USDT (spot) or BTC/USDT:USDT (linear perpetual)
    native: str  # the venue's own spelling; never leaves the driver's folder except for reading input
    kind: Kind
    base: str
    quote: str
    settle: str
    tick: Decimal
    lot: Decimal
    min_size: Decimal
    min_notional: Decimal = ZERO
    max_size: Decimal | None = None
    max_market_size: Decimal | None = None
    maker_fee: Decimal = ZERO
    taker_fee: Decimal = ZERO
    max_leverage: Decimal = Decimal(1)
    maintenance_margin: Decimal = ZERO
    contract_size: Decimal = Decimal(1)  # base units per contract, for display

    def round_price(self, price: Decimal, side: Side) -> Decimal:
        """Nearest price on the tick grid in the passive direction: a buy rounds down, a sell up."""
        rounding = ROUND_FLOOR if side == "buy" else ROUND_CEILING
        return (price / self.tick).to_integral_value(rounding) * self.tick

    def floor_size(self, size: Decimal) -> Decimal:
        """Largest multiple of the lot that is not above `size`. Nothing is ever rounded up."""
        return (size / self.lot).to_integral_value(ROUND_FLOOR) * self.lot

    def on_tick(self, price: Decimal) -> bool:
        return price % self.tick == 0

    def on_lot(self, size: Decimal) -> bool:
        return size % self.lot == 0


def normalise_symbol(text: str) -> str:
    """The unified spelling of `text`: `-` may stand for `/`, so that symbols fit in paths and shells.

    >>> normalise_symbol("btc-usdt:usdt")
    'BTC/USDT:USDT'
    """
    symbol = text.strip().upper()
    if "/" not in symbol:
        symbol = symbol.replace("-", "/", 1)
    return symbol


def path_symbol(symbol: str) -> str:
    """The spelling of a unified symbol that fits in a path."""
    return symbol.replace("/", "-")


def split_symbol(symbol: str) -> tuple[str, str, str]:
    """`(base, quote, settle)` of a unified symbol; `settle` is empty for spot.

    Raises:
        CallerMistake: the text is not `BASE/QUOTE` or `BASE/QUOTE:SETTLE`.
    """
    pair, _, settle = normalise_symbol(symbol).partition(":")
    base, slash, quote = pair.partition("/")
    if not (base and slash and quote):
        raise CallerMistake(
            f"{symbol!r} is not a symbol: write BASE/QUOTE for spot or BASE/QUOTE:SETTLE for a perpetual"
        )
    return base, quote, settle


def exact(value: float) -> Decimal:
    """The decimal that a venue wrote and a float carries.

    `repr` gives the shortest digits that read back as the same float, and a venue's price or size has fewer than
    fifteen, so this returns the venue's own digits.
    """
    return Decimal(repr(value))
