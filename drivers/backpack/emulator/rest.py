"""The REST door: which path is answered by what, which signature it wants, and what goes wrong on the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ctosd.abi import Reply, Request
from drivers.backpack.emulator.accounts import Accounts
from drivers.backpack.emulator.desk import Desk
from drivers.backpack.emulator.faults import Faults
from drivers.backpack.emulator.history import History
from drivers.backpack.emulator.intake import parameter, read_json, read_object, target, wish
from drivers.backpack.emulator.keys import Keys, body_pairs, query_pairs
from drivers.backpack.emulator.limits import Limits
from drivers.backpack.emulator.markets import Markets
from drivers.backpack.emulator.public import Public, told
from drivers.backpack.emulator.refusals import JSON, Refusal, bad_request

MOST_IN_BATCH = 20
"""ccxt's cap; the venue publishes none."""
CANCEL_KINDS = ("RestingLimitOrder", "ConditionalOrder")
WRITES = ("POST", "DELETE", "PATCH")
HTML = (("content-type", "text/html; charset=UTF-8"),)
WALL = b"<!DOCTYPE html><html><head><title>Attention Required!</title></head><body>Sorry, you have been blocked</body></html>"
GARBAGE = b'{"id":"5966928'

Query = Mapping[str, str]
Open = Callable[[Query], Reply]
Signed = Callable[[str, Query, Any], Reply]


