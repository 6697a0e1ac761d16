"""REST: which request means what, who may send it and how often, and what goes wrong on its way (sheet sections 2, 3, 11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson

from ctosd.abi import Reply, Request
from drivers.okx.emulator.faults import Faults
from drivers.okx.emulator.figures import us
from drivers.okx.emulator.keys import Keys
from drivers.okx.emulator.limits import Limits
from drivers.okx.emulator.refusals import TEXTS, Refusal, envelope, outcome
from drivers.okx.emulator.trading import Trading

API = "/api/v5/"
ALWAYS = frozenset({"public/time", "system/status"})
UNPROVED = ("50026", "50004", "51054", "51149")
GARBAGE = b"<html><head><title>502 Bad Gateway</title></head></html>"
Given = Mapping[str, Any]
Ask = Callable[[str, Given], list[Any]]


class Route(msgspec.Struct, frozen=True):
    """`bucket` with `scope`: what its use is counted by beside caller or account: a parameter's name, or empty.

    Orders count themselves: their bucket is empty.
    """

    method: str
    bucket: str
    scope: str
    private: bool
    ask: Ask
    orders: bool = False


class Rest:
    """`routes` by path behind ``/api/v5/``, or by method and path."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        keys: Keys,
        limits: Limits,
        faults: Faults,
        now: Callable[[], int],
        clock: Callable[[], int],
    ) -> None:
        self._routes = routes
        self._keys = keys
        self._limits = limits
        self._faults = faults
        self._now = now
        self._clock = clock
        self.requests = 0
        self.refused: dict[str, int] = {}

    def answer(self, request: Request) -> Reply:
        self.requests += 1
        faults = self._faults
        started = self._now()
        try:
            route = self._route(request)
            body = self._handle(route, request)
            reply = Reply(200, self._envelope(route, body, started))
        except Refusal as refusal:
            self.refused[refusal.code] = self.refused.get(refusal.code, 0) + 1
            return self._late(refusal.reply())
        if request.method == "POST":
            if faults.strikes("reset_after"):
                return Reply(0, mishap="reset")
            if faults.strikes("error_after"):
                reply = self._unproved(route)
        if faults.strikes("garbage"):
            reply = Reply(200, GARBAGE, (("content-type", "text/html"),))
        return self._late(reply)

    def _unproved(self, route: Route) -> Reply:
        code = self._faults.choose(UNPROVED)
        status, text = TEXTS[code]
        return Reply(status, envelope([], code, text))

    def _late(self, reply: Reply) -> Reply:
        slow = self._faults.value("slow")
        return msgspec.structs.replace(reply, delay_s=slow, mishap="slow") if slow else reply

    def _route(self, request: Request) -> Route:
        path = request.path
        name = path.removeprefix(API)
        if self._faults.value("maintenance") and name not in ALWAYS:
            raise Refusal("50001")
        routes = self._routes if path.startswith(API) else {}
        route = routes.get(name) or routes.get(f"{request.method} {name}")
        if route is None:
            raise Refusal("50115" if any(known.endswith(f" {name}") for known in routes) else "404")
        if request.method != route.method:
            raise Refusal("50115")
        return route

    def _handle(self, route: Route, request: Request) -> list[Any]:
        account = self._keys.check(request, self._now()) if route.private else ""
        given = self._given(request)
        if self._faults.strikes("rate_limit"):
            raise Refusal("50011")
        if route.bucket:
            scope = account or request.remote
            if route.scope:
                value = given.get(route.scope) if isinstance(given, Mapping) else None
                scope = f"{scope}+{value or ''}"
            self._limits.take(((f"{route.bucket}@{scope}", 1),), self._clock())
        if route.orders and "exptime" in request.headers:
            given = Timed(given, request.headers["exptime"])
        return route.ask(account, given)

    @staticmethod
    def _given(request: Request) -> Any:
        """The parameters: the query's, or the body's JSON."""
        if request.method == "GET":
            return dict(parse_qsl(request.query, keep_blank_values=True))
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            raise Refusal("50006")
        if not request.body:
            raise Refusal("50000")
        try:
            return orjson.loads(request.body)
        except orjson.JSONDecodeError:
            raise Refusal("50002") from None

    def _envelope(self, route: Route, rows: list[Any], started: int) -> bytes:
        if not route.orders:
            return envelope(rows)
        code, text = outcome(rows)
        # A parameter that is missing refuses the whole request, where it has but one order.
        return envelope(rows, code, text, inTime=us(started), outTime=us(self._now() + 700_000))

    def statistics(self) -> dict[str, Any]:
        return {"requests": self.requests, "refused": dict(self.refused)}


class Timed:
    """The body of an order request together with its `expTime` header."""

    def __init__(self, given: Any, expires: str) -> None:
        self.given = given
        self.expires = expires


def orders(trading: Trading, verb: str, *, batch: bool) -> Ask:
    """The answer to a request with orders."""

    def ask(account: str, given: Any) -> list[Any]:
        expires = None
        if isinstance(given, Timed):
            given, expires = given.given, given.expires
        act = trading.batch if batch else trading.single
        rows = act(verb, account, given, coded=False, expires=expires)
        if not batch and rows[0]["sCode"] == "50014":
            raise _whole(rows[0])
        return rows

    return ask


def _whole(row: Mapping[str, Any]) -> Refusal:
    refusal = Refusal("50014", "")
    refusal.message = str(row["sMsg"])
    return refusal
