"""ccxt.pro against the emulator: books, trades, candles and own orders by stream, orders over the WebSocket API."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import ccxt.pro


def exchange(base: str) -> Any:
    found = ccxt.pro.binance(
        {
            "apiKey": "emulator",
            "secret": "emulator",
            "enableRateLimit": False,  # its pauses are long; the emulator counts what is used
            "options": {
                "defaultType": "swap",
                "fetchMarkets": {"types": ["spot", "linear"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
            },
        }
    )
    where = base.removeprefix("http://")
    for name, url in list(found.urls["api"].items()):
        if isinstance(url, str):  # every one: nothing may leave this machine
            found.urls["api"][name] = base + url[url.index("/", 8) :]
    # ccxt takes an address for one of spot when it contains "/stream", as the venue's own host name does.
    found.urls["api"]["ws"] = {
        "spot": f"ws://stream@{where}/ws",
        "future": f"ws://{where}/ws",
        "ws-api": {"spot": f"ws://{where}/ws-api/v3", "future": f"ws://{where}/ws-fapi/v1"},
    }
    return found


async def book(it: Any, symbol: str) -> Any:
    """A book that is kept for some updates."""
    found = await it.watch_order_book(symbol)
    for _ in range(5):
        found = await it.watch_order_book(symbol)
        assert found["bids"][0][0] < found["asks"][0][0]
    return found


async def orders(it: Any, symbol: str, size: float) -> list[str]:
    """The life of two orders over the WebSocket API, as the stream tells it."""
    shown = await it.fetch_order_book(symbol, 1000)
    price = float(it.price_to_precision(symbol, shown["bids"][0][0] * 0.98))
    watching = asyncio.ensure_future(states(it, symbol))
    await asyncio.sleep(1.0)
    order = await it.create_order_ws(symbol, "limit", "buy", size, price)
    await asyncio.sleep(0.2)
    await it.cancel_order_ws(order["id"], symbol)
    await asyncio.sleep(0.2)
    await it.create_order_ws(symbol, "market", "buy", size)
    return await asyncio.wait_for(watching, 10)


async def watch(it: Any, symbol: str, size: float) -> dict[str, Any]:
    """Everything at once."""
    kept, ticker, trades, bars, seen = await asyncio.gather(
        book(it, symbol),
        it.watch_ticker(symbol),
        it.watch_trades(symbol),
        it.watch_ohlcv(symbol, "1m"),
        orders(it, symbol, size),
    )
    return {
        "nonce": kept["nonce"],
        "levels": len(kept["bids"]),
        "last": ticker["last"],
        "trades": len(trades),
        "bars": len(bars),
        "states": seen,
    }


async def states(it: Any, symbol: str) -> list[str]:
    """States of orders, in order, until one is closed."""
    seen: list[str] = []
    while "closed" not in seen:
        seen += [order["status"] for order in await it.watch_orders(symbol)]
    return seen


async def main() -> None:
    it = exchange(sys.argv[1])
    try:
        await it.load_markets()
        found = {"futures": await watch(it, "BTC/USDT:USDT", 0.01)}
        it.options["defaultType"] = "spot"
        found["spot"] = await watch(it, "BTC/USDT", 0.01)
        print(json.dumps(found))
    finally:
        await it.close()


if __name__ == "__main__":
    asyncio.run(main())