class Rest:
    """Routes requests. `now_ns` is the venue's clock, `clock_ns` one that no fault sets wrong."""

    def __init__(
        self,
        public: Public,
        accounts: Accounts,
        desk: Desk,
        history: History,
        markets: Markets,
        keys: Keys,
        limits: Limits,
        faults: Faults,
        now_ns: Callable[[], int],
        clock_ns: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._desk = desk
        self._markets = markets
        self._keys = keys
        self._limits = limits
        self._faults = faults
        self._now_ns = now_ns
        self._clock_ns = clock_ns
        self.refused = 0
        self._open = open_routes(public)
        self._signed = self._signed_routes(history)

    def _signed_routes(self, history: History) -> dict[tuple[str, str], tuple[str, Signed]]:
        """(method, path) -> (instruction, answer); instructions by sheet section 2.1."""
        past: dict[str, tuple[str, Callable[[str, Query], Reply]]] = {
            "orders": ("orderHistoryQueryAll", history.orders),
            "fills": ("fillHistoryQueryAll", history.fills),
            "funding": ("fundingHistoryQueryAll", history.funding),
            "settlement": ("settlementHistoryQueryAll", history.settlements),
            "position": ("positionHistoryQueryAll", history.nothing),
            "borrowLend": ("borrowHistoryQueryAll", history.nothing),
            "interest": ("interestHistoryQueryAll", history.nothing),
            "dust": ("dustHistoryQueryAll", history.nothing),
            "rfq": ("rfqHistoryQueryAll", history.nothing),
            "quote": ("quoteHistoryQueryAll", history.nothing),
            "strategies": ("strategyHistoryQueryAll", history.nothing),
        }
        routes: dict[tuple[str, str], tuple[str, Signed]] = {
            ("GET", f"/wapi/v1/history/{name}"): (instruction, _without_body(answer))
            for name, (instruction, answer) in past.items()
        }
        accounts = self._accounts
        return routes | {
            ("GET", "/wapi/v1/history/borrowLend/positions"): (
                "borrowPositionHistoryQueryAll",
                _without_body(history.nothing),
            ),
            ("GET", "/api/v1/capital"): ("balanceQuery", lambda who, query, body: told(accounts.capital(who))),
            ("GET", "/api/v1/capital/collateral"): (
                "collateralQuery",
                lambda who, query, body: told(accounts.collateral(who)),
            ),
            ("GET", "/api/v1/borrowLend/positions"): (
                "borrowLendPositionQuery",
                lambda who, query, body: told(accounts.lent(who)),
            ),
            ("GET", "/api/v1/account"): ("accountQuery", lambda who, query, body: told(accounts.settings(who))),
            ("PATCH", "/api/v1/account"): ("accountUpdate", self._change),
            ("GET", "/api/v1/account/limits/order"): ("maxOrderQuantity", self._most),
            ("GET", "/api/v1/position"): ("positionQuery", self._positions),
            ("GET", "/api/v1/order"): ("orderQuery", self._order),
            ("POST", "/api/v1/order"): ("orderExecute", self._place),
            ("DELETE", "/api/v1/order"): ("orderCancel", self._cancel),
            ("GET", "/api/v1/orders"): ("orderQueryAll", self._orders),
            ("POST", "/api/v1/orders"): ("orderExecute", self._batch),
            ("DELETE", "/api/v1/orders"): ("orderCancelAll", self._cancel_all),
        }

    # -- the way in and out -------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """One request, with the faults that are switched on."""
        faults, writes = self._faults, request.method in WRITES
        if faults.strikes("waf"):
            return Reply(403, WALL, HTML)
        try:
            if faults.strikes("error_before"):
                raise Refusal("SERVER_ERROR", "Internal server error")
            if faults.strikes("rate_limit"):
                raise Refusal("TOO_MANY_REQUESTS", "Too many requests")
            reply = self._dispatch(request)
        except Refusal as refusal:
            self.refused += 1
            reply = refusal.reply()
        return self._on_the_way(reply, writes)

    def _on_the_way(self, reply: Reply, writes: bool) -> Reply:
        """What becomes of an answer: everything that was asked for has happened."""
        faults = self._faults
        if writes and faults.strikes("reset_after"):
            return msgspec.structs.replace(reply, mishap="reset")
        if writes and faults.strikes("silence_after"):
            return msgspec.structs.replace(reply, mishap="silence")
        if writes and faults.strikes("error_after"):
            code = faults.pick("SERVER_ERROR", "TIMEOUT")
            reply = Refusal(code, "Internal server error" if code == "SERVER_ERROR" else "Request timed out").reply()
        if faults.strikes("garbage"):
            reply = Reply(200, GARBAGE, JSON)
        if slow := faults.value("slow"):
            return msgspec.structs.replace(reply, delay_s=slow, mishap="slow")
        return reply

    def _dispatch(self, request: Request) -> Reply:
        path = request.path.rstrip("/")
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if self._faults.value("maintenance") and path != "/api/v1/status":
            raise Refusal("MAINTENANCE", "The exchange is under maintenance")
        caller = self._keys.known(request.headers) or request.remote
        self._limits.take(caller, path, self._clock_ns())
        answer = self._open.get(path) if request.method == "GET" else None
        if answer is not None:
            return answer(query)
        route = self._signed.get((request.method, path))
        if route is None:
            return self._unknown(request.method, path)
        instruction, act = route
        body, parameters = self._content(request)
        account = self._keys.verify(request.headers, instruction, parameters, self._now_ns())
        return act(account, query, body)

    def _unknown(self, method: str, path: str) -> Reply:
        known = path in self._open or any(path == each for _, each in self._signed)
        if known:
            return Reply(405, b"method not allowed", HTML)
        raise Refusal("RESOURCE_NOT_FOUND", "Not found")

    @staticmethod
    def _content(request: Request) -> tuple[Any, list[list[tuple[str, str]]]]:
        """The body, read, and what of it or of the query is signed. Writes sign their body."""
        if request.method not in WRITES:
            return None, [query_pairs(request.query)]
        data = read_json(request.body, request.headers.get("content-type", ""))
        if isinstance(data, list):
            items = [each if isinstance(each, dict) else {} for each in data]
            return data, [body_pairs(each) for each in items] or [[]]
        return data, [body_pairs(data) if isinstance(data, dict) else []]

    # -- orders -----------------------------------------------------------------------------------------------------------

    def _place(self, account: str, query: Query, body: Any) -> Reply:
        return told(self._desk.place(account, wish(body, self._markets)).rest())

    def _batch(self, account: str, query: Query, body: Any) -> Reply:
        """Every item has its own outcome; the reply is 200 also when all fail."""
        if not isinstance(body, list) or not body:
            raise bad_request('parse request payload error: Expected input type "[OrderExecutePayload]"')
        if len(body) > MOST_IN_BATCH:
            raise bad_request("Too many orders in one batch")
        items: list[dict[str, Any]] = []
        for each in body:
            try:
                ticket = self._desk.place(account, wish(each, self._markets))
                items.append({"operation": "Ok", **ticket.rest()})
            except Refusal as refusal:
                items.append({"operation": "Err", **refusal.item()})
        return told(items)

    def _order(self, account: str, query: Query, body: Any) -> Reply:
        market = self._markets.named(parameter(query, "symbol"))
        order_id, client_id = target(query, text=True)
        found = self._desk.open_orders(account, market.name)
        for ticket in found:
            if ticket.id == order_id or (client_id is not None and ticket.client_id == client_id):
                return told(ticket.rest())
        raise Refusal("RESOURCE_NOT_FOUND", "Order not found")

    def _orders(self, account: str, query: Query, body: Any) -> Reply:
        name = query.get("symbol", "")
        if name:
            self._markets.named(name)
        return told([ticket.rest() for ticket in self._desk.open_orders(account, name, query.get("marketType", ""))])

    def _cancel(self, account: str, query: Query, body: Any) -> Reply:
        found = read_object(body, "OrderCancelPayload")
        market = self._markets.named(_symbol(found, "OrderCancelPayload"))
        order_id, client_id = target(found, text=True)
        ticket = self._desk.cancel(account, order_id, client_id, market.name)
        return told(ticket.rest()) if ticket is not None else Reply(202, b"", JSON)

    def _cancel_all(self, account: str, query: Query, body: Any) -> Reply:
        found = read_object(body, "OrderCancelAllPayload")
        market, kind = self._markets.named(_symbol(found, "OrderCancelAllPayload")), found.get("orderType")
        if kind is not None and kind not in CANCEL_KINDS:
            raise bad_request("parse request payload error: Expect a valid enumeration value.")
        tickets = self._desk.cancel_all(account, market.name, kind)
        return told([ticket.rest() for ticket in tickets]) if tickets is not None else Reply(202, b"", JSON)

    # -- account ------------------------------------------------------------------------------------------------------------

    def _change(self, account: str, query: Query, body: Any) -> Reply:
        self._accounts.change(account, read_object(body, "UpdateAccountSettingsRequest"))
        return Reply(200, b"", JSON)

    def _most(self, account: str, query: Query, body: Any) -> Reply:
        market = self._markets.named(parameter(query, "symbol"))
        side = parameter(query, "side", ("Bid", "Ask"))
        reduces = parameter(query, "reduceOnly", ("true", "false"), "false") == "true"
        return told(self._accounts.most(account, market, side, query.get("price"), reduces))

    def _positions(self, account: str, query: Query, body: Any) -> Reply:
        name = query.get("symbol", "")
        if name:
            self._markets.named(name)
        return told(self._accounts.positions(account, name, query.get("marketType", "")))


def open_routes(public: Public) -> dict[str, Open]:
    return {
        "/api/v1/status": public.status,
        "/api/v1/ping": public.ping,
        "/api/v1/time": public.time,
        "/api/v1/markets": public.markets,
        "/api/v1/market": public.market,
        "/api/v1/assets": public.assets,
        "/api/v1/collateral": public.collateral,
        "/api/v1/ticker": public.ticker,
        "/api/v1/tickers": public.tickers,
        "/api/v1/depth": public.depth,
        "/api/v1/klines": public.klines,
        "/api/v1/trades": public.trades,
        "/api/v1/trades/history": public.old_trades,
        "/api/v1/markPrices": public.marks,
        "/api/v1/fundingRates": public.rates,
        "/api/v1/openInterest": public.interest,
    }


def _without_body(answer: Callable[[str, Query], Reply]) -> Signed:
    return lambda account, query, body: answer(account, query)


def _symbol(body: Mapping[str, Any], kind: str) -> str:
    symbol = body.get("symbol")
    if not isinstance(symbol, str):
        raise bad_request(f'parse request payload error: failed to parse "{kind}": field "symbol" is required')
    return symbol
