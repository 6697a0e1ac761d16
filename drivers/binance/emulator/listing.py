"""exchangeInfo of both products: symbols, filters and limits (sheet B1 and C1)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from drivers.binance.emulator.formats import money, places, plain
from drivers.binance.emulator.markets import Market

ONBOARD_MS = 1_569_398_400_000
DELIVERY_MS = 4_133_404_800_000
FUTURES_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]
SPOT_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
STP_MODES = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER"]
MOST_ALGOS = 200
MOST_AMENDS = 10


def futures_info(markets: Iterable[Market], limits: list[dict[str, Any]], now_ms: int, rules: Rules) -> dict[str, Any]:
    found = list(markets)
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": limits,
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
            for asset in sorted({market.instrument.settle for market in found})
        ],
        "symbols": [_futures_symbol(market, rules) for market in found],
    }


def spot_info(markets: Iterable[Market], limits: list[dict[str, Any]], now_ms: int, rules: Rules) -> dict[str, Any]:
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": limits,
        "exchangeFilters": [],
        "symbols": [_spot_symbol(market, rules) for market in markets],
    }


class Rules:
    """What the matching engine refuses, as filters tell it."""

    def __init__(self, band: Decimal | None, most_orders: int) -> None:
        self.up = plain(1 + band) if band is not None else "5"
        self.down = plain(1 - band) if band is not None else "0.2"
        self.most_orders = most_orders


def _futures_symbol(market: Market, rules: Rules) -> dict[str, Any]:
    instrument = market.instrument
    return {
        "symbol": market.native,
        "pair": market.native,
        "contractType": "PERPETUAL",
        "deliveryDate": DELIVERY_MS,
        "onboardDate": ONBOARD_MS,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.settle,
        # One digit more than the grid has: who rounds by these is refused, as at the venue.
        "pricePrecision": places(instrument.tick) + 1,
        "quantityPrecision": places(instrument.lot) + 1,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "settlePlan": 0,
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": [
            *_grid(market),
            {"filterType": "MAX_NUM_ORDERS", "limit": rules.most_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": MOST_ALGOS},
            {"filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": rules.up,
                "multiplierDown": rules.down,
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": FUTURES_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _grid(market: Market) -> list[dict[str, Any]]:
    """Filters of price and size as numbers without zeros at the end, which futures write."""
    instrument = market.instrument
    size = {"stepSize": plain(instrument.lot), "minQty": plain(instrument.min_size)}
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": plain(instrument.tick),
            "maxPrice": plain(market.max_price),
            "tickSize": plain(instrument.tick),
        },
        {"filterType": "LOT_SIZE", **size, "maxQty": plain(market.max_size)},
        {"filterType": "MARKET_LOT_SIZE", **size, "maxQty": plain(market.max_market_size)},
    ]


def spot_filters(market: Market, rules: Rules) -> list[dict[str, Any]]:
    instrument = market.instrument
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": money(instrument.tick),
            "maxPrice": money(market.max_price),
            "tickSize": money(instrument.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": money(instrument.min_size),
            "maxQty": money(market.max_size),
            "stepSize": money(instrument.lot),
        },
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": money(Decimal(0)),
            "maxQty": money(market.max_market_size),
            "stepSize": money(Decimal(0)),
        },
        {
            "filterType": "TRAILING_DELTA",
            **dict.fromkeys(("minTrailingAboveDelta", "minTrailingBelowDelta"), 10),
            **dict.fromkeys(("maxTrailingAboveDelta", "maxTrailingBelowDelta"), 2000),
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": rules.up,
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": rules.down,
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": money(instrument.min_notional),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.most_orders},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": MOST_AMENDS},
    ]


def _spot_symbol(market: Market, rules: Rules) -> dict[str, Any]:
    return {
        "symbol": market.native,
        "status": "TRADING",
        "baseAsset": market.base,
        "baseAssetPrecision": 8,
        "quoteAsset": market.quote_asset,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": SPOT_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": spot_filters(market, rules),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": STP_MODES,
    }
