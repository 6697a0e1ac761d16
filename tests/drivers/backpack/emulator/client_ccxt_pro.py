"""Run by `test_clients` in the clients' own environment: ccxt.pro watching and trading at the address it is given.

Arguments: REST address, WebSocket address, key, secret. Prints what it saw as JSON.
"""

import asyncio
import json
import sys

import ccxt.pro

PERP = "SOL/USDC:USDC"


async def main() -> dict[str, object]:
    rest, websocket, key, secret = sys.argv[1:5]
    venue = ccxt.pro.backpack({"apiKey": key, "secret": secret, "enableRateLimit": False})
    api = venue.urls["api"]
    venue.urls["api"] = {**api, "public": rest, "private": rest, "ws": {"public": websocket, "private": websocket}}
    seen: dict[str, object] = {}
    try:
        await venue.load_markets()
        seen["ticker"] = (await venue.watch_ticker(PERP))["last"]
        touch = (await venue.watch_bids_asks([PERP]))[PERP]
        seen["touch"] = [touch[side] for side in ("bid", "ask")]
        seen["trades"] = len(await venue.watch_trades(PERP))
        seen["bars"] = len(await venue.watch_ohlcv(PERP, "1m"))
        for _ in range(20):
            book = await venue.watch_order_book(PERP)
        seen["book"] = [book["bids"][0][0], book["asks"][0][0], len(book["bids"]), book["nonce"]]
        fresh = await venue.fetch_order_book(PERP, 1000)
        while book["nonce"] < fresh["nonce"]:
            book = await venue.watch_order_book(PERP)
        seen["crossed"] = book["bids"][0][0] >= book["asks"][0][0]
        orders = asyncio.create_task(venue.watch_orders())
        positions = asyncio.create_task(venue.watch_positions([PERP]))
        await asyncio.sleep(0.5)
        placed = await venue.create_order(PERP, "market", "buy", 2, None, {"clientOrderId": 31})
        heard = await asyncio.wait_for(orders, 5)
        seen["orders"] = [[each["id"] == placed["id"], each["clientOrderId"]] for each in heard][:1]
        seen["positions"] = [each["symbol"] for each in await asyncio.wait_for(positions, 5)][:1]
        resting = await venue.create_order(PERP, "limit", "buy", 1, seen["touch"][0] * 0.95)
        heard = await asyncio.wait_for(venue.watch_orders(PERP), 5)
        states = {each["id"]: each["status"] for each in heard}
        while states.get(resting["id"]) is None:
            states |= {each["id"]: each["status"] for each in await asyncio.wait_for(venue.watch_orders(PERP), 5)}
        seen["resting"] = states[resting["id"]]
        await venue.cancel_order(resting["id"], PERP)
        while states[resting["id"]] == "open":
            states |= {each["id"]: each["status"] for each in await asyncio.wait_for(venue.watch_orders(PERP), 5)}
        seen["cancelled"] = states[resting["id"]]
    finally:
        await venue.close()
    return seen


print(json.dumps(asyncio.run(main())))
