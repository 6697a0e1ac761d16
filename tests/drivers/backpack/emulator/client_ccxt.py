"""Run by `test_clients` in the clients' own environment: ccxt as it is installed, against the address it is given.

Arguments: REST address, WebSocket address, key, secret. Prints what it saw as JSON.
"""

import json
import sys
import time

import ccxt

rest, _, key, secret = sys.argv[1:5]
venue = ccxt.backpack({"apiKey": key, "secret": secret, "enableRateLimit": False})
venue.urls["api"] = {**venue.urls["api"], "public": rest, "private": rest}
PERP, SPOT = "SOL/USDC:USDC", "SOL/USDC"
seen: dict[str, object] = {}


def fails(call) -> str:
    try:
        call()
    except ccxt.BaseError as error:
        return type(error).__name__
    return ""


seen["status"] = venue.fetch_status()["status"]
seen["clock"] = venue.fetch_time()
markets = venue.load_markets()
seen["markets"] = sorted(markets)
seen["precision"] = [markets[PERP]["precision"]["price"], markets[PERP]["precision"]["amount"]]
seen["currencies"] = sorted(venue.fetch_currencies())
book = venue.fetch_order_book(PERP, 20)
bid, ask = book["bids"][0][0], book["asks"][0][0]
seen["touch"] = [bid, ask]
seen["depth"] = len(book["bids"])
seen["ticker"] = venue.fetch_ticker(PERP)["last"]
seen["tickers"] = len(venue.fetch_tickers())
seen["bars"] = len(venue.fetch_ohlcv(PERP, "1m", int(time.time() * 1000) - 600_000))
seen["trades"] = len(venue.fetch_trades(PERP, limit=5))
seen["funding"] = venue.fetch_funding_rate(PERP)["fundingRate"]
seen["rates"] = len(venue.fetch_funding_rate_history(PERP, limit=7))
seen["interest"] = venue.fetch_open_interest(PERP)["openInterestValue"]
seen["balance"] = venue.fetch_balance()["USDC"]

price = venue.price_to_precision(PERP, bid * 0.95)
order = venue.create_order(PERP, "limit", "buy", 1, price, {"clientOrderId": 7, "postOnly": True})
seen["placed"] = [order["status"], order["clientOrderId"], order["filled"]]
seen["open"] = [each["id"] for each in venue.fetch_open_orders(PERP)] == [order["id"]]
seen["asked"] = venue.fetch_open_order(order["id"], PERP)["status"]
seen["cancelled"] = venue.cancel_order(order["id"], PERP)["status"]
seen["cancelled again"] = fails(lambda: venue.cancel_order(order["id"], PERP))
taken = venue.create_order(PERP, "market", "buy", 2, None, {"clientOrderId": 8})
seen["taken"] = [taken["status"], taken["filled"], bid * 0.99 < taken["average"] < ask * 1.01]
spent = venue.create_order(SPOT, "market", "buy", 0, None, {"cost": 300})
seen["spent"] = [spent["status"], 290 < spent["cost"] <= 300]
seen["crossing"] = fails(lambda: venue.create_order(PERP, "limit", "buy", 1, ask * 1.01, {"postOnly": True}))
seen["too much"] = fails(lambda: venue.create_order(PERP, "limit", "buy", 100_000, price))
trigger = venue.create_order(PERP, "market", "sell", 1, None, {"triggerPrice": bid * 0.93})
seen["trigger"] = [trigger["status"], trigger["info"]["status"]]
several = venue.create_orders(
    [
        {"symbol": PERP, "type": "limit", "side": "buy", "amount": 1, "price": price, "params": {"clientOrderId": n}}
        for n in (21, 22)
    ]
)
seen["several"] = [each["clientOrderId"] for each in several]
seen["gone"] = len(venue.cancel_all_orders(PERP))
seen["history"] = {each["clientOrderId"]: each["status"] for each in venue.fetch_orders(PERP) if each["clientOrderId"]}
seen["fills"] = sum(each["amount"] for each in venue.fetch_my_trades(PERP))
seen["positions"] = [[each["symbol"], each["side"], each["contracts"]] for each in venue.fetch_positions([PERP])]
seen["paid"] = len(venue.fetch_funding_history(PERP))
print(json.dumps(seen))
