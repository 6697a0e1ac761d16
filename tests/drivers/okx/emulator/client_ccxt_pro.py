"""Run by `test_clients` in the clients' own environment: ccxt.pro as it is installed, on the emulator's WebSockets.

Arguments: REST address, WebSocket address, key, secret, passphrase. Prints what it saw as JSON.
"""

import asyncio
import json
import sys

import ccxt.pro

rest, websocket, key, secret, passphrase = sys.argv[1:6]
SWAP, SPOT = "BTC/USDT:USDT", "BTC/USDT"


async def orders(venue, wanted: str) -> dict:
    """The next word about an order."""
    while True:
        for order in await venue.watch_orders():
            if order["clientOrderId"] == wanted:
                return order


async def run(venue) -> dict[str, object]:
    seen: dict[str, object] = {}
    await venue.load_markets()
    for _ in range(5):
        book = await venue.watch_order_book(SWAP, 400)
    bid, ask = book["bids"][0][0], book["asks"][0][0]
    seen["book"] = [len(book["bids"]) > 50, bid < ask]
    small = await venue.watch_order_book(SPOT, 5)
    seen["small book"] = len(small["bids"])
    seen["best"] = bid * 0.99 < (await venue.watch_bids_asks([SWAP]))[SWAP]["bid"] < ask * 1.01
    seen["ticker"] = bid * 0.99 < (await venue.watch_ticker(SWAP))["last"] < ask * 1.01
    seen["trades"] = (await venue.watch_trades(SWAP))[-1]["symbol"]
    seen["bars"] = len((await venue.watch_ohlcv(SWAP, "1m"))[-1])
    seen["mark"] = bid * 0.99 < (await venue.watch_mark_price(SWAP))["markPrice"] < ask * 1.01
    seen["funding"] = abs((await venue.watch_funding_rate(SWAP))["fundingRate"]) < 0.01
    seen["balance"] = (await venue.watch_balance())["USDT"]["total"]
    watching = asyncio.ensure_future(orders(venue, "pro1"))
    trading = asyncio.ensure_future(venue.watch_my_trades(SWAP))
    positions = asyncio.ensure_future(venue.watch_positions([SWAP]))
    await asyncio.sleep(0.2)
    price = venue.price_to_precision(SWAP, bid * 0.97)
    placed = await venue.create_order_ws(SWAP, "limit", "buy", 2, price, {"clientOrderId": "pro1"})
    first = await watching
    seen["placed"] = [placed["clientOrderId"], first["status"], first["amount"]]
    watching = asyncio.ensure_future(orders(venue, "pro1"))
    await venue.edit_order_ws(placed["id"], SWAP, "limit", "buy", 3)
    seen["edited"] = (await watching)["amount"]
    watching = asyncio.ensure_future(orders(venue, "pro1"))
    await venue.cancel_order_ws(placed["id"], SWAP)
    seen["cancelled"] = (await watching)["status"]
    try:
        await venue.cancel_order_ws(placed["id"], SWAP)
    except ccxt.BaseError as error:
        seen["gone"] = type(error).__name__
    taken = await venue.create_order_ws(SWAP, "market", "buy", 1, None, {"clientOrderId": "pro2"})
    trades = await trading
    seen["taken"] = [trades[-1]["order"] == taken["id"], trades[-1]["takerOrMaker"], trades[-1]["fee"]["cost"] < 0]
    told = await positions
    while not told or not told[-1]["contracts"]:
        told = await venue.watch_positions([SWAP])
    seen["position"] = [told[-1]["side"], told[-1]["contracts"]]
    return seen


async def main() -> None:
    venue = ccxt.pro.okx({"apiKey": key, "secret": secret, "password": passphrase})
    venue.set_sandbox_mode(True)
    venue.urls["api"] = {**venue.urls["api"], "rest": rest, "ws": websocket}
    try:
        print(json.dumps(await run(venue)))
    finally:
        await venue.close()


asyncio.run(main())
