"""What each product refuses of a price and a size before it looks at the book (sheet B1, C1 and D)."""

from __future__ import annotations

from decimal import Decimal

from drivers.binance.emulator.formats import places, plain
from drivers.binance.emulator.markets import Market
from drivers.binance.emulator.refusals import Refusal


def digits(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def futures_size(market: Market, size: Decimal, *, is_market: bool) -> None:
    instrument = market.instrument
    if digits(size) > places(instrument.lot) + 1:
        raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
    if size <= 0:
        raise Refusal(-4003, "Quantity less than or equal to zero.")
    if size < instrument.min_size:
        raise Refusal(-4004, f"Quantity less than min quantity {plain(instrument.min_size)}.")
    if size > (market.max_market_size if is_market else market.max_size):
        raise Refusal(-4005, "Quantity greater than max quantity.")
    if not instrument.on_lot(size):
        raise Refusal(-4023, "Quantity not increased by step size.")


def futures_price(market: Market, price: Decimal) -> None:
    instrument = market.instrument
    if digits(price) > places(instrument.tick) + 1:
        raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
    if price <= 0:
        raise Refusal(-4001, "Price less than or equal to zero.")
    if price > market.max_price:
        raise Refusal(-4002, f"Price greater than max price {plain(market.max_price)}.")
    if price < instrument.tick:
        raise Refusal(-4013, f"Price less than min price {plain(instrument.tick)}.")
    if not instrument.on_tick(price):
        raise Refusal(-4014, "Price not increased by tick size.")


def futures_notional(market: Market, size: Decimal, price: Decimal | None, *, reduce_only: bool) -> None:
    least = market.instrument.min_notional
    if not reduce_only and size * (price if price is not None else market.mark()) < least:
        message = f"Order's notional must be no smaller than {plain(least)} (unless you choose reduce only)."
        raise Refusal(-4164, message)


def spot_size(market: Market, size: Decimal, *, is_market: bool) -> None:
    instrument = market.instrument
    if digits(size) > 8:
        raise Refusal(-1111, "Parameter 'quantity' has too much precision.")
    if size <= 0:
        raise Refusal(-1013, "Invalid quantity.")
    if size < instrument.min_size or size > market.max_size or not instrument.on_lot(size):
        raise Refusal(-1013, "Filter failure: LOT_SIZE")
    if is_market and size > market.max_market_size:
        raise Refusal(-1013, "Filter failure: MARKET_LOT_SIZE")


def spot_price(market: Market, price: Decimal) -> None:
    if digits(price) > 8:
        raise Refusal(-1111, "Parameter 'price' has too much precision.")
    if price <= 0:
        raise Refusal(-1013, "Invalid price.")
    if price > market.max_price or not market.instrument.on_tick(price):
        raise Refusal(-1013, "Filter failure: PRICE_FILTER")


def spot_notional(market: Market, size: Decimal, price: Decimal | None) -> None:
    worth = size * (price if price is not None else market.mark())
    if worth < market.instrument.min_notional:
        raise Refusal(-1013, "Filter failure: NOTIONAL")
