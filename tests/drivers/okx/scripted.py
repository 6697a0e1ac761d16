"""A world in which every answer of the venue is a test's own: scripted HTTP, sessions without a socket, a virtual clock."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ctosd.abi import Cancel, Event, NoAnswer, NotSent, Place, Ports, Response, Side
from ctosd.kernel.budget import SharedBudget
from ctosd.kernel.tasks import Tasks
from ctosd.testing.rig import ListLog, run_virtual, void
from drivers.okx import Okx
from drivers.okx.config import OkxConfig
from drivers.okx.listing import Listing

SHARED = Path(__file__).parents[4] / "shared"
FIXTURES = SHARED / "fixtures"
MAIN, PERP, SPOT = "okx/main", "BTC/USDT:USDT", "BTC/USDT"
KEYS = {"api_key": "key", "api_secret": "secret", "passphrase": "phrase"}
D = Decimal

SWAP_ROW: dict[str, Any] = {
    "instId": "BTC-USDT-SWAP", "instType": "SWAP", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC", "ctType": "linear",
    "settleCcy": "USDT", "instFamily": "BTC-USDT", "uly": "BTC-USDT", "baseCcy": "", "quoteCcy": "", "tickSz": "0.1",
    "lotSz": "0.01", "minSz": "0.01", "maxLmtSz": "100000000", "maxMktSz": "12000", "lever": "100", "state": "live",
    "instIdCode": 10459, "groupId": "4",
}  # fmt: skip
SPOT_ROW: dict[str, Any] = {
    "instId": "BTC-USDT", "instType": "SPOT", "baseCcy": "BTC", "quoteCcy": "USDT", "ctVal": "", "ctMult": "", "ctType": "",
    "tickSz": "0.1", "lotSz": "0.00000001", "minSz": "0.00001", "maxLmtSz": "9999", "maxMktSz": "1000000", "lever": "10",
    "state": "live", "instIdCode": 10, "groupId": "1",
}  # fmt: skip


def fixture(name: str) -> Any:
    """A JSON fixture; skips the test where the shared folder is absent."""
    return json.loads(fixture_text(name))


def fixture_text(name: str) -> str:
    import pytest

    path = FIXTURES / name
    if not path.exists():
        pytest.skip("the recordings of the venues are kept beside the project and are not here")
    return path.read_text()


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def listing(*rows: Mapping[str, Any]) -> Listing:
    made = Listing("okx")
    made.adopt([dump(row) for row in rows or (SWAP_ROW, SPOT_ROW)])
    return made


def virtual(body: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test on the virtual clock."""

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> None:
        async def main() -> None:
            # a double of 1.7e9 s has steps of 0.24 µs: with a finer resolution a timer due exactly now would never be due
            asyncio.get_running_loop()._clock_resolution = 1e-6  # type: ignore[attr-defined]
            await body(*args, **kwargs)

        run_virtual(main())

    return run


