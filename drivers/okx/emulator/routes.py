"""The table of REST requests: path, method, bucket, and who answers (sheet sections 5 to 7).

A path that is asked in two ways stands there with its method before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drivers.okx.emulator.accounts import Accounts
from drivers.okx.emulator.algos import Algos
from drivers.okx.emulator.deadman import DeadMan
from drivers.okx.emulator.desk import Desk
from drivers.okx.emulator.figures import ms
from drivers.okx.emulator.history import History
from drivers.okx.emulator.holdings import Holdings
from drivers.okx.emulator.public import Public
from drivers.okx.emulator.refusals import Refusal
from drivers.okx.emulator.rest import Ask, Route, orders
from drivers.okx.emulator.trading import Trading

Given = Mapping[str, Any]


def public_routes(public: Public) -> dict[str, Route]:
    def route(bucket: str, ask: Callable[[Given], list[Any]], scope: str = "") -> Route:
        return Route("GET", f"pub.{bucket}", scope, False, lambda account, given: ask(given))

    return {
        "public/time": route("time", public.time),
        "system/status": route("status", public.status),
        "public/instruments": route("instruments", public.instruments, "instType"),
        "market/ticker": route("ticker", public.ticker),
        "market/tickers": route("tickers", public.tickers),
        "market/books": route("books", public.books),
        "market/books-full": route("books_full", public.books_full),
        "market/candles": route("candles", public.candles),
        "market/history-candles": route("hist_candles", public.history_candles),
        "market/trades": route("trades", public.trades),
        "market/history-trades": route("hist_trades", public.history_trades),
        "public/funding-rate": route("funding", public.funding, "instId"),
        "public/funding-rate-history": route("funding_hist", public.funding_history, "instId"),
        "public/mark-price": route("mark", public.mark_price, "instId"),
        "market/index-tickers": route("index", public.index_tickers),
        "public/price-limit": route("price_limit", public.price_limit),
        "public/open-interest": route("open_interest", public.open_interest, "instId"),
    }


def account_routes(
    accounts: Accounts, holdings: Holdings, history: History, now: Callable[[], int]
) -> dict[str, Route]:
    def get(bucket: str, ask: Ask, scope: str = "") -> Route:
        return Route("GET", bucket, scope, True, ask)

    def post(bucket: str, ask: Ask) -> Route:
        return Route("POST", bucket, "", True, mapping(ask))

    def rate(account: str, given: Given) -> list[Any]:
        rates = {"accRateLimit": "1000", "nextAccRateLimit": "1000", "fillRatio": "", "mainFillRatio": ""}
        return [{**rates, "ts": ms(now())}]

    return {
        "account/instruments": get("acc.instruments", accounts.instruments, "instType"),
        "account/balance": get("acc.balance", holdings.balance),
        "account/positions": get("acc.positions", holdings.positions),
        "account/config": get("acc.config", accounts.config),
        "account/set-position-mode": post("acc.posmode", accounts.set_position_mode),
        "account/leverage-info": get("acc.lev_info", accounts.leverage_info),
        "account/set-leverage": post("acc.leverage", accounts.set_leverage),
        "account/trade-fee": get("acc.fee", accounts.trade_fee),
        "account/max-size": get("acc.maxsize", accounts.max_size),
        "account/max-avail-size": get("acc.maxsize", accounts.max_available),
        "account/bills": get("acc.bills", history.bills),
        "account/bills-archive": get("acc.bills_archive", history.bills_archive),
        "GET trade/order": get("trd.get_order", history.order, "instId"),
        "trade/orders-pending": get("trd.pending", history.pending),
        "trade/orders-history": get("trd.history7d", history.closed),
        "trade/orders-history-archive": get("trd.archive", history.archive),
        "trade/fills": get("trd.fills", history.fills),
        "trade/fills-history": get("trd.fills_hist", history.fills_history),
        "trade/account-rate-limit": get("trd.rate", rate),
    }


def trade_routes(trading: Trading, desk: Desk, algos: Algos, deadman: DeadMan) -> dict[str, Route]:
    def many(verb: str, *, batch: bool) -> Route:
        return Route("POST", "", "", True, orders(trading, verb, batch=batch), orders=True)

    def algo(bucket: str, ask: Ask, method: str = "GET") -> Route:
        return Route(method, f"trd.algo_{bucket}", "", True, ask, orders=method == "POST")

    return {
        "POST trade/order": many("place", batch=False),
        "trade/batch-orders": many("place", batch=True),
        "trade/amend-order": many("amend", batch=False),
        "trade/amend-batch-orders": many("amend", batch=True),
        "trade/cancel-order": many("cancel", batch=False),
        "trade/cancel-batch-orders": many("cancel", batch=True),
        "trade/close-position": Route(
            "POST", "trd.close", "instId", True, mapping(lambda account, given: [desk.close(account, given)])
        ),
        "trade/cancel-all-after": Route("POST", "trd.caa", "tag", True, mapping(deadman.arm)),
        "POST trade/order-algo": algo("place", untimed(trading.place_algo), "POST"),
        "GET trade/order-algo": algo("get", algos.order),
        "trade/cancel-algos": algo("cancel", untimed(trading.cancel_algos), "POST"),
        "trade/orders-algo-pending": algo("get", algos.pending),
        "trade/orders-algo-history": algo("get", algos.history),
    }


def mapping(ask: Ask) -> Ask:
    """Refuses a body that is no object."""

    def checked(account: str, given: Any) -> list[Any]:
        if not isinstance(given, Mapping):
            raise Refusal("50002")
        return ask(account, given)

    return checked


def untimed(ask: Callable[[str, object], list[Any]]) -> Ask:
    """For requests that have no use for `expTime`."""
    return lambda account, given: ask(account, getattr(given, "given", given))
