"""ccxt against the emulator: run by the environment of clients as ``python client_ccxt.py http://127.0.0.1:PORT``.

Prints what it did as JSON; whatever is wrong raises.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import ccxt


def exchange(base: str) -> Any:
    found = ccxt.binance(
        {
            "apiKey": "emulator",
            "secret": "emulator",
            "options": {
                "defaultType": "swap",
                "fetchMarkets": {"types": ["spot", "linear"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
            },
        }
    )
    for name, url in list(found.urls["api"].items()):
        if isinstance(url, str):  # every one: nothing may leave this machine
            found.urls["api"][name] = base + url[url.index("/", 8) :]
    found.load_time_difference()
    return found


def trade(it: Any, symbol: str, size: float) -> dict[str, Any]:
    """Place, look, change, cancel, fill, and look again."""
    it.load_markets()
    book = it.fetch_order_book(symbol, 100)
    assert book["bids"][0][0] < book["asks"][0][0]
    ticker = it.fetch_ticker(symbol)
    bars = it.fetch_ohlcv(symbol, "1m", limit=10)
    assert len(bars) == 10
    price = float(it.price_to_precision(symbol, book["bids"][0][0] * 0.98))
    order = it.create_order(symbol, "limit", "buy", size, price, {"clientOrderId": "ccxt-1"})
    assert order["clientOrderId"] == "ccxt-1"
    seen = it.fetch_order(order["id"], symbol)
    assert (seen["status"], seen["amount"], seen["price"]) == ("open", size, price)
    lower = float(it.price_to_precision(symbol, price * 0.99))
    changed = it.edit_order(order["id"], symbol, "limit", "buy", size, lower)
    opened = it.fetch_open_orders(symbol)
    assert [(each["id"], each["price"]) for each in opened] == [(changed["id"], lower)]
    it.cancel_order(changed["id"], symbol)
    assert it.fetch_open_orders(symbol) == []
    filled = it.create_order(symbol, "market", "buy", size)
    done = it.fetch_order(filled["id"], symbol)
    assert (done["status"], done["filled"]) == ("closed", size)
    fills = it.fetch_my_trades(symbol)
    assert sum(each["amount"] for each in fills) == size
    refused = post_only(it, symbol, size, book["asks"][0][0] * 1.02)
    orders = it.fetch_orders(symbol)
    return {
        "last": ticker["last"],
        "states": [each["status"] for each in orders],
        "fee": fills[0]["fee"]["cost"],
        "refused": refused,
        "usdt": it.fetch_balance()["USDT"]["total"],
    }


def post_only(it: Any, symbol: str, size: float, price: float) -> str:
    try:
        it.create_order(symbol, "limit", "buy", size, float(it.price_to_precision(symbol, price)), {"postOnly": True})
    except ccxt.BaseError as error:
        return type(error).__name__
    return "accepted"


def perpetual(it: Any, symbol: str) -> dict[str, Any]:
    """What only futures have."""
    position = it.fetch_positions([symbol])[0]
    it.set_leverage(7, symbol)
    batch = it.create_orders(
        [
            {"symbol": symbol, "type": "limit", "side": "buy", "amount": 0.01, "price": 58_000},
            {"symbol": symbol, "type": "limit", "side": "buy", "amount": 0.01, "price": 57_900},
        ]
    )
    it.cancel_orders([each["id"] for each in batch], symbol)
    it.create_order(symbol, "market", "sell", position["contracts"], None, {"reduceOnly": True})
    return {
        "contracts": position["contracts"],
        "batch": len(batch),
        "funding": it.fetch_funding_rate(symbol)["fundingRate"],
        "leverage": it.fetch_leverage(symbol)["longLeverage"],
        "trades": len(it.fetch_trades(symbol)),
        "left": it.fetch_positions([symbol]),
    }


def main() -> None:
    it = exchange(sys.argv[1])
    futures = trade(it, "BTC/USDT:USDT", 0.01)
    more = perpetual(it, "BTC/USDT:USDT")
    it.options["defaultType"] = "spot"
    print(json.dumps({"futures": futures, "perpetual": more, "spot": trade(it, "BTC/USDT", 0.01)}))


if __name__ == "__main__":
    main()
