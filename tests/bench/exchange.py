"""A venue on loopback that holds a stop-watch: it writes a quote, and notes when the order that answers it is whole.

It speaks HTTP/1.1 and WebSockets by hand, so that little of what is measured is its own work. Everything that Binance's
driver asks at its start is answered by the venue's emulator; orders are taken here at once, and expire at once, so that
the books of the client stay as small at the last sample as they were at the first.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import parse_qs

import orjson

from ctosd.abi import Ports, Request
from ctosd.host.logs.hub import Logs
from ctosd.kernel.clock import WallClock
from drivers.binance.emulator import Emulator

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
STREAM = "btcusdt@bookTicker"
LONGEST_S = 1.0
"""An answer that takes longer is a miss."""


def quote(number: int) -> bytes:
    """A bookTicker frame with a price that no other one of the last thousand had."""
    bid = 64_000 + number % 1_000 / 10
    now_ms = time.time_ns() // 1_000_000
    ticker = {
        "e": "bookTicker", "u": 10**12 + number, "s": "BTCUSDT", "b": f"{bid:.2f}", "B": "4.213", "a": f"{bid + 0.1:.2f}",
        "A": "2.870", "T": now_ms, "E": now_ms,
    }  # fmt: skip
    return orjson.dumps({"stream": STREAM, "data": ticker})


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """A whole WebSocket frame of a server."""
    size = len(payload)
    head = bytes((0x80 | opcode, size)) if size < 126 else bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big")
    return (head if size < 65_536 else bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big")) + payload


class Client:
    """What is measured: where its quotes go, and how long each order took to come."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wants = asyncio.Event()
        self.quotes: Line | None = None
        self.private: Line | None = None
        self.written_ns = 0
        self.came: asyncio.Future[int] | None = None
        self.orders = 0

    def arrived(self, now_ns: int) -> None:
        """The last byte of an order is here."""
        self.orders += 1
        if self.came is not None and not self.came.done():
            self.came.set_result(now_ns - self.written_ns)

    async def sample(self, number: int) -> int | None:
        """Write one quote; ns until the whole order has come, None for a miss."""
        line = self.quotes
        assert line is not None
        self.came = asyncio.get_running_loop().create_future()
        message = frame(quote(number))
        self.written_ns = time.perf_counter_ns()
        os.write(line.fd, message)  # now, and not when the loop turns
        try:
            return await asyncio.wait_for(self.came, LONGEST_S)
        except TimeoutError:
            return None


