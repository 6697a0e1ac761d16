"""The paper venue's listing: instruments as large venues have them, and a reasonable one for any other symbol.

Ticks, lots and minimums are of the size that Binance and OKX publish; `derive` makes a grid from a price for a symbol that
is not listed, and `fit` widens a grid that recorded prices do not lie on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ctosd.abi import Instrument, split_symbol
from drivers.paper.config import FeesConfig, InstrumentConfig

DIGITS = 10
"""Decimals to which recorded prices are read: float noise such as 7.6560000000000015 lies beyond."""


class Coin(NamedTuple):
    """What is known of one coin: `price` is a starting price of a synthetic market, in USDT."""

    price: float
    volatility: float  # a year's
    beta: float
    spread_bps: float
    depth_quote: float  # worth of one book level
    perp_tick: str
    perp_lot: str
    spot_tick: str
    spot_lot: str
    leverage: int
    maintenance: str


COINS: dict[str, Coin] = {
    "BTC": Coin(60_000, 0.55, 1.0, 0.02, 120_000, "0.1", "0.001", "0.01", "0.00001", 125, "0.004"),
    "ETH": Coin(3_000, 0.70, 1.1, 0.05, 80_000, "0.01", "0.001", "0.01", "0.0001", 100, "0.005"),
    "SOL": Coin(150, 0.95, 1.3, 0.8, 40_000, "0.01", "0.01", "0.01", "0.001", 75, "0.01"),
    "BNB": Coin(550, 0.65, 0.9, 0.4, 30_000, "0.01", "0.01", "0.01", "0.001", 75, "0.01"),
    "XRP": Coin(0.55, 0.85, 1.0, 1.5, 30_000, "0.0001", "0.1", "0.0001", "0.1", 75, "0.01"),
    "DOGE": Coin(0.12, 1.00, 1.2, 1.5, 25_000, "0.00001", "1", "0.00001", "1", 75, "0.01"),
    "ADA": Coin(0.45, 0.90, 1.1, 2.0, 20_000, "0.0001", "1", "0.0001", "0.1", 75, "0.01"),
    "AVAX": Coin(30, 1.00, 1.2, 2.0, 15_000, "0.001", "1", "0.01", "0.01", 50, "0.015"),
    "LINK": Coin(14, 0.95, 1.1, 2.0, 15_000, "0.001", "0.01", "0.01", "0.01", 50, "0.015"),
    "DOT": Coin(6, 0.90, 1.1, 2.0, 12_000, "0.001", "0.1", "0.001", "0.01", 50, "0.015"),
    "TRX": Coin(0.13, 0.60, 0.6, 1.5, 15_000, "0.00001", "1", "0.0001", "0.1", 50, "0.015"),
    "LTC": Coin(75, 0.80, 1.0, 1.5, 15_000, "0.01", "0.001", "0.01", "0.001", 75, "0.01"),
    "BCH": Coin(400, 0.90, 1.0, 2.0, 12_000, "0.01", "0.001", "0.1", "0.001", 50, "0.015"),
    "ETC": Coin(22, 0.95, 1.1, 2.0, 10_000, "0.001", "0.01", "0.01", "0.01", 50, "0.015"),
    "EOS": Coin(0.6, 1.00, 1.1, 3.0, 8_000, "0.001", "0.1", "0.0001", "0.1", 50, "0.015"),
    "SUI": Coin(1.5, 1.20, 1.3, 2.0, 12_000, "0.0001", "0.1", "0.0001", "0.1", 50, "0.015"),
    "PEPE": Coin(0.00001, 1.40, 1.3, 4.0, 10_000, "0.00000001", "100", "0.00000001", "1", 50, "0.015"),
}
UNLISTED = Coin(10.0, 1.0, 1.0, 3.0, 8_000, "", "", "", "", 25, "0.02")
MIN_NOTIONAL = Decimal(5)
FEES = {
    "perp": FeesConfig(maker=Decimal("0.0002"), taker=Decimal("0.0005")),
    "spot": FeesConfig(maker=Decimal("0.0008"), taker=Decimal("0.001")),
}


def symbols() -> list[str]:
    """Every listed symbol: a perpetual and a spot pair of each coin."""
    return [f"{coin}/USDT{settle}" for settle in (":USDT", "") for coin in COINS]


def coin(symbol: str) -> Coin:
    """What is known of the symbol's base, or of none."""
    return COINS.get(split_symbol(symbol)[0], UNLISTED)


