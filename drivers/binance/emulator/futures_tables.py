"""Under which names the operations of futures are asked for, with their weights (sheet C2 and C8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drivers.binance.emulator.branch import Table
from drivers.binance.emulator.futures import Futures
from drivers.binance.emulator.operations import Call, Operation, by_limit, by_symbol

NEW_ORDER = {"10S": 1, "1M": 1}
NEW_BATCH = {"10S": 5, "1M": 1}
DEPTH = by_limit(500, (50, 2), (100, 5), (500, 10), (1000, 20))
KLINES = by_limit(500, (99, 1), (499, 2), (1000, 5), (1500, 10))

Run = Callable[[Call], Any]


def signed(run: Run, weight: Any = 1, **more: Any) -> Operation:
    return Operation(run=run, security="signed", weight=weight, **more)


def public(run: Run, weight: Any = 1, **more: Any) -> Operation:
    return Operation(run=run, weight=weight, **more)


def keyed(run: Run, weight: Any = 1) -> Operation:
    return Operation(run=run, security="key", weight=weight)


def rest(it: Futures) -> Table:
    """REST, without the head /fapi."""
    return {**_market(it), **_orders(it), **_account(it), **_algos(it)}


def _market(it: Futures) -> Table:
    market = it.market
    found = {
        "/v1/ping": public(market.ping),
        "/v1/time": public(market.time),
        "/v1/exchangeInfo": public(market.info),
        "/v1/depth": public(market.depth, DEPTH),
        "/v1/rpiDepth": public(market.depth, 20),
        "/v1/trades": public(market.trades, 5),
        "/v1/historicalTrades": keyed(market.trades, 200),
        "/v1/aggTrades": public(market.aggregates, 20),
        "/v1/klines": public(market.klines, KLINES),
        "/v1/markPriceKlines": public(market.klines, KLINES),
        "/v1/premiumIndex": public(market.premium, by_symbol(1, 10)),
        "/v1/fundingRate": public(market.funding_rates, 0, funding=True),
        "/v1/fundingInfo": public(market.funding_info, 0, funding=True),
        "/v1/ticker/24hr": public(market.day, by_symbol(1, 40)),
        "/v1/ticker/price": public(market.price, by_symbol(1, 2)),
        "/v2/ticker/price": public(market.price, by_symbol(1, 2)),
        "/v1/ticker/bookTicker": public(market.book_ticker, by_symbol(2, 5)),
        "/v1/openInterest": public(market.open_interest),
    }
    return {("GET", path): operation for path, operation in found.items()}


def _orders(it: Futures) -> Table:
    write = {"write": True}
    return {
        ("POST", "/v1/order"): signed(it.place, 0, orders=NEW_ORDER, **write),
        ("PUT", "/v1/order"): signed(it.modify, 0, orders=NEW_ORDER, **write),
        ("DELETE", "/v1/order"): signed(it.cancel, 1, **write),
        ("GET", "/v1/order"): signed(it.query),
        ("POST", "/v1/order/test"): signed(it.test, 0),
        ("POST", "/v1/batchOrders"): signed(it.place_batch, 5, orders=NEW_BATCH, **write),
        ("PUT", "/v1/batchOrders"): signed(it.modify_batch, 5, orders=NEW_BATCH, **write),
        ("DELETE", "/v1/batchOrders"): signed(it.cancel_batch, 1, **write),
        ("DELETE", "/v1/allOpenOrders"): signed(it.cancel_all, 1, **write),
        ("POST", "/v1/countdownCancelAll"): signed(it.countdown, 10),
        ("GET", "/v1/openOrder"): signed(it.query_open),
        ("GET", "/v1/openOrders"): signed(it.open_orders, by_symbol(1, 40)),
        ("GET", "/v1/allOrders"): signed(it.all_orders, 5),
        ("GET", "/v1/userTrades"): signed(it.executions, 5),
        ("GET", "/v1/forceOrders"): signed(it.forced, by_symbol(20, 50)),
    }


def _account(it: Futures) -> Table:
    portfolio = it.portfolio
    return {
        ("GET", "/v2/balance"): signed(lambda call: portfolio.balance(call.trader), 5),
        ("GET", "/v3/balance"): signed(lambda call: portfolio.balance(call.trader), 5),
        ("GET", "/v2/account"): signed(lambda call: portfolio.account(call.trader, 2), 5),
        ("GET", "/v3/account"): signed(lambda call: portfolio.account(call.trader, 3), 5),
        ("GET", "/v2/positionRisk"): signed(_positions(it, 2), 5),
        ("GET", "/v3/positionRisk"): signed(_positions(it, 3), 5),
        ("GET", "/v1/symbolConfig"): signed(
            lambda call: portfolio.symbol_config(call.trader, it.markets.maybe(call.params)), 5
        ),
        ("GET", "/v1/accountConfig"): signed(lambda call: portfolio.config(call.trader), 5),
        ("GET", "/v1/positionSide/dual"): signed(lambda call: {"dualSidePosition": call.trader.hedged}, 30),
        ("POST", "/v1/positionSide/dual"): signed(it.set_hedged),
        ("POST", "/v1/leverage"): signed(it.leverage),
        ("POST", "/v1/marginType"): signed(it.margin_type),
        ("GET", "/v1/multiAssetsMargin"): signed(lambda call: {"multiAssetsMargin": call.trader.multi_assets}, 30),
        ("POST", "/v1/multiAssetsMargin"): signed(it.set_multi_assets),
        ("GET", "/v1/commissionRate"): signed(it.market.commission, 20),
        ("GET", "/v1/leverageBracket"): signed(lambda call: portfolio.brackets(it.markets.maybe(call.params))),
        ("GET", "/v1/income"): signed(it.income, 30),
        ("GET", "/v1/rateLimit/order"): signed(it.usage),
        ("POST", "/v1/listenKey"): keyed(it.start_stream),
        ("PUT", "/v1/listenKey"): keyed(it.extend_stream),
        ("DELETE", "/v1/listenKey"): keyed(it.stop_stream),
    }


def _positions(it: Futures, version: int) -> Run:
    return lambda call: it.portfolio.positions(call.trader, it.markets.maybe(call.params), version)


def _algos(it: Futures) -> Table:
    return {
        ("POST", "/v1/algoOrder"): signed(it.place_algo, 0, orders=NEW_ORDER, write=True),
        ("DELETE", "/v1/algoOrder"): signed(it.cancel_algo, 1, write=True),
        ("GET", "/v1/algoOrder"): signed(it.query_algo),
        ("GET", "/v1/openAlgoOrders"): signed(it.open_algos, by_symbol(1, 40)),
        ("GET", "/v1/allAlgoOrders"): signed(it.all_algos, 5),
        ("DELETE", "/v1/algoOpenOrders"): signed(it.cancel_algos, 1, write=True),
    }


def socket(it: Futures) -> dict[str, Operation]:
    """The WebSocket API: no batch, and no cancel of all."""
    table, market = rest(it), it.market
    return {
        "ping": public(market.ping),
        "time": public(market.time),
        "depth": public(market.depth, DEPTH),
        "ticker.price": public(market.price, by_symbol(1, 2)),
        "ticker.book": public(market.book_ticker, by_symbol(2, 5)),
        "order.place": table["POST", "/v1/order"],
        "order.modify": table["PUT", "/v1/order"],
        "order.cancel": table["DELETE", "/v1/order"],
        "order.status": table["GET", "/v1/order"],
        "algoOrder.place": table["POST", "/v1/algoOrder"],
        "algoOrder.cancel": table["DELETE", "/v1/algoOrder"],
        "account.balance": table["GET", "/v2/balance"],
        "v2/account.balance": table["GET", "/v3/balance"],
        "account.status": table["GET", "/v2/account"],
        "v2/account.status": table["GET", "/v3/account"],
        "account.position": table["GET", "/v2/positionRisk"],
        "v2/account.position": table["GET", "/v3/positionRisk"],
        "userDataStream.start": table["POST", "/v1/listenKey"],
        "userDataStream.ping": table["PUT", "/v1/listenKey"],
        "userDataStream.stop": table["DELETE", "/v1/listenKey"],
    }