class Line(asyncio.Protocol):
    """One connection: plain bytes, HTTP, or a WebSocket after its handshake."""

    def __init__(self, venue: Exchange) -> None:
        self._venue = venue
        self._left = b""
        self._take: Callable[[], bool] = self._http
        self._on_text: Callable[[bytes], None] = lambda text: None
        self.client: Client = venue.client

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.fd = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        now_ns = time.perf_counter_ns()
        self._now_ns = now_ns
        self._left += data
        while self._left and self._take():
            pass

    # -- plain bytes: the floor -------------------------------------------------------------------------------------------

    def _plain(self) -> bool:
        size = self._venue.plain_bytes
        if len(self._left) < size:
            return False
        self._left = self._left[size:]
        self.client.arrived(self._now_ns)
        return True

    # -- HTTP ---------------------------------------------------------------------------------------------------------------

    def _http(self) -> bool:
        if self._left.startswith(b"PLAIN"):
            self._left, self._take = self._left[5:], self._plain
            self.client.quotes = self
            self.client.wants.set()
            return True
        head, end, rest = self._left.partition(b"\r\n\r\n")
        if not end:
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = int(headers.get("content-length", "0"))
        if len(rest) < size:
            return False
        method, target, _ = first.split(" ", 2)
        body, self._left = rest[:size], rest[size:]
        if method == "POST" and target.startswith("/fapi/v1/order"):
            self.client.arrived(self._now_ns)
            query = target.partition("?")[2] or body.decode()
            terms = {name: values[0] for name, values in parse_qs(query).items()}
            row = self._venue.place(terms)
            self._reply(200, orjson.dumps(row), self._venue.counters())
            self._venue.expire(self.client, terms, row["orderId"])
        elif headers.get("upgrade", "").lower() == "websocket":
            self._upgrade(target, headers["sec-websocket-key"])
        else:
            status, answer = self._venue.ask(Request(method, target, headers, body))
            self._reply(status, answer, "")
        return True

    def _reply(self, status: int, body: bytes, more: str) -> None:
        head = f"HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\n{more}content-length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)

    # -- WebSocket ------------------------------------------------------------------------------------------------------------

    def _upgrade(self, target: str, key: str) -> None:
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        self.transport.write(
            f"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n".encode()
        )
        self._take = self._websocket
        if target.startswith("/ws-fapi"):
            self._on_text = self._order
        elif target.startswith("/private"):
            self.client.private = self
        else:
            self._on_text = self._control

    def _websocket(self) -> bool:
        data = self._left
        if len(data) < 6:
            return False
        size, at = data[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        if len(data) < at + 4 + size:
            return False
        now_ns = self._now_ns
        opcode, self._left = data[0] & 0x0F, data[at + 4 + size :]
        if opcode == 1 and self._on_text == self._order and size > 100:  # its shortest message is the ping
            self.client.arrived(now_ns)
        mask = int.from_bytes((data[at : at + 4] * (size // 4 + 1))[:size], "big")
        text = (int.from_bytes(data[at + 4 : at + 4 + size], "big") ^ mask).to_bytes(size, "big")
        if opcode == 1:
            self._on_text(text)
        elif opcode == 9:
            self.transport.write(frame(text, 10))
        elif opcode == 8:
            self.transport.close()
        return True

    def send(self, message: Any) -> None:
        self.transport.write(frame(orjson.dumps(message)))

    def _control(self, text: bytes) -> None:
        asked = orjson.loads(text)
        self.send({"result": None, "id": asked["id"]})
        if asked["method"] == "SUBSCRIBE" and STREAM in asked["params"]:
            self.client.quotes = self
            self.client.wants.set()

    def _order(self, text: bytes) -> None:
        asked = orjson.loads(text)
        if asked["method"] != "order.place":
            self.send({"id": asked["id"], "status": 200, "result": {}})
            return
        row = self._venue.place(asked["params"])
        self.send({"id": asked["id"], "status": 200, "result": row, "rateLimits": self._venue.rows()})
        self._venue.expire(self.client, asked["params"], row["orderId"])


class Exchange:
    """The server. Every client has a port of its own, so that whose order came is never asked."""

    RATE: ClassVar[dict[str, int]] = {"REQUEST_WEIGHT": 240_000, "ORDERS": 30_000}
    """What it publishes as its limits: the pace of the samples must not meet them."""

    def __init__(self, plain_bytes: int) -> None:
        self.plain_bytes = plain_bytes
        clock = WallClock()
        self._logs = Logs.open(level="error", console="json", now_ns=clock.now_ns, environ={})
        self._tasks: set[asyncio.Task[Any]] = set()
        self.emulator = Emulator(
            None,
            Ports(
                venue="binance",
                clock=clock,
                log=self._logs.logger(),
                publish=lambda name, event: None,
                spawn=self._spawn,
                open_feed=self._no_feed,
            ),
        )
        self.emulator.start()
        self.client: Client = Client("nobody")
        self._servers: list[asyncio.Server] = []
        self._orders = 0

    def _spawn(self, name: str, coro: Any) -> None:
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _no_feed(spec: Any) -> Any:
        raise LookupError(f"no feed here: {spec}")

    async def admit(self, name: str) -> tuple[Client, int]:
        """A client and its port."""
        client = Client(name)

        def line() -> Line:
            self.client = client
            return Line(self)

        server = await asyncio.get_running_loop().create_server(line, "127.0.0.1", 0)
        self._servers.append(server)
        return client, int(server.sockets[0].getsockname()[1])

    def settle(self) -> None:
        """Everybody has started: the emulated market, which nobody listens to, need not move any more."""
        self.emulator.stage.stop()

    def stop(self) -> None:
        for server in self._servers:
            server.close()
        self.emulator.stop()
        self._logs.close()

    # -- answers ------------------------------------------------------------------------------------------------------------

    def ask(self, request: Request) -> tuple[int, bytes]:
        """Everything but a new order."""
        if request.path == "/fapi/v1/ticker/bookTicker":
            now_ms = time.time_ns() // 1_000_000
            return 200, orjson.dumps(
                {"symbol": "BTCUSDT", "bidPrice": "64000.00", "bidQty": "4", "askPrice": "64000.10", "askQty": "2", "time": now_ms}
            )  # fmt: skip
        reply = self.emulator.handle(request)
        if request.path != "/fapi/v1/exchangeInfo":
            return reply.status, reply.body
        info = orjson.loads(reply.body)
        for row in info["rateLimits"]:
            row["limit"] = self.RATE[row["rateLimitType"]] * (4 if row["interval"] == "MINUTE" else 1)
        return reply.status, orjson.dumps(info)

    def place(self, terms: Any) -> dict[str, Any]:
        """The answer to a new order: taken."""
        self._orders += 1
        return {
            "orderId": 8_886_774_000 + self._orders, "symbol": terms["symbol"], "status": "NEW", "clientOrderId": terms["newClientOrderId"],
            "price": terms["price"], "origQty": terms["quantity"], "executedQty": "0.000", "cumQty": "0.000",
            "timeInForce": terms["timeInForce"], "type": "LIMIT", "reduceOnly": False, "closePosition": False, "side": terms["side"],
            "positionSide": "BOTH", "stopPrice": "0.00", "workingType": "CONTRACT_PRICE", "priceProtect": False, "origType": "LIMIT",
            "priceMatch": "NONE", "selfTradePreventionMode": "EXPIRE_MAKER", "goodTillDate": 0, "updateTime": time.time_ns() // 1_000_000,
        }  # fmt: skip

    def expire(self, client: Client, terms: Any, number: int) -> None:
        """The private stream tells that the order is in the book, then that it left it."""
        if client.private is None:
            return
        now_ms = time.time_ns() // 1_000_000
        for state in ("NEW", "EXPIRED"):
            facts = {
                "s": terms["symbol"], "c": terms["newClientOrderId"], "S": terms["side"], "o": "LIMIT", "f": terms["timeInForce"],
                "q": terms["quantity"], "p": terms["price"], "ap": "0", "sp": "0", "x": state, "X": state, "i": number, "l": "0", "z": "0",
                "L": "0", "n": "0", "N": "USDT", "T": now_ms, "t": 0, "b": "0", "a": "0", "m": False, "R": False, "wt": "CONTRACT_PRICE",
                "ot": "LIMIT", "ps": "BOTH", "cp": False, "rp": "0", "pP": False, "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0, "er": "0",
            }  # fmt: skip
            client.private.send({"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": now_ms, "o": facts})

    def counters(self) -> str:
        """The venue's own counters, as headers of an answer over HTTP."""
        return "x-mbx-used-weight-1m: 1\r\nx-mbx-order-count-10s: 10\r\nx-mbx-order-count-1m: 20\r\n"

    def rows(self) -> list[dict[str, Any]]:
        """The same in an answer over the WebSocket API."""
        orders = self.RATE["ORDERS"]
        return [
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": orders, "count": 10},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 4 * orders, "count": 20},
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.RATE["REQUEST_WEIGHT"], "count": 1},
        ]  # fmt: skip
