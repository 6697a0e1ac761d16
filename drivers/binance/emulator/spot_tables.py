"""Under which names the operations of spot are asked for, with their weights (sheet B2 and B6).

Order commands cost nothing when they succeed and 1 when they do not (since 2026-04-02).
"""

from __future__ import annotations

from drivers.binance.emulator.branch import Table
from drivers.binance.emulator.futures_tables import Run, public
from drivers.binance.emulator.marketdata import gone
from drivers.binance.emulator.operations import Operation, by_limit, by_symbol
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.spot import Spot

NEW_ORDER = {"10S": 1, "1D": 1}
DEPTH = by_limit(100, (100, 5), (500, 25), (1000, 50), (5000, 250))
PLACE = frozenset(
    {
        "symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice", "newClientOrderId",
        "newOrderRespType", "selfTradePreventionMode", "computeCommissionRates",
    }
)  # fmt: skip
NAMED = frozenset({"symbol", "orderId", "origClientOrderId"})
CANCEL = NAMED | {"newClientOrderId", "cancelRestrictions"}
REPLACE = PLACE | {
    "cancelReplaceMode", "cancelNewClientOrderId", "cancelOrigClientOrderId", "cancelOrderId", "cancelRestrictions",
    "orderRateLimitExceededMode",
}  # fmt: skip


def _signed(run: Run, weight: int, knows: frozenset[str] | None = None) -> Operation:
    return Operation(run=run, security="signed", weight=weight, knows=knows)


def _command(run: Run, knows: frozenset[str], weight: int = 0, *, new: bool = False) -> Operation:
    return Operation(
        run=run,
        security="signed",
        weight=weight,
        orders=NEW_ORDER if new else {},
        write=True,
        failure_weight=0 if weight else 1,
        knows=knows,
    )


def day_weight(params: Params) -> int:
    """24hr tickers: by how many symbols are asked for."""
    if params.sent("symbol"):
        return 2
    count = params.values.get("symbols", "").count(",") + 1 if params.sent("symbols") else 1_000
    return 2 if count <= 20 else 40 if count <= 100 else 80


def rest(it: Spot) -> Table:
    """REST, without the head /api."""
    return {**_market(it), **_orders(it), **_account(it)}


def _market(it: Spot) -> Table:
    market = it.market
    found = {
        "/v3/ping": public(market.ping),
        "/v3/time": public(market.time),
        "/v3/exchangeInfo": public(market.info, 20),
        "/v3/depth": public(market.depth, DEPTH),
        "/v3/trades": public(market.trades, 25),
        "/v3/historicalTrades": public(market.trades, 25),
        "/v3/aggTrades": public(market.aggregates, 4),
        "/v3/klines": public(market.klines, 2),
        "/v3/uiKlines": public(market.klines, 2),
        "/v3/avgPrice": public(market.average, 2),
        "/v3/ticker/24hr": public(market.day, day_weight),
        "/v3/ticker/price": public(market.price, by_symbol(2, 4)),
        "/v3/ticker/bookTicker": public(market.book_ticker, by_symbol(2, 4)),
    }
    return {("GET", path): operation for path, operation in found.items()}


def _orders(it: Spot) -> Table:
    return {
        ("POST", "/v3/order"): _command(it.place, PLACE, new=True),
        ("POST", "/v3/order/test"): Operation(run=it.test, security="signed", weight=test_weight, knows=PLACE),
        ("GET", "/v3/order"): _signed(it.query, 4, NAMED),
        ("DELETE", "/v3/order"): _command(it.cancel, CANCEL),
        ("DELETE", "/v3/openOrders"): _command(it.cancel_all, frozenset({"symbol"})),
        ("POST", "/v3/order/cancelReplace"): _command(it.replace, REPLACE, new=True),
        ("PUT", "/v3/order/amend/keepPriority"): _command(it.amend, NAMED | {"newClientOrderId", "newQty"}, 4),
        ("GET", "/v3/openOrders"): Operation(run=it.open_orders, security="signed", weight=by_symbol(6, 80)),
        ("GET", "/v3/allOrders"): _signed(it.all_orders, 20),
        ("GET", "/v3/myTrades"): Operation(run=it.executions, security="signed", weight=trades_weight),
    }


def test_weight(params: Params) -> int:
    return 20 if params.values.get("computeCommissionRates") == "true" else 1


def trades_weight(params: Params) -> int:
    return 5 if params.sent("orderId") else 20


def _account(it: Spot) -> Table:
    return {
        ("GET", "/v3/account"): _signed(it.account, 20),
        ("GET", "/v3/account/commission"): _signed(it.market.commission, 20),
        ("GET", "/v3/rateLimit/order"): _signed(it.usage, 40),
        ("GET", "/v3/myFilters"): _signed(it.filters, 40),
        **{(method, "/v3/userDataStream"): public(gone) for method in ("POST", "PUT", "DELETE")},
    }


def socket(it: Spot) -> dict[str, Operation]:
    """The WebSocket API; sessions and user data are its own business."""
    table = rest(it)
    names = {
        "ping": ("GET", "/v3/ping"),
        "time": ("GET", "/v3/time"),
        "exchangeInfo": ("GET", "/v3/exchangeInfo"),
        "depth": ("GET", "/v3/depth"),
        "trades.recent": ("GET", "/v3/trades"),
        "trades.aggregate": ("GET", "/v3/aggTrades"),
        "klines": ("GET", "/v3/klines"),
        "avgPrice": ("GET", "/v3/avgPrice"),
        "ticker.24hr": ("GET", "/v3/ticker/24hr"),
        "ticker.price": ("GET", "/v3/ticker/price"),
        "ticker.book": ("GET", "/v3/ticker/bookTicker"),
        "order.place": ("POST", "/v3/order"),
        "order.test": ("POST", "/v3/order/test"),
        "order.status": ("GET", "/v3/order"),
        "order.cancel": ("DELETE", "/v3/order"),
        "order.cancelReplace": ("POST", "/v3/order/cancelReplace"),
        "order.amend.keepPriority": ("PUT", "/v3/order/amend/keepPriority"),
        "openOrders.status": ("GET", "/v3/openOrders"),
        "openOrders.cancelAll": ("DELETE", "/v3/openOrders"),
        "allOrders": ("GET", "/v3/allOrders"),
        "myTrades": ("GET", "/v3/myTrades"),
        "account.status": ("GET", "/v3/account"),
        "account.commission": ("GET", "/v3/account/commission"),
        "account.rateLimits.orders": ("GET", "/v3/rateLimit/order"),
        "myFilters": ("GET", "/v3/myFilters"),
    }
    return {name: table[where] for name, where in names.items()}
