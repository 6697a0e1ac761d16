"""Orders and events of spot as they are written: REST answers, user data, and who is told (sheet B3 and B5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ctosd.abi import Balance
from drivers.binance.emulator.bookkeeping import Act
from drivers.binance.emulator.formats import ZERO, money
from drivers.binance.emulator.orders import Execution, Order
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime

Message = dict[str, Any]
EXPIRY = {"self_trade": 1, "not_filled": 2}


def acknowledged(order: Order) -> Message:
    """ACK: the ids alone."""
    return {
        "symbol": order.market.native,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": order.updated_ms,
    }


def _figures(order: Order) -> Message:
    terms = order.terms
    return {
        "price": money(order.price),
        "origQty": money(order.size),
        "executedQty": money(order.executed),
        "origQuoteOrderQty": money(terms.quote_size),
        "cummulativeQuoteQty": money(order.quote_executed),
        "status": order.status,
        "timeInForce": terms.tif,
        "type": terms.type,
        "side": terms.side.upper(),
    }


def result(order: Order) -> Message:
    """RESULT: how the order stands."""
    found = {**acknowledged(order), **_figures(order)}
    if order.terms.stop is not None:
        found["stopPrice"] = money(order.terms.stop)
    if order.working:
        found["workingTime"] = order.working_ms
    return {**found, "selfTradePreventionMode": order.terms.stp}


def full(order: Order) -> Message:
    """FULL: with every fill."""
    fills = [
        {
            "price": money(each.price),
            "qty": money(each.size),
            "commission": money(each.fee),
            "commissionAsset": each.fee_asset,
            "tradeId": each.id,
        }
        for each in order.executions
    ]
    return {**result(order), "workingTime": order.working_ms, "fills": fills}


def placed(order: Order) -> Message:
    """The answer to a place, as long as the client wants it."""
    return {"ACK": acknowledged, "RESULT": result, "FULL": full}[order.terms.response](order)


def cancelled(order: Order, cancel_id: str) -> Message:
    """The answer to a cancel: `clientOrderId` is the cancel's own."""
    return {
        "symbol": order.market.native,
        "origClientOrderId": order.client_id,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
        **_figures(order),
        "selfTradePreventionMode": order.terms.stp,
    }


def queried(order: Order) -> Message:
    found = {
        "symbol": order.market.native,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        **_figures(order),
        "stopPrice": money(order.terms.stop or ZERO),
        "icebergQty": money(ZERO),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.working or not order.open,
        "workingTime": order.working_ms,
        "selfTradePreventionMode": order.terms.stp,
    }
    return {**found, "expiryReason": EXPIRY.get(order.expiry, 0)} if order.status.startswith("EXPIRED") else found


def amended(order: Order, original: str, now_ms: int) -> Message:
    """The answer to an amend."""
    return {
        "transactTime": now_ms,
        "executionId": order.number * 10 + order.changes,
        "amendedOrder": {
            "symbol": order.market.native,
            "orderId": order.number,
            "orderListId": -1,
            "origClientOrderId": original,
            "clientOrderId": order.client_id,
            "price": money(order.price),
            "qty": money(order.size),
            "executedQty": money(order.executed),
            "preventedQty": money(ZERO),
            "quoteOrderQty": money(order.terms.quote_size),
            "cumulativeQuoteQty": money(order.quote_executed),
            "status": order.status,
            "timeInForce": order.terms.tif,
            "type": order.terms.type,
            "side": order.terms.side.upper(),
            "workingTime": order.working_ms,
            "selfTradePreventionMode": order.terms.stp,
        },
    }


def execution_row(order: Order, execution: Execution, trader: Trader) -> Message:
    """One row of myTrades."""
    return {
        "symbol": order.market.native,
        "id": execution.id,
        "orderId": order.number,
        "orderListId": -1,
        "price": money(execution.price),
        "qty": money(execution.size),
        "quoteQty": money(execution.quote),
        "commission": money(execution.fee),
        "commissionAsset": execution.fee_asset,
        "time": execution.time_ms,
        "isBuyer": order.terms.side == "buy",
        "isMaker": execution.maker,
        "isBestMatch": True,
    }


class SpotReporter:
    """Writes user data. `send` tells an account's streams, `balances` gives its money now."""

    def __init__(
        self,
        time: VenueTime,
        send: Callable[[Trader, Message], None],
        balances: Callable[[Trader], Sequence[Balance]],
    ) -> None:
        self._time = time
        self._send = send
        self._balances = balances

    def write(self, order: Order, kind: str, execution: Execution | None, cancel_id: str, original: str) -> Message:
        """executionReport as the order stands now."""
        terms = order.terms
        time_ms = execution.time_ms if execution is not None else order.updated_ms
        kind = "TRADE_PREVENTION" if kind == "EXPIRED" and order.status == "EXPIRED_IN_MATCH" else kind
        found: Message = {
            "e": "executionReport",
            "E": self._time.now_ms(),
            "s": order.market.native,
            "c": cancel_id or order.client_id,
            "S": terms.side.upper(),
            "o": terms.type,
            "f": terms.tif,
            "q": money(order.size),
            "p": money(order.price),
            "P": money(terms.stop or ZERO),
            "F": money(ZERO),
            "g": -1,
            "C": order.client_id if cancel_id else original,
            "x": kind,
            "X": order.status,
            "r": "NONE",
            "i": order.number,
            "l": money(execution.size if execution is not None else ZERO),
            "z": money(order.executed),
            "L": money(execution.price if execution is not None else ZERO),
            "n": money(execution.fee) if execution is not None else "0",
            "N": execution.fee_asset if execution is not None else None,
            "T": time_ms,
            "t": execution.id if execution is not None else -1,
            "I": order.number * 2 + len(order.executions),
            "w": order.working,
            "m": execution.maker if execution is not None else False,
            "M": False,
            "O": order.created_ms,
            "Z": money(order.quote_executed),
            "Y": money(execution.quote if execution is not None else ZERO),
            "Q": money(terms.quote_size),
            "V": terms.stp,
        }
        if order.working:
            found["W"] = order.working_ms
        return {**found, "eR": EXPIRY.get(order.expiry, 0)} if order.status.startswith("EXPIRED") else found

    def tell(self, trader: Trader, act: Act) -> None:
        for _, message, _, _ in act.reports:
            self._send(trader, message)
        assets = {asset for market in act.markets.values() for asset in (market.base, market.quote_asset)}
        assets |= act.balances.keys()
        if not assets:
            return
        rows = [
            {"a": each.asset, "f": money(each.available), "l": money(each.total - each.available)}
            for each in self._balances(trader)
            if each.asset in assets
        ]
        now_ms = self._time.now_ms()
        self._send(trader, {"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": rows})
