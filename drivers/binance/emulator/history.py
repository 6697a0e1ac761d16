"""Orders, fills and income of the past: windows, pages and what is forgotten (sheet B2 and C2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drivers.binance.emulator.formats import money
from drivers.binance.emulator.markets import Market
from drivers.binance.emulator.orders import Execution, Order, forgotten
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.traders import Trader

HOUR_MS = 3_600_000
FUTURES_WINDOW_MS = 7 * 24 * HOUR_MS
SPOT_WINDOW_MS = 24 * HOUR_MS
DEFAULT, MOST = 500, 1000
THREE_MONTHS_MS = 92 * 24 * HOUR_MS

Row = Callable[[Order, Execution, Trader], dict[str, Any]]


class Range:
    """The time that a listing covers. `first` says that pages are cut at the end, not at the beginning."""

    def __init__(self, params: Params, window_ms: int, now_ms: int) -> None:
        start = params.integer("startTime") if params.sent("startTime") else None
        end = params.integer("endTime") if params.sent("endTime") else None
        if start is not None and end is not None:
            if start > end:
                raise Refusal(-1023, "Start time is greater than end time.")
            if end - start > window_ms:
                raise Refusal(-1127, f"More than {window_ms // HOUR_MS} hours between startTime and endTime.")
        self.first = start is not None
        self.given = start is not None or end is not None
        if start is not None:
            self.start, self.end = start, end if end is not None else start + window_ms
        elif end is not None:
            self.start, self.end = end - window_ms, end
        else:
            self.start, self.end = now_ms - window_ms, now_ms + window_ms

    def has(self, time_ms: int) -> bool:
        return self.start <= time_ms <= self.end


def orders(trader: Trader, market: Market | None, params: Params, now_ms: int, *, spot: bool) -> list[Order]:
    """allOrders: by `orderId` upwards, else by time; oldest first."""
    limit = params.limit(DEFAULT, MOST)
    when = Range(params, SPOT_WINDOW_MS if spot else FUTURES_WINDOW_MS, now_ms)
    known = [
        order
        for order in trader.ledger
        if (market is None or order.market is market) and (spot or not forgotten(order, now_ms))
    ]
    if params.sent("orderId"):
        number = params.integer("orderId")
        return [order for order in known if order.number >= number][:limit]
    if when.given or not spot:
        known = [order for order in known if when.has(order.created_ms)]
    return known[:limit] if when.first else known[-limit:]


def executions(
    trader: Trader, market: Market, params: Params, now_ms: int, row: Row, *, spot: bool
) -> list[dict[str, Any]]:
    """userTrades and myTrades: by `fromId` upwards, by order, or by time; oldest first."""
    limit = params.limit(DEFAULT, MOST)
    when = Range(params, SPOT_WINDOW_MS if spot else FUTURES_WINDOW_MS, now_ms)
    if params.sent("fromId") and when.given:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    found = sorted(
        ((order, each) for order in trader.ledger if order.market is market for each in order.executions),
        key=lambda pair: pair[1].id,
    )
    if not spot:
        found = [pair for pair in found if now_ms - pair[1].time_ms <= THREE_MONTHS_MS]
    if params.sent("orderId"):
        number = params.integer("orderId")
        found = [pair for pair in found if pair[0].number == number]
    first = when.first
    if params.sent("fromId"):
        number, first = params.integer("fromId"), True
        found = [pair for pair in found if pair[1].id >= number]
    elif when.given or not (spot or params.sent("orderId")):
        found = [pair for pair in found if when.has(pair[1].time_ms)]
    return [row(order, each, trader) for order, each in (found[:limit] if first else found[-limit:])]


def income(trader: Trader, market: Market | None, params: Params, now_ms: int) -> list[dict[str, Any]]:
    """Income records of the last seven days, or of the time that is asked for; oldest first."""
    limit = params.limit(100, MOST)
    when = Range(params, THREE_MONTHS_MS, now_ms)
    since = when.start if when.given else now_ms - FUTURES_WINDOW_MS
    kind = params.text("incomeType") if params.sent("incomeType") else ""
    found = [
        each
        for each in trader.income
        if since <= each.time_ms <= when.end
        and (not kind or each.kind == kind)
        and (market is None or each.native == market.native)
    ]
    return [
        {
            "symbol": each.native,
            "incomeType": each.kind,
            "income": money(each.amount),
            "asset": each.asset,
            "info": each.info,
            "time": each.time_ms,
            "tranId": each.number,
            "tradeId": each.trade_id,
        }
        for each in (found[:limit] if when.first else found[-limit:])
    ]
