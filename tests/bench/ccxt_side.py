"""ccxt's share of `bench_request`: the same orders and the same frames, by the classes that its users call.

Runs under `.venv/clients`, where ccxt is. Reads ``{"calls": n, "rounds": n, "frames": {name: text}}`` from standard input and
prints ``{name: [best, median]}`` in microseconds. Nothing is sent.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import ccxt.pro as ccxt


def market(exchange: Any, native: str, symbol: str, settle: str, **more: Any) -> None:
    """Give an exchange one market, as `load_markets` would."""
    base, _, quote = symbol.partition(":")[0].partition("/")
    exchange.set_markets([
        exchange.safe_market_structure({
            "id": native, "lowercaseId": native.lower(), "symbol": symbol, "base": base, "quote": quote, "settle": settle,
            "baseId": base, "quoteId": quote, "settleId": settle, "type": "swap", "spot": False, "swap": True, "future": False,
            "contract": True, "linear": True, "inverse": False, "contractSize": 1.0, "active": True,
            "precision": {"price": 0.1, "amount": 0.001}, "limits": {}, "info": {"orderTypes": ["LIMIT", "MARKET"]}, **more,
        })
    ])  # fmt: skip


def exchanges(seed: str) -> tuple[Any, Any, Any]:
    binance = ccxt.binanceusdm({"apiKey": "key", "secret": "secret"})
    market(binance, "BTCUSDT", "BTC/USDT:USDT", "USDT")
    okx = ccxt.okx({"apiKey": "key", "secret": "22582BD0CFF14C41EDBF1AB98506286D", "password": "phrase"})
    market(okx, "BTC-USDT-SWAP", "BTC/USDT:USDT", "USDT", contractSize=0.01)
    backpack = ccxt.backpack({"apiKey": "key", "secret": seed})
    market(backpack, "SOL_USDC_PERP", "SOL/USDC:USDC", "USDC")
    return binance, okx, backpack


def orders(binance: Any, okx: Any, backpack: Any) -> dict[str, Callable[[], object]]:
    def request(exchange: Any, symbol: str, size: float, price: float) -> Any:
        params = {"postOnly": True, "clientOrderId": "ctos0000001000000001"}
        if exchange is backpack:
            params["clientOrderId"] = 1234567
        return exchange.create_order_request(symbol, "limit", "buy", size, price, params)

    def binance_rest() -> object:
        return binance.sign("order", "fapiPrivate", "POST", request(binance, "BTC/USDT:USDT", 0.01, 60000.1))

    def binance_socket() -> object:
        params = binance.sign_params(request(binance, "BTC/USDT:USDT", 0.01, 60000.1))
        return json.dumps({"id": "1", "method": "order.place", "params": params})

    def okx_rest() -> object:
        return okx.sign("trade/order", "private", "POST", request(okx, "BTC/USDT:USDT", 50, 60000.1))

    def okx_socket() -> object:
        return json.dumps({"id": "1", "op": "order", "args": [request(okx, "BTC/USDT:USDT", 50, 60000.1)]})

    def backpack_rest() -> object:
        return backpack.sign("api/v1/order", "private", "POST", request(backpack, "SOL/USDC:USDC", 1.5, 98.5))

    return {
        "binance place, REST": binance_rest,
        "binance place, WebSocket": binance_socket,
        "okx place, REST": okx_rest,
        "okx place, WebSocket": okx_socket,
        "backpack place, REST": backpack_rest,
    }


def decoders(binance: Any, okx: Any, backpack: Any, frames: dict[str, str]) -> dict[str, Callable[[], object]]:
    def levels(exchange: Any, bids: Any, asks: Any) -> None:
        book = exchange.order_book()
        exchange.handle_deltas(book["bids"], bids)
        exchange.handle_deltas(book["asks"], asks)

    def data(name: str) -> Any:
        return json.loads(frames[name])["data"]

    def backpack_depth() -> None:
        depth, book = data("backpack depth"), backpack.order_book()
        backpack.handle_bid_asks(book["bids"], depth["b"])
        backpack.handle_bid_asks(book["asks"], depth["a"])

    def binance_depth() -> None:
        depth = data("binance depth")
        levels(binance, depth["b"], depth["a"])

    def okx_depth() -> None:
        depth = data("okx depth")[0]
        levels(okx, depth["bids"], depth["asks"])

    swap = okx.markets["BTC/USDT:USDT"]

    def okx_quote() -> object:
        message = json.loads(frames["okx quote"])
        row = {**message["data"][0], "instId": message["arg"]["instId"]}
        bid, ask = row["bids"][0], row["asks"][0]
        return okx.parse_ticker({**row, "bidPx": bid[0], "bidSz": bid[1], "askPx": ask[0], "askSz": ask[1]}, swap)

    return {
        "binance quote": lambda: binance.parse_ws_ticker(data("binance quote"), "swap"),
        "binance trade": lambda: binance.parse_ws_trade(data("binance trade")),
        "binance depth": binance_depth,
        "okx quote": okx_quote,
        "okx trade": lambda: okx.parse_trade(data("okx trade")[0], swap),
        "okx depth": okx_depth,
        "backpack quote": lambda: backpack.parse_ws_bid_ask(data("backpack quote")),
        "backpack trade": lambda: backpack.parse_ws_trade(data("backpack trade")),
        "backpack depth": backpack_depth,
    }


def measure(call: Callable[[], object], calls: int, rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        taken.append((time.perf_counter() - start) / calls * 1e6)
    return [min(taken), statistics.median(taken)]


def main() -> None:
    asked = json.load(sys.stdin)
    three = exchanges(asked["seed"])
    found: dict[str, list[float] | str] = {}
    for name, call in {**orders(*three), **decoders(*three, asked["frames"])}.items():
        try:
            found[name] = measure(call, asked["calls"], asked["rounds"])
        except Exception as error:
            found[name] = repr(error)[:200]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
