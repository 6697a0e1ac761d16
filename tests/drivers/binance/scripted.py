"""A scripted venue on the transport's protocols: REST routes as functions, sessions whose other end is the test's hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from ctosd.abi import Amend, Cancel, Dialect, Event, NoAnswer, NotSent, Place, Ports, Response
from drivers.binance import Binance
from drivers.binance.config import BinanceConfig
from tests.drivers.paper.clockwork import DictStore, HeapClock, Log

SHARED = Path(__file__).parents[4] / "shared"
FIXTURES = SHARED / "fixtures"
MAIN = "binance/main"
PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
MS = 1_000_000
Route = Callable[[dict[str, str]], Any]

PERP_INFO = {
    "rateLimits": [],
    "symbols": [
        {
            "symbol": name, "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": name[:-4], "quoteAsset": "USDT",
            "marginAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "1000000", "tickSize": "0.10"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
                {"filterType": "MIN_NOTIONAL", "notional": "100"},
            ],
        }
        for name in ("BTCUSDT", "ETHUSDT", "币安人生USDT")
    ],
}  # fmt: skip
SPOT_INFO = {
    "rateLimits": [],
    "symbols": [
        {
            "symbol": name, "status": "TRADING", "baseAsset": base, "quoteAsset": quote, "isSpotTradingAllowed": True,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001000"},
                {"filterType": "NOTIONAL", "minNotional": "5.00", "applyMinToMarket": True},
            ],
        }
        for name, base, quote in (("BTCUSDT", "BTC", "USDT"), ("ETHUSDT", "ETH", "USDT"), ("ETHBTC", "ETH", "BTC"))
    ],
}  # fmt: skip


class Session:
    """One end of a WebSocket in the test's hand. `up` is the test's choice, and so is every answer."""

    def __init__(self, dialect: Dialect, venue: Venue) -> None:
        self.dialect = dialect
        self.venue = venue
        self.up = False
        self.url = ""
        self.sent: list[bytes] = []
        self.wanted: dict[str, tuple[float, float]] = {}
        self.calls: list[tuple[str, str]] = []
        self.waiting: dict[str, asyncio.Future[Any]] = {}
        self.error: Exception | None = None
        self.greetings = 0

    async def start(self, within_s: float = 15.0) -> None:
        if self.venue.refuse_sessions:
            raise self.venue.refuse_sessions.pop(0)
        await self.connect(resumed=False)

    async def connect(self, *, resumed: bool = True) -> None:
        """What the kernel's session does: address, hello, subscriptions."""
        self.url = await self.dialect.address()
        self.greetings, self.error = 0, None
        for each in self.dialect.hello():
            self.sent.append(each)
            self.venue.answer(self, each)
        if self.dialect.needs_greeting and not self.greetings:
            raise self.error or NoAnswer("no greeting")
        self.up = True
        if self.wanted:
            self.sent += self.dialect.subscribe(list(self.wanted))
        self.dialect.on_up(resumed)

    def cut(self, reason: str = "cut") -> None:
        self.up = False
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(NoAnswer(reason))
        self.waiting.clear()
        self.dialect.on_down(reason)

    async def stop(self) -> None:
        self.up = False
        self.calls.append(("stop", ""))

    def want(self, stream: str, *, quiet_s: float = 0.0, first_s: float = 10.0) -> None:
        self.wanted[stream] = (quiet_s, first_s)
        self.sent += self.dialect.subscribe([stream])

    def unwant(self, stream: str) -> None:
        self.wanted.pop(stream, None)

    def send(self, message: bytes) -> None:
        if not self.up:
            raise NotSent("not up")
        self.sent.append(message)
        self.venue.answer(self, message)

    async def ask(self, key: str, message: bytes, timeout_s: float = 10.0) -> Any:
        if not self.up:
            raise NotSent("not up")
        self.sent.append(message)
        future = self.waiting[key] = asyncio.get_running_loop().create_future()
        self.venue.answer(self, message)
        return await future

    def hear(self, frame: bytes | Mapping[str, Any], recv_ns: int = 0) -> str:
        raw = frame if isinstance(frame, bytes) else json.dumps(frame, separators=(",", ":")).encode()
        return self.dialect.hear(self, raw, recv_ns or self.venue.clock.now_ns())

    # -- what the dialect says ------------------------------------------------------------------------------------------

    def greeted(self) -> None:
        self.greetings += 1

    def refused(self, error: Exception) -> None:
        self.error = error

    def answer(self, key: str, value: Any) -> None:
        future = self.waiting.pop(key, None)
        if future is not None and not future.done():
            future.set_result(value)

    def rejected(self, stream: str, reason: str) -> None:
        self.calls.append(("rejected", f"{stream}: {reason}"))

    def resubscribe(self, stream: str, reason: str) -> None:
        self.calls.append(("resubscribe", stream))

    def rotate(self, reason: str) -> None:
        self.calls.append(("rotate", reason))

    def reconnect(self, reason: str) -> None:
        self.calls.append(("reconnect", reason))

    def statistics(self) -> Mapping[str, Any]:
        return {"up": self.up}


