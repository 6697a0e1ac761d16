"""What the daemon is measured against: the same answer to the same quote, by as little as can be.

`python tests/bench/rivals.py NAME PORT` is one of them, as a process of its own. They parse the quote, sign an order and
send it, and know nothing of strategies, risk, journals, limits, outcomes or restarts.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
import picows
import uvloop

KEY, SECRET = "emulator", b"emulator"
ORDER = (
    b'{"id":"o123456","method":"order.place","params":{"apiKey":"emulator","newClientOrderId":"ctos0123456789abcdef","price":"64012.3",'
    b'"quantity":"0.01","side":"BUY","symbol":"BTCUSDT","timeInForce":"GTX","type":"LIMIT","recvWindow":5000,"timestamp":1790000000000,'
    b'"signature":"91c8a3a30a8b3c9ba1ef0ab5a1a1e0d1b4ef3a7f9c2f3f1a91c8a3a30a8b3c9b"}}'
)
SUBSCRIBE = b'{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":1}'


def sign(text: str) -> str:
    return hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()


def terms(price: str, number: int) -> dict[str, Any]:
    return {
        "newClientOrderId": f"bare{number:016d}", "price": price, "quantity": "0.01", "recvWindow": 5000, "side": "BUY",
        "symbol": "BTCUSDT", "timeInForce": "GTX", "timestamp": time.time_ns() // 1_000_000, "type": "LIMIT",
    }  # fmt: skip


class Echo(asyncio.Protocol):
    """Bytes in, bytes out."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(b"PLAIN")

    def data_received(self, data: bytes) -> None:
        self.transport.write(ORDER)


async def floor(port: int) -> None:
    await asyncio.get_running_loop().create_connection(Echo, "127.0.0.1", port)


class Quotes(picows.WSListener):
    """Takes quotes, and sends each order over the other WebSocket."""

    def __init__(self, orders: picows.WSTransport) -> None:
        super().__init__()
        self._orders = orders
        self._count = 0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        transport.send(picows.WSMsgType.TEXT, SUBSCRIBE)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        message = orjson.loads(frame.get_payload_as_memoryview())
        if "data" not in message:
            return
        self._count += 1
        params = {"apiKey": KEY, **terms(message["data"]["b"], self._count)}
        params["signature"] = sign("&".join([f"{name}={value}" for name, value in sorted(params.items())]))
        order = orjson.dumps({"id": self._count, "method": "order.place", "params": params})
        self._orders.send(picows.WSMsgType.TEXT, order)


async def bare_picows(port: int) -> None:
    orders, _ = await picows.ws_connect(picows.WSListener, f"ws://127.0.0.1:{port}/ws-fapi/v1")
    await picows.ws_connect(lambda: Quotes(orders), f"ws://127.0.0.1:{port}/public/stream")


async def bare_aiohttp(port: int) -> None:
    count = 0
    async with aiohttp.ClientSession() as session, session.ws_connect(f"ws://127.0.0.1:{port}/public/stream") as socket:
        await socket.send_str(SUBSCRIBE.decode())
        async for message in socket:
            quote = json.loads(message.data)
            if "data" not in quote:
                continue
            count += 1
            query = "&".join([f"{name}={value}" for name, value in terms(quote["data"]["b"], count).items()])
            url = f"http://127.0.0.1:{port}/fapi/v1/order?{query}&signature={sign(query)}"
            async with session.post(url, headers={"X-MBX-APIKEY": KEY}) as answer:
                await answer.read()


RIVALS: dict[str, Callable[[int], Awaitable[None]]] = {
    "floor": floor,
    "picows+websocket": bare_picows,
    "aiohttp+aiohttp": bare_aiohttp,
}


async def main(name: str, port: int) -> None:
    await RIVALS[name](port)
    await asyncio.Event().wait()  # until it is told to end


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
