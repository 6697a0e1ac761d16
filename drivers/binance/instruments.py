"""exchangeInfo as instruments. A row that cannot be read is left out and counted, never guessed. (Sheet B1 and C1.)

Sizes are in base coin in both products. Digits come from the filters: `pricePrecision` and `quantityPrecision` are for
display. Dated futures are left out: they have no unified symbol here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, DecimalException
from typing import Any

from msgspec.structs import replace

from ctosd.abi import Instrument
from drivers.binance.config import ProductName
from drivers.binance.requests import text

ZERO = Decimal(0)
FEES: Mapping[ProductName, tuple[Decimal, Decimal]] = {
    "usdm": (Decimal("0.0002"), Decimal("0.0005")),
    "spot": (Decimal("0.001"), Decimal("0.001")),
}
"""Maker and taker fee of an account without any discount; the account's own replace them once they were asked for."""
PERPETUAL = ("PERPETUAL", "TRADIFI_PERPETUAL")


def read(product: ProductName, venue: str, info: Mapping[str, Any]) -> tuple[list[Instrument], list[str]]:
    """The instruments that can be traded, and the names of rows that could not be read."""
    found: list[Instrument] = []
    unread: list[str] = []
    for row in info.get("symbols", ()):
        try:
            instrument = _usdm(venue, row) if product == "usdm" else _spot(venue, row)
        except (KeyError, TypeError, ValueError, DecimalException):
            unread.append(str(row.get("symbol")) if isinstance(row, dict) else repr(row)[:40])
            continue
        if instrument is not None:
            found.append(instrument)
    return found, unread


def _usdm(venue: str, row: Mapping[str, Any]) -> Instrument | None:
    if row["contractType"] not in PERPETUAL or row["status"] != "TRADING":
        return None
    filters = _filters(row)
    base, quote, settle = row["baseAsset"], row["quoteAsset"], row["marginAsset"]
    return Instrument(
        venue=venue, symbol=f"{base}/{quote}:{settle}", native=row["symbol"], kind="perp", base=base, quote=quote,
        settle=settle, min_notional=Decimal(filters.get("MIN_NOTIONAL", {}).get("notional", "0")),
        maker_fee=FEES["usdm"][0], taker_fee=FEES["usdm"][1], **_grid(filters),
    )  # fmt: skip


def _spot(venue: str, row: Mapping[str, Any]) -> Instrument | None:
    if row["status"] != "TRADING" or row.get("isSpotTradingAllowed") is False:
        return None
    filters = _filters(row)
    base, quote = row["baseAsset"], row["quoteAsset"]
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    return Instrument(
        venue=venue, symbol=f"{base}/{quote}", native=row["symbol"], kind="spot", base=base, quote=quote, settle=quote,
        min_notional=Decimal(notional.get("minNotional", "0")), maker_fee=FEES["spot"][0], taker_fee=FEES["spot"][1],
        **_grid(filters),
    )  # fmt: skip


def _filters(row: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {each["filterType"]: each for each in row["filters"]}


def _grid(filters: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Tick, lot and sizes. A zero switches a rule off; a market order must meet its own lot rule too."""
    lot, market = filters["LOT_SIZE"], filters.get("MARKET_LOT_SIZE", {})
    tick = _positive(filters["PRICE_FILTER"]["tickSize"])
    step = _positive(lot["stepSize"])
    largest, market_largest = Decimal(lot["maxQty"]), Decimal(market.get("maxQty", "0"))
    return {
        "tick": tick,
        "lot": step,
        "min_size": max(Decimal(lot["minQty"]), step),
        "max_size": largest or None,
        "max_market_size": (min(largest, market_largest) if largest else market_largest) or None
        if market_largest
        else None,
    }


def _positive(digits: str) -> Decimal:
    number = Decimal(text(Decimal(digits)))
    if not number > ZERO:
        raise ValueError(f"a grid of {digits}")
    return number


def with_brackets(instruments: Iterable[Instrument], rows: Iterable[Any]) -> list[Instrument]:
    """The instruments with the highest leverage and the maintenance margin of their first bracket."""
    first: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if isinstance(row, dict) and row.get("brackets"):
            first[str(row.get("symbol"))] = row["brackets"][0]
    found = []
    for instrument in instruments:
        bracket = first.get(instrument.native)
        if bracket is not None and bracket.get("initialLeverage"):
            instrument = replace(
                instrument,
                max_leverage=Decimal(str(bracket["initialLeverage"])),
                maintenance_margin=Decimal(str(bracket.get("maintMarginRatio", "0"))),
            )
        found.append(instrument)
    return found
