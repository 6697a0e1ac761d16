"""Run by `test_clients` in the clients' own environment: ccxt as it is installed, against the address it is given.

Arguments: REST address, WebSocket address, key, secret, passphrase. Prints what it saw as JSON.
"""

import json
import sys
import time

import ccxt

rest, _, key, secret, passphrase = sys.argv[1:6]
venue = ccxt.okx({"apiKey": key, "secret": secret, "password": passphrase})
venue.set_sandbox_mode(True)
venue.urls["api"] = {**venue.urls["api"], "rest": rest}
SWAP, SPOT, ETH = "BTC/USDT:USDT", "BTC/USDT", "ETH/USDT:USDT"
seen: dict[str, object] = {}


def fails(call) -> str:
    try:
        call()
    except ccxt.BaseError as error:
        return type(error).__name__
    return ""


seen["status"] = venue.fetch_status()["status"]
seen["clock"] = abs(venue.fetch_time() - time.time() * 1000) < 5_000
markets = venue.load_markets()
seen["markets"] = [
    markets[SWAP]["contractSize"],
    markets[SWAP]["precision"]["amount"],
    markets[SPOT]["precision"]["price"],
]
book = venue.fetch_order_book(SWAP, 20)
bid, ask = book["bids"][0][0], book["asks"][0][0]
seen["book"] = [len(book["bids"]), bid < ask]
seen["ticker"] = bid * 0.99 < venue.fetch_ticker(SWAP)["last"] < ask * 1.01
seen["tickers"] = len(venue.fetch_tickers([SWAP, ETH]))
bars = venue.fetch_ohlcv(SWAP, "1m", limit=10)
seen["bars"] = [len(bars), bars == sorted(bars)]
seen["since"] = len(venue.fetch_ohlcv(SWAP, "1m", since=bars[0][0], limit=5))
seen["trades"] = len(venue.fetch_trades(SWAP, limit=5)) <= 5
seen["funding"] = abs(venue.fetch_funding_rate(SWAP)["fundingRate"]) < 0.01
seen["mark"] = bid * 0.99 < venue.fetch_mark_price(SWAP, {"instType": "SWAP"})["markPrice"] < ask * 1.01
seen["mark of no type"] = fails(lambda: venue.fetch_mark_price(SWAP))
seen["balance"] = venue.fetch_balance()["USDT"]
seen["fee"] = venue.fetch_trading_fee(SWAP)["taker"]

venue.set_leverage(10, SWAP, {"mgnMode": "cross"})
seen["leverage"] = venue.fetch_leverage(SWAP, {"marginMode": "cross"})["longLeverage"]
venue.set_position_mode(False)
price = venue.price_to_precision(SWAP, bid * 0.97)
order = venue.create_order(SWAP, "limit", "buy", 2, price, {"clientOrderId": "ccxt1", "postOnly": True})
seen["placed"] = order["clientOrderId"]
asked = venue.fetch_order(order["id"], SWAP)
seen["asked"] = [asked["status"], asked["amount"], asked["postOnly"]]
seen["open"] = [each["clientOrderId"] for each in venue.fetch_open_orders(SWAP)]
venue.edit_order(order["id"], SWAP, "limit", "buy", 3, venue.price_to_precision(SWAP, bid * 0.96))
edited = venue.fetch_order(order["id"], SWAP)
seen["edited"] = [edited["amount"], edited["price"] < asked["price"]]
seen["cancelled"] = venue.cancel_order(order["id"], SWAP)["id"] == order["id"]
seen["gone"] = fails(lambda: venue.cancel_order(order["id"], SWAP))
seen["unknown"] = fails(lambda: venue.fetch_order("1", SWAP))
seen["closed"] = venue.fetch_order(None, SWAP, {"clientOrderId": "ccxt1"})["status"]

crossing = venue.create_order(SWAP, "limit", "buy", 1, ask * 1.01, {"postOnly": True})
seen["crossing"] = venue.fetch_order(crossing["id"], SWAP)["status"]
seen["too far"] = fails(lambda: venue.create_order(SWAP, "limit", "buy", 1, bid * 1.5))
seen["too much"] = fails(lambda: venue.create_order(SWAP, "market", "buy", 10_000))
seen["off the grid"] = fails(lambda: venue.private_post_trade_order(
    {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "0.015"}))  # fmt: skip
taken = venue.create_order(SWAP, "market", "buy", 2, None, {"clientOrderId": "ccxt2"})
filled = venue.fetch_order(taken["id"], SWAP)
seen["taken"] = [
    filled["status"],
    filled["filled"],
    bid * 0.99 < filled["average"] < ask * 1.01,
    filled["fee"]["cost"] > 0,
]
spent = venue.create_market_buy_order_with_cost(SPOT, 100)
seen["spent"] = venue.fetch_order(spent["id"], SPOT)["status"]
seen["positions"] = [[each["symbol"], each["side"], each["contracts"]] for each in venue.fetch_positions()]
several = venue.create_orders([
    {"symbol": SWAP, "type": "limit", "side": "buy", "amount": 1, "price": float(price), "params": {"clientOrderId": name}}
    for name in ("ccxt3", "ccxt4")
])  # fmt: skip
seen["several"] = sorted(each["clientOrderId"] for each in several)
seen["swept"] = len(venue.cancel_orders([each["id"] for each in several], SWAP))
trigger = venue.create_order(SWAP, "market", "sell", 1, None, {"triggerPrice": round(bid * 0.9, 1), "reduceOnly": True})
seen["trigger"] = [each["id"] for each in venue.fetch_open_orders(SWAP, params={"trigger": True})] == [trigger["id"]]
venue.cancel_order(trigger["id"], SWAP, {"trigger": True})
seen["reduce"] = fails(lambda: venue.create_order(ETH, "market", "sell", 1, None, {"reduceOnly": True}))
venue.cancel_all_orders_after(30_000)
seen["fills"] = sum(each["amount"] for each in venue.fetch_my_trades(SWAP))
seen["history"] = [venue.fetch_closed_orders(SWAP)[-1]["clientOrderId"], len(venue.fetch_canceled_orders(SWAP)) >= 3]
seen["bills"] = [len(venue.fetch_ledger("USDT", params={"type": kind})) for kind in ("spot", "swap")]
seen["flat"] = venue.close_position(SWAP, params={"marginMode": "cross"}) is not None
print(json.dumps(seen))
