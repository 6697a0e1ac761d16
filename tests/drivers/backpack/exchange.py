"""A clock, an HTTP side and sessions that say what a test tells them; the budget, the store and the books are the real ones."""

from __future__ import annotations

import asyncio
import heapq
import json
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from ctosd.abi import Dialect, Event, NotReady, Place, Ports, Response
from ctosd.kernel.budget import SharedBudget
from ctosd.testing.store import MemoryStore
from drivers.backpack import Backpack
from drivers.backpack.config import BackpackConfig
from drivers.backpack.limits import LIMITS
from drivers.backpack.listing import Fees, Listing

SHARED = Path(__file__).parents[4] / "shared"
FIXTURES = SHARED / "fixtures"
SECOND = 1_000_000_000
MS = 1_000_000
T0 = 1_795_341_600 * SECOND
MAIN = "backpack/main"
SOL = "SOL/USDC:USDC"
SOL_SPOT = "SOL/USDC"
SEED = b64encode(bytes(range(32))).decode()
PUBLIC_KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
LOOPBACK = {"rest": "http://127.0.0.1:1", "ws": "ws://127.0.0.1:2"}


def market_row(
    symbol: str = "SOL_USDC_PERP", kind: str = "PERP", base: str = "", quote: str = "USDC", **more: Any
) -> dict[str, Any]:
    perp = kind == "PERP"
    return {
        "symbol": symbol,
        "baseSymbol": base or symbol.partition("_")[0],
        "quoteSymbol": quote,
        "marketType": kind,
        "filters": {
            "price": {"tickSize": "0.01", "minPrice": "0.01", "maxPrice": None, "meanPremiumBand": None},
            "quantity": {"minQuantity": "0.01", "stepSize": "0.01", "maxQuantity": None},
        },
        "fundingInterval": "28800000" if perp else None,
        "imfFunction": {"type": "sqrt", "base": "0.02", "factor": "0.00006"} if perp else None,
        "mmfFunction": {"type": "sqrt", "base": "0.0135", "factor": "0.000036"} if perp else None,
        "orderBookState": "Open",
        "visible": True,
        "createdAt": "2025-01-21T06:34:54.691858",
        **more,
    }


MARKETS = [market_row(), market_row("SOL_USDC", "SPOT"), market_row("BTC_USDC_PERP")]
SETTINGS = {
    "autoBorrowSettlements": False,
    "autoLend": False,
    "autoRealizePnl": True,
    "autoRepayBorrows": False,
    "borrowLimit": "0",
    "futuresMakerFee": "2",
    "futuresTakerFee": "5",
    "leverageLimit": "10",
    "limitOrders": 0,
    "liquidating": False,
    "positionLimit": "0",
    "spotMakerFee": "-1",
    "spotTakerFee": "10",
    "triggerOrders": 0,
}
MARGIN = {"netEquity": "100", "netEquityAvailable": "90", "collateral": []}
NOT_FOUND = (404, {"code": "RESOURCE_NOT_FOUND", "message": "Order not found"})


def order_row(**more: Any) -> dict[str, Any]:
    return {
        "id": "59669287267",
        "clientId": None,
        "createdAt": 1_795_341_600_094,
        "executedQuantity": "0",
        "executedQuoteQuantity": "0",
        "orderType": "Limit",
        "postOnly": False,
        "price": "141",
        "quantity": "12",
        "reduceOnly": None,
        "selfTradePrevention": "RejectTaker",
        "side": "Bid",
        "status": "New",
        "symbol": "SOL_USDC_PERP",
        "timeInForce": "GTC",
        "triggerPrice": None,
        "triggerQuantity": None,
        **more,
    }


def fill_row(trade_id: int | None = 1, at: str = "2026-11-22T10:00:01.500", **more: Any) -> dict[str, Any]:
    return {
        "clientId": None,
        "fee": "0.05",
        "feeSymbol": "USDC",
        "isMaker": True,
        "orderId": "59669287267",
        "price": "141",
        "quantity": "2",
        "side": "Bid",
        "symbol": "SOL_USDC_PERP",
        "systemOrderType": None,
        "timestamp": at,
        "tradeId": trade_id,
        **more,
    }