class Call:
    """A request as it left."""

    def __init__(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        parts = urlsplit(url)
        self.method, self.path = method, parts.path
        self.target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self.query = dict(parse_qsl(parts.query))
        self.headers = dict(headers)
        self.raw = body
        self.body = json.loads(body) if body else None


Answer = Any  # data rows, a (status, body) pair, an exception, or a function of the call that gives one of these


class ScriptedHttp:
    """Answers by path; a list of answers is given one by one, its last for ever."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.calls: list[Call] = []
        self.answers: dict[str, list[Answer]] = {}
        self.on("/api/v5/public/time", lambda call: [{"ts": str(clock.now_ns() // 1_000_000)}])
        self.on("/api/v5/system/status", [])

    def on(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def to(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.path == path]

    async def request(
        self, method: str, url: str, *, headers: Any = (), body: bytes = b"", timeout_s: float = 10.0
    ) -> Response:
        call = Call(method, url, headers, body)
        self.calls.append(call)
        await asyncio.sleep(0)
        queue = self.answers.get(call.path)
        if queue is None:
            return self._respond(404, b"<html>no such page</html>")
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if callable(answer):
            answer = answer(call)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            status, told = answer
            return self._respond(status, told if isinstance(told, bytes) else dump(told))
        return self._respond(200, dump({"code": "0", "msg": "", "data": answer}))

    def _respond(self, status: int, body: bytes) -> Response:
        return Response(status, {}, body, self.clock.now_ns())


class ScriptedSession:
    """A session whose socket is the test. `reply(message)` answers an order message: a reply, None for silence."""

    def __init__(self, world: World, dialect: Any) -> None:
        self.world = world
        self.dialect = dialect
        self.up = False
        self.wants: list[str] = []
        self.sent: list[Any] = []
        self.acts: list[tuple[str, ...]] = []
        self.error: Exception | None = None
        self._greeted = False
        self._asked: dict[str, asyncio.Future[Any]] = {}

    async def start(self, within_s: float = 15.0) -> None:
        await self.dialect.address()
        self.connect(resumed=False)
        if self.error is not None:
            raise self.error

    def connect(self, *, resumed: bool) -> None:
        for message in self.dialect.hello():
            self._write(message)
            self.hear({"event": "login", "code": "0", "msg": "", "connId": "x"})
        self.up = True
        self._subscribe(self.wants)
        self.dialect.on_up(resumed)

    def drop(self, reason: str = "connection reset") -> None:
        self.up = False
        for future in self._asked.values():
            future.set_exception(NoAnswer(reason))
        self._asked.clear()
        self.dialect.on_down(reason)

    async def stop(self) -> None:
        self.up = False

    def _write(self, message: bytes) -> Any:
        said = json.loads(message)
        self.sent.append(said)
        return said

    def _subscribe(self, streams: Sequence[str]) -> None:
        if not streams:
            return
        for message in self.dialect.subscribe(list(streams)):
            said = self._write(message)
            if self.world.acknowledges:
                for arg in said["args"]:
                    self.hear({"id": said["id"], "event": "subscribe", "arg": arg, "connId": "x"})

    def want(self, stream: str, *, quiet_s: float = 0.0, first_s: float = 10.0) -> None:
        if stream not in self.wants:
            self.wants.append(stream)
            if self.up:
                self._subscribe([stream])

    def unwant(self, stream: str) -> None:
        self.wants.remove(stream)

    def send(self, message: bytes) -> None:
        self._write(message)

    async def ask(self, key: str, message: bytes, timeout_s: float = 10.0) -> Any:
        if not self.up or self.world.refuses:
            raise NotSent("not connected")
        said = self._write(message)
        future = self._asked[key] = asyncio.get_running_loop().create_future()
        reply = self.world.reply(said)
        if reply is not None:
            self.hear(reply)
        try:
            return await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            raise NoAnswer("no answer") from None

    def hear(self, message: Any) -> str:
        frame = message if isinstance(message, bytes) else dump(message)
        return str(self.dialect.hear(self, frame, self.world.clock.now_ns()))

    def greeted(self) -> None:
        self._greeted = True

    def refused(self, error: Exception) -> None:
        self.error = error

    def answer(self, key: str, value: Any) -> None:
        future = self._asked.pop(key, None)
        if future is not None:
            future.set_result(value)

    def rejected(self, stream: str, reason: str) -> None:
        self.acts.append(("rejected", stream, reason))

    def resubscribe(self, stream: str, reason: str) -> None:
        self.acts.append(("resubscribe", stream, reason))
        self._subscribe([stream])

    def rotate(self, reason: str) -> None:
        self.acts.append(("rotate", reason))

    def reconnect(self, reason: str) -> None:
        self.acts.append(("reconnect", reason))

    def statistics(self) -> Mapping[str, Any]:
        return {"up": self.up}


class World:
    """Everything around one driver. Make it inside of a virtual loop."""

    def __init__(self, *, secrets: Mapping[str, Mapping[str, str]] | None = None, **settings: Any) -> None:
        self.clock = asyncio.get_running_loop().clock  # type: ignore[attr-defined]
        self.log = ListLog()
        self.failures: list[tuple[str, BaseException]] = []
        self.tasks = Tasks(lambda name, error: self.failures.append((name, error)))
        self.http = ScriptedHttp(self.clock)
        self.sessions: dict[str, ScriptedSession] = {}
        self.heard: list[tuple[str, Event]] = []
        self.acknowledges = True
        self.refuses = False
        self.reply: Callable[[Any], Any] = accept
        self.settings = settings
        self.ports = Ports(
            venue="okx",
            clock=self.clock,
            log=self.log,
            publish=lambda name, event: self.heard.append((name, event)),
            spawn=lambda name, coro: void(self.tasks.spawn(name, coro)),
            open_feed=lambda spec: None,  # type: ignore[arg-type,return-value]
            secrets={MAIN: KEYS} if secrets is None else secrets,
            http=self.http,
            open_session=self._open,
            budget=SharedBudget(self.clock, Okx.manifest.limits),
        )
        self.usual()

    def _open(self, dialect: Any) -> ScriptedSession:
        session = self.sessions[dialect.name] = ScriptedSession(self, dialect)
        return session

    def usual(self) -> None:
        """The answers of a healthy venue."""
        rows = {"SPOT": [SPOT_ROW], "SWAP": [SWAP_ROW]}
        for path in ("/api/v5/account/instruments", "/api/v5/public/instruments"):
            self.http.on(path, lambda call: rows[call.query["instType"]])
        fees = [{"instType": "SWAP", "feeGroup": [{"groupId": "4", "maker": "-0.0002", "taker": "-0.0005"}]}]
        self.http.on("/api/v5/account/trade-fee", fees)
        config = {"acctLv": "2", "posMode": "net_mode", "perm": "read_only,trade", "ip": "10.0.0.1"}
        self.http.on("/api/v5/account/config", [config])
        for path in ("orders-pending", "orders-algo-pending", "orders-history", "fills", "fills-history"):
            self.http.on(f"/api/v5/trade/{path}", [])
        for path in ("account/positions", "account/bills", "account/bills-archive", "public/funding-rate-history"):
            self.http.on(f"/api/v5/{path}", [])
        self.http.on("/api/v5/account/balance", [{"details": [{"ccy": "USDT", "cashBal": "100", "availEq": "90"}]}])

    def driver(self, accounts: Sequence[str] = (MAIN,)) -> Okx:
        return Okx(OkxConfig(**self.settings), accounts, self.ports)

    async def started(self, accounts: Sequence[str] = (MAIN,)) -> Okx:
        driver = self.driver(accounts)
        await driver.start()
        return driver

    async def turn(self, seconds: float = 0.01) -> None:
        """Let what was set going go on."""
        await self.clock.sleep(seconds)

    def on(self, name: str) -> list[Any]:
        return [event for topic, event in self.heard if topic == name]

    def private(self, kind: type) -> list[Any]:
        return [event for event in self.on("private/okx") if isinstance(event, kind)]

    async def close(self, driver: Okx) -> None:
        await driver.stop()
        await self.tasks.cancel()
        assert self.failures == []


def accept(said: Any) -> Any:
    """What the venue says when it takes every order of a message."""
    rows = [
        {"ordId": f"v{place}", "clOrdId": arg.get("clOrdId", ""), "sCode": "0", "sMsg": "", "ts": "1700000000123"}
        for place, arg in enumerate(said["args"])
    ]
    return {"id": said["id"], "op": said["op"], "code": "0", "msg": "", "data": rows, "inTime": "1", "outTime": "2"}


def refuse(code: str, message: str = "no") -> Callable[[Any], Any]:
    def reply(said: Any) -> Any:
        rows = [{"ordId": "", "clOrdId": "", "sCode": code, "sMsg": message} for _ in said["args"]]
        return {"id": said["id"], "op": said["op"], "code": "1", "msg": "", "data": rows}

    return reply


def place(
    client_id: str = "ctos0000001000000001",
    side: Side = "buy",
    size: str = "0.5",
    price: str | None = "60000",
    **more: Any,
) -> Place:
    facts: dict[str, Any] = {"account": MAIN, "symbol": PERP, **more}
    return Place(
        client_id=client_id,
        side=side,
        type="market" if price is None else "limit",
        size=D(size),
        price=D(price) if price is not None else None,
        **facts,
    )


def cancel(client_id: str = "ctos0000001000000001", venue_id: str = "", symbol: str = PERP) -> Cancel:
    return Cancel(account=MAIN, client_id=client_id, venue_id=venue_id, symbol=symbol)


def order_row(**changes: Any) -> dict[str, Any]:
    """A row of an order, as the venue writes them."""
    row = {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "ordId": "7", "clOrdId": "ctos0000001000000001", "tag": "ctos",
        "px": "60000", "sz": "50", "ordType": "limit", "side": "buy", "posSide": "net", "tdMode": "cross", "state": "live",
        "accFillSz": "0", "avgPx": "", "fillPx": "", "fillSz": "", "fillTime": "", "fillFee": "0", "fillFeeCcy": "",
        "tradeId": "", "execType": "", "fee": "0", "feeCcy": "USDT", "reduceOnly": "false", "cancelSource": "",
        "category": "normal", "cTime": "1700000000000", "uTime": "1700000000001",
    }  # fmt: skip
    return row | changes


def push(channel: str, *rows: Any, **arg: Any) -> dict[str, Any]:
    return {"arg": {"channel": channel, **arg}, "data": list(rows)}
