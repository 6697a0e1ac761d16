"""Orders and events of futures as they are written: REST answers, user data, and who is told (sheet C3 and C7)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ctosd.abi import Position
from drivers.binance.emulator.bookkeeping import Act
from drivers.binance.emulator.formats import ZERO, fixed, money, plain
from drivers.binance.emulator.markets import Markets
from drivers.binance.emulator.orders import Execution, Order
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime

Message = dict[str, Any]
EXPIRY = {"self_trade": "1", "not_filled": "2", "reduce_only": "4", "liquidated": "5"}
"""The stage's reason -> `er`."""


def placed(order: Order) -> Message:
    """The answer to a place, a modify or a cancel: since 2026-06-30 without avgPrice and cumQuote."""
    terms, market = order.terms, order.market
    return {
        "orderId": order.number,
        "symbol": market.native,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": market.price(order.price),
        "origQty": market.size(order.size),
        "executedQty": market.size(order.executed),
        "cumQty": market.size(order.executed),
        "timeInForce": terms.tif,
        "type": terms.type,
        "reduceOnly": terms.reduce_only,
        "closePosition": terms.close_position,
        "side": terms.side.upper(),
        "positionSide": terms.position_side,
        "stopPrice": market.price(ZERO),
        "workingType": terms.working_type,
        "priceProtect": terms.price_protect,
        "origType": terms.type,
        "priceMatch": terms.price_match,
        "selfTradePreventionMode": terms.stp,
        "goodTillDate": terms.good_till_ms,
        "updateTime": order.updated_ms,
    }


def acknowledged(order: Order) -> Message:
    """The short answer: as if nothing had happened yet."""
    return {**placed(order), "status": "NEW", **dict.fromkeys(("executedQty", "cumQty"), order.market.size(ZERO))}


def queried(order: Order) -> Message:
    """The answer to a query: here the average price is."""
    market = order.market
    return {
        **placed(order),
        "avgPrice": market.price(order.average),
        "cumQuote": plain(order.quote_executed),
        "time": order.created_ms,
    }


def execution_row(order: Order, execution: Execution, trader: Trader) -> Message:
    """One row of userTrades."""
    market, terms = order.market, order.terms
    return {
        "symbol": market.native,
        "id": execution.id,
        "orderId": order.number,
        "side": terms.side.upper(),
        "price": market.price(execution.price),
        "qty": market.size(execution.size),
        "realizedPnl": money(execution.realised),
        "quoteQty": plain(execution.quote),
        "commission": money(execution.fee),
        "commissionAsset": execution.fee_asset,
        "time": execution.time_ms,
        "positionSide": terms.position_side,
        "buyer": terms.side == "buy",
        "maker": execution.maker,
    }


class FuturesReporter:
    """Writes user data. `send` tells an account's streams."""

    def __init__(self, markets: Markets, time: VenueTime, send: Callable[[Trader, Message], None]) -> None:
        self._markets = markets
        self._time = time
        self._send = send

    # -- writing ----------------------------------------------------------------------------------------------------------

    def write(self, order: Order, kind: str, execution: Execution | None, cancel_id: str, original: str) -> Message:
        """ORDER_TRADE_UPDATE as the order stands now."""
        terms, market = order.terms, order.market
        time_ms = execution.time_ms if execution is not None else order.updated_ms
        found: Message = {
            "s": market.native,
            "c": order.client_id,
            "S": terms.side.upper(),
            "o": terms.type,
            "f": terms.tif,
            "q": market.size(order.size),
            "p": market.price(order.price),
            "ap": market.price(order.average),
            "sp": market.price(ZERO),
            "x": kind,
            "X": order.status,
            "i": order.number,
            "l": market.size(execution.size if execution is not None else ZERO),
            "z": market.size(order.executed),
            "L": market.price(execution.price if execution is not None else ZERO),
            "T": time_ms,
            "t": execution.id if execution is not None else 0,
            "b": "0",
            "a": "0",
            "m": execution.maker if execution is not None else False,
            "R": terms.reduce_only,
            "wt": terms.working_type,
            "ot": terms.type,
            "ps": terms.position_side,
            "cp": terms.close_position,
            "rp": plain(execution.realised) if execution is not None else "0",
            "pP": terms.price_protect,
            "si": 0,
            "ss": 0,
            "V": terms.stp,
            "pm": terms.price_match,
            "gtd": terms.good_till_ms,
            "er": EXPIRY.get(order.expiry, "0"),
        }
        if execution is not None:
            found |= {"N": execution.fee_asset, "n": plain(execution.fee)}
        return {"e": "ORDER_TRADE_UPDATE", "T": time_ms, "E": self._time.now_ms(), "o": found}

    # -- telling ------------------------------------------------------------------------------------------------------------

    def tell(self, trader: Trader, act: Act) -> None:
        """Fills in short first, then the money, then the orders: the venue promises no order between kinds."""
        for kind, _, order, execution in act.reports:
            if execution is not None and kind == "TRADE":
                self._send(trader, self._lite(order, execution))
        if act.payments:
            self._send(trader, self._account(act, "FUNDING_FEE", with_positions=False))
        elif act.positions or act.balances:
            self._send(trader, self._account(act, "ORDER", with_positions=True))
        for _, message, _, _ in act.reports:
            self._send(trader, message)

    def _lite(self, order: Order, execution: Execution) -> Message:
        market = order.market
        return {
            "e": "TRADE_LITE",
            "E": self._time.now_ms(),
            "T": execution.time_ms,
            "s": market.native,
            "q": market.size(order.size),
            "p": market.price(order.price),
            "m": execution.maker,
            "c": order.client_id,
            "S": order.terms.side.upper(),
            "L": market.price(execution.price),
            "l": market.size(execution.size),
            "t": execution.id,
            "i": order.number,
        }

    def _account(self, act: Act, reason: str, *, with_positions: bool) -> Message:
        now_ms = self._time.now_ms()
        change = sum((payment.amount for payment in act.payments), ZERO)
        rows = [
            {"a": each.asset, "wb": money(each.total), "cw": money(each.total), "bc": money(change)}
            for each in act.balances.values()
        ]
        positions = [self._position(each) for each in act.positions.values()] if with_positions else []
        return {
            "e": "ACCOUNT_UPDATE",
            "T": now_ms,
            "E": now_ms,
            "a": {"m": reason, "B": rows, "P": positions},
        }

    def _position(self, position: Position) -> Message:
        market = self._markets.by_symbol[position.symbol]
        entry = fixed(position.entry, market.price_places + 3)
        return {
            "s": market.native,
            "pa": market.size(position.size),
            "ep": entry,
            "bep": entry,
            "cr": plain(position.realised),
            "up": money(position.unrealised),
            "mt": "cross",
            "iw": "0",
            "ps": "BOTH",
            "ma": market.instrument.settle,
        }


def config_update(trader: Trader, now_ms: int, change: Message) -> Message:
    """ACCOUNT_CONFIG_UPDATE: `change` is its `ac` or its `ai`."""
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": now_ms, **change}


def leverage_change(native: str, leverage: Decimal) -> Message:
    return {"ac": {"s": native, "l": int(leverage)}}