class Budget:
    """Every take succeeds and is remembered."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, float]] = []
        self.synced: list[tuple[str, float, float]] = []
        self.penalties: list[tuple[int, str]] = []

    async def take(self, costs: Sequence[tuple[str, float]], *, urgent: bool = False, patience_s: float = 30.0) -> None:
        self.taken += costs

    def sync_used(self, name: str, used: float, allowed: float = 0.0) -> None:
        self.synced.append((name, used, allowed))

    def penalise(self, until_ns: int, name: str = "") -> None:
        self.penalties.append((until_ns, name))


class Venue:
    """The other end: `routes[method, path]` answers REST, `methods[name]` the WebSocket API.

    A handler gets the parameters and returns JSON, a `(status, body)` or `(status, body, headers)`, or raises what the
    transport would.
    """

    def __init__(self, product: str = "usdm") -> None:
        self.product = product
        self.clock = HeapClock()
        self.log = Log()
        self.budget = Budget()
        self.store = DictStore()
        self.sessions: list[Session] = []
        self.heard: list[tuple[str, Event]] = []
        self.calls: list[tuple[str, str, dict[str, str]]] = []
        self.urls: list[str] = []
        self.api: list[tuple[str, dict[str, Any]]] = []
        self.refuse_sessions: list[Exception] = []
        self.offset_ms = 0
        self.tasks: list[asyncio.Task[None]] = []
        self.routes: dict[tuple[str, str], Route] = {}
        self.methods: dict[str, Callable[[dict[str, Any]], Any]] = {}
        head = "/fapi/v1" if product == "usdm" else "/api/v3"
        info = PERP_INFO if product == "usdm" else SPOT_INFO
        self.route("GET", f"{head}/time", lambda p: {"serverTime": self.clock.now_ns() // MS + self.offset_ms})
        self.route("GET", f"{head}/exchangeInfo", lambda p: info)
        self.route("GET", f"{head}/openOrders", lambda p: [])
        self.defaults(head)

    def defaults(self, head: str) -> None:
        """An account in order, with nothing in it."""
        rows: dict[str, Any] = {
            "openAlgoOrders": [], "symbolConfig": [], "leverageBracket": [], "income": [], "fundingInfo": [],
            "accountConfig": {"canTrade": True, "dualSidePosition": False, "multiAssetsMargin": False},
        }  # fmt: skip
        if self.product == "usdm":
            for name, body in rows.items():
                self.route("GET", f"{head}/{name}", lambda p, body=body: body)
            self.route(
                "GET",
                f"{head}/commissionRate",
                lambda p: {"makerCommissionRate": "0.0002", "takerCommissionRate": "0.0005"},
            )
            self.route("GET", "/fapi/v3/positionRisk", lambda p: [])
            self.route("GET", "/fapi/v3/balance", lambda p: [])
            self.route("POST", f"{head}/listenKey", lambda p: {"listenKey": "abc"})
        else:
            self.route("GET", f"{head}/account", lambda p: {"canTrade": True, "balances": []})
            self.methods["userDataStream.subscribe.signature"] = lambda p: {"subscriptionId": 0}
        self.methods["session.logon"] = lambda p: {"apiKey": p["apiKey"]}

    def route(self, method: str, path: str, handler: Route) -> None:
        self.routes[method, path] = handler

    # -- Http ---------------------------------------------------------------------------------------------------------

    async def request(
        self, method: str, url: str, *, headers: Any = (), body: bytes = b"", timeout_s: float = 10.0
    ) -> Response:
        target, _, query = url.partition("?")
        path = "/" + target.split("/", 3)[3]
        params = dict(parse_qsl(query, keep_blank_values=True))
        self.urls.append(url)
        self.calls.append((method, path, params))
        handler = self.routes.get((method, path))
        if handler is None:
            raise AssertionError(f"no route for {method} {path}")
        answer = handler(params)
        status, content, head = 200, answer, {}
        if isinstance(answer, tuple):
            status, content, head = answer if len(answer) == 3 else (*answer, {})
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return Response(status, head, raw, self.clock.now_ns())

    # -- WebSockets ---------------------------------------------------------------------------------------------------

    def open_session(self, dialect: Dialect) -> Session:
        session = Session(dialect, self)
        self.sessions.append(session)
        return session

    def answer(self, session: Session, message: bytes) -> None:
        """Answer a request of the WebSocket API, if there is a handler for it."""
        request = json.loads(message)
        handler = self.methods.get(request.get("method", ""))
        if handler is None:
            return
        self.api.append((request["method"], request.get("params", {})))
        result = handler(request.get("params", {}))
        if isinstance(result, tuple):
            session.hear({"id": request["id"], "status": result[0], "error": result[1]})
        elif result is not None:
            session.hear({"id": request["id"], "status": 200, "result": result, "rateLimits": []})

    # -- ports --------------------------------------------------------------------------------------------------------

    def spawn(self, name: str, coro: Any) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(coro, name=name))

    def ports(self, secrets: Mapping[str, Mapping[str, str]] | None = None) -> Ports:
        keys = {MAIN: {"api_key": "key", "api_secret": "secret"}} if secrets is None else secrets
        return Ports(
            venue="binance", clock=self.clock, log=self.log, publish=lambda to, event: self.heard.append((to, event)),
            spawn=self.spawn, open_feed=lambda spec: (), store=self.store, secrets=keys, http=self,
            open_session=self.open_session, budget=self.budget,
        )  # fmt: skip

    def driver(self, secrets: Mapping[str, Mapping[str, str]] | None = None, **settings: Any) -> Binance:
        config = BinanceConfig(product=self.product, **settings)  # type: ignore[arg-type]
        return Binance(config, [MAIN], self.ports(secrets))

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    # -- questions ----------------------------------------------------------------------------------------------------

    def on(self, to: str) -> list[Any]:
        return [event for name, event in self.heard if name == to]

    def private(self, kind: type) -> list[Any]:
        return [event for event in self.on("private/binance") if isinstance(event, kind)]

    def sent(self, method: str, path: str) -> list[dict[str, str]]:
        return [params for verb, where, params in self.calls if (verb, where) == (method, path)]

    def session(self, name: str) -> Session:
        return next(each for each in self.sessions if each.dialect.name == name)


async def settle(turns: int = 20) -> None:
    """Let what was spawned run until it waits for time."""
    for _ in range(turns):
        await asyncio.sleep(0)


def fixture(*parts: str) -> Any:
    path = FIXTURES.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"the fixture {'/'.join(parts)} is not beside the tree")
    return json.loads(path.read_text())


def place(side: str = "buy", size: str = "0.01", price: str | None = "60000", **more: Any) -> Place:
    facts: dict[str, Any] = {
        "account": MAIN, "client_id": "ctos0000001000000001", "symbol": PERP, "side": side, "size": Decimal(size),
        "type": "limit" if price else "market", "price": Decimal(price) if price else None,
    }  # fmt: skip
    return Place(**{**facts, **more})


def amend(**changes: Any) -> Amend:
    facts: dict[str, Any] = {"account": MAIN, "client_id": "ctos0000001000000001", "venue_id": "7", "symbol": PERP}
    return Amend(**{**facts, **changes})


def cancel(**changes: Any) -> Cancel:
    facts: dict[str, Any] = {"account": MAIN, "client_id": "ctos0000001000000001", "venue_id": "7", "symbol": PERP}
    return Cancel(**{**facts, **changes})