def listing(rows: Sequence[Mapping[str, Any]] = MARKETS, venue: str = "backpack") -> Listing:
    listed = Listing(venue)
    listed.load(json.dumps(list(rows)).encode(), Fees())
    return listed


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, now_ns: int = T0) -> None:
        self._now_ns = now_ns
        self._heap: list[tuple[int, int, Callable[[], None], list[bool]]] = []
        self._count = count()

    def now_ns(self) -> int:
        return self._now_ns

    steady_ns = now_ns

    def call_at(self, when_ns: int, call: Callable[[], None]) -> Any:
        alive = [True]
        heapq.heappush(self._heap, (when_ns, next(self._count), call, alive))

        class Timer:
            def cancel(self) -> None:
                alive[0] = False

        return Timer()

    async def sleep(self, seconds: float) -> None:
        done = asyncio.get_running_loop().create_future()
        self.call_at(self._now_ns + int(seconds * SECOND), lambda: done.done() or done.set_result(None))
        await done

    async def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer; everything that can run in between runs."""
        end_ns = self._now_ns + int(seconds * SECOND)
        await settle()
        while self._heap and self._heap[0][0] <= end_ns:
            when_ns, _, call, alive = heapq.heappop(self._heap)
            self._now_ns = max(self._now_ns, when_ns)
            if alive[0]:
                call()
                await settle()
        self._now_ns = end_ns
        await settle()


async def settle() -> None:
    for _ in range(25):
        await asyncio.sleep(0)


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def _write(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    debug = info = warning = error = _write

    def named(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.lines if name == event]


class Call:
    """One request as it came."""

    def __init__(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self.method = method
        self.url = url
        self.target = url.partition("://")[2].partition("/")[2]
        path, _, text = self.target.partition("?")
        self.path = f"/{path}"
        self.query = dict(part.split("=", 1) for part in text.split("&")) if text else {}
        self.headers = dict(headers)
        self.body = json.loads(body) if body else None


Answer = Any
"""A JSON value (200), `(status, JSON value or bytes)`, an exception, or a function of the call that gives one."""


class Web:
    """The venue's REST side: `answers` by method and path; a deque is used up, anything else is given again and again."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[Call] = []
        self.answers: dict[str, Answer] = {
            "GET /api/v1/status": {"status": "Ok", "message": None},
            "GET /api/v1/time": lambda call: (200, str(clock.now_ns() // MS).encode()),
            "GET /api/v1/markets": MARKETS,
            "GET /api/v1/account": SETTINGS,
            "GET /api/v1/capital": {"USDC": {"available": "90", "locked": "10", "staked": "0"}},
            "GET /api/v1/capital/collateral": MARGIN,
            "GET /api/v1/position": [],
            "GET /api/v1/orders": [],
            "GET /wapi/v1/history/funding": [],
            "GET /wapi/v1/history/fills": [],
            "GET /wapi/v1/history/orders": [],
        }

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout_s: float = 10.0,
    ) -> Response:
        call = Call(method, url, headers, body)
        self.calls.append(call)
        answer = self.answers.get(f"{method} {call.path}", (404, {"code": "RESOURCE_NOT_FOUND", "message": call.path}))
        if isinstance(answer, deque):
            answer = answer.popleft()
        if callable(answer) and not isinstance(answer, type):
            answer = answer(call)
        if isinstance(answer, Exception):
            raise answer
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        return Response(status, {}, data, self.clock.now_ns())

    def to(self, path: str, method: str = "") -> list[Call]:
        return [call for call in self.calls if call.path == path and method in ("", call.method)]


class Wire:
    """A session that a test plays the other end of."""

    def __init__(self, dialect: Dialect, clock: Clock) -> None:
        self.dialect = dialect
        self.clock = clock
        self.up = False
        self.wanted: dict[str, tuple[float, float]] = {}
        self.sent: list[dict[str, Any]] = []
        self.said: list[tuple[str, Any]] = []
        self.confirms = True

    async def start(self, within_s: float = 15.0) -> None:
        await self.dialect.address()
        self.connect(False)

    def connect(self, resumed: bool = True) -> None:
        self.up = True
        if self.wanted:
            self._write(self.dialect.subscribe(list(self.wanted)))
        self.dialect.on_up(resumed)
        busy = getattr(self.dialect, "busy", "")
        if busy and self.confirms:
            self.hear({"stream": busy, "data": {}})

    def lose(self, reason: str = "reset") -> None:
        self.up = False
        self.dialect.on_down(reason)

    async def stop(self) -> None:
        self.up = False

    def want(self, stream: str, *, quiet_s: float = 0.0, first_s: float = 10.0) -> None:
        fresh = stream not in self.wanted
        self.wanted[stream] = (quiet_s, first_s)
        if fresh and self.up:
            self._write(self.dialect.subscribe([stream]))

    def unwant(self, stream: str) -> None:
        self.wanted.pop(stream, None)

    def _write(self, frames: Sequence[bytes]) -> None:
        self.sent += [json.loads(frame) for frame in frames]

    def hear(self, frame: Any) -> str:
        data = frame if isinstance(frame, bytes) else json.dumps(frame, separators=(",", ":")).encode()
        return self.dialect.hear(self, data, self.clock.now_ns())

    def resubscribe(self, stream: str, reason: str) -> None:
        self.said.append(("resubscribe", stream))
        self._write(self.dialect.unsubscribe([stream]))
        self._write(self.dialect.subscribe([stream]))

    def rejected(self, stream: str, reason: str) -> None:
        self.said.append(("rejected", stream))

    def refused(self, error: Exception) -> None:
        self.said.append(("refused", error))

    def send(self, message: bytes) -> None: ...
    async def ask(self, key: str, message: bytes, timeout_s: float = 10.0) -> Any: ...
    def greeted(self) -> None: ...
    def answer(self, key: str, value: Any) -> None: ...
    def rotate(self, reason: str) -> None: ...
    def reconnect(self, reason: str) -> None: ...

    def statistics(self) -> Mapping[str, Any]:
        return {"up": self.up}


class World:
    """All ports of one venue."""

    def __init__(self, *, secrets: bool = True, store: MemoryStore | None = None) -> None:
        self.clock = Clock()
        self.web = Web(self.clock)
        self.log = Log()
        self.store = store or MemoryStore()
        self.heard: list[tuple[str, Event]] = []
        self.wires: list[Wire] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.budget = SharedBudget(self.clock, LIMITS)
        self.ports = Ports(
            venue="backpack",
            clock=self.clock,
            log=self.log,
            publish=lambda name, event: self.heard.append((name, event)),
            spawn=self._spawn,
            open_feed=lambda spec: no_feeds(),
            store=self.store,
            secrets={MAIN: {"api_key": PUBLIC_KEY, "api_secret": SEED}} if secrets else {},
            http=self.web,
            open_session=self._open,
            budget=self.budget,
        )

    def _spawn(self, name: str, coro: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(coro, name=name))

    def _open(self, dialect: Dialect) -> Wire:
        self.wires.append(Wire(dialect, self.clock))
        return self.wires[-1]

    def on(self, name: str, kind: type | None = None) -> list[Any]:
        return [event for topic, event in self.heard if topic == name and (kind is None or isinstance(event, kind))]

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        faults = await asyncio.gather(*self.tasks, return_exceptions=True)
        for fault in faults:
            if isinstance(fault, Exception):
                raise fault


def no_feeds() -> Any:
    raise NotReady("no feeds here")


def config(**more: Any) -> BackpackConfig:
    return BackpackConfig(**{"endpoints": LOOPBACK, **more})


async def started(world: World, **more: Any) -> Backpack:
    driver = Backpack(config(**more), [MAIN], world.ports)
    await driver.start()
    return driver


def place(client_id: str = "ctos0000001000000001", **more: Any) -> Place:
    facts = {
        "account": MAIN,
        "client_id": client_id,
        "symbol": SOL,
        "side": "buy",
        "type": "limit",
        "size": Decimal(12),
        "price": Decimal(141),
        **more,
    }
    return Place(**facts)