def instrument(venue: str, symbol: str, price: float | None = None) -> Instrument:
    """The listed instrument, else one derived from `price`, the size of one unit in quote money."""
    base, quote, settle = split_symbol(symbol)
    known = COINS.get(base)
    if known is None or quote not in ("USDT", "USDC", "USD") or _far(known.price, price):
        tick, lot = derive(price or coin(symbol).price)
    elif settle:
        tick, lot = Decimal(known.perp_tick), Decimal(known.perp_lot)
    else:
        tick, lot = Decimal(known.spot_tick), Decimal(known.spot_lot)
    known = known or UNLISTED
    fees = FEES["perp" if settle else "spot"]
    return Instrument(
        venue=venue,
        symbol=symbol,
        native=f"{base}{quote}" + ("-PERP" if settle else ""),
        kind="perp" if settle else "spot",
        base=base,
        quote=quote,
        settle=settle or quote,
        tick=tick,
        lot=lot,
        min_size=lot,
        min_notional=MIN_NOTIONAL,
        maker_fee=fees.maker,
        taker_fee=fees.taker,
        max_leverage=Decimal(known.leverage) if settle else Decimal(1),
        maintenance_margin=Decimal(known.maintenance) if settle else Decimal(0),
    )


def derive(price: float) -> tuple[Decimal, Decimal]:
    """`(tick, lot)` for a price: five digits of price, a lot worth about one unit of quote money.

    >>> derive(1.2345)
    (Decimal('0.0001'), Decimal('1'))
    """
    size = math.floor(math.log10(price))
    return power(size - 4), power(-size)


def power(exponent: int) -> Decimal:
    """Ten to the power of `exponent`, in plain digits: a grid is printed as `100`, never as `1E+2`."""
    return Decimal(10**exponent) if exponent >= 0 else Decimal(1).scaleb(exponent)


def fit(found: Instrument, prices: Iterable[float]) -> Instrument:
    """The instrument with a tick on which all of the recorded prices lie; its own when they do."""
    seen = [price for price in prices if price > 0]
    if not seen or _lie_on(float(found.tick), seen):
        return found
    decimals = next((n for n in range(DIGITS + 1) if _lie_on(10.0**-n, seen)), DIGITS)
    return msgspec.structs.replace(found, tick=power(-decimals))


def override(found: Instrument, own: InstrumentConfig | None, fees: FeesConfig | None) -> Instrument:
    """The instrument with what the configuration says of it; the venue's `fees` lose against its own."""
    changes: dict[str, Decimal] = {"maker_fee": fees.maker, "taker_fee": fees.taker} if fees is not None else {}
    for each in fields(own) if own is not None else ():
        value = getattr(own, each.name)
        if value is not None:
            changes[each.name] = value
    if "lot" in changes and "min_size" not in changes:
        changes["min_size"] = max(found.min_size, changes["lot"])
    return msgspec.structs.replace(found, **changes) if changes else found


def _far(usual: float, price: float | None) -> bool:
    """Whether a price is another thing's: a listed grid fits up to a factor of thirty."""
    return price is not None and not (usual / 30 < price < usual * 30)


def _lie_on(tick: float, prices: list[float]) -> bool:
    return all(abs(price / tick - round(price / tick)) < max(1e-6, 10.0**-DIGITS / tick) for price in prices)
