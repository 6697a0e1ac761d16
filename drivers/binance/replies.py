"""What Binance answers to queries, as records of the ABI. Pure; a row that cannot be true raises `ValueError`.

USDⓈ-M and spot have the same keys for orders but for the names of the amounts. Since 2026 the replies to writes on
USDⓈ-M have no average price; only queries and the user stream have it. (Sheet B and C3.)
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, DecimalException
from typing import Any

from ctosd.abi import Balance, Bar, Fill, Funding, Liquidity, OrderState, OrderType, OrderUpdate, Position, Quote, Side

MS = 1_000_000
HOUR_NS = 3_600 * 1_000_000_000
ZERO = Decimal(0)

STATES: Mapping[str, OrderState] = {
    "NEW": "open",
    "PENDING_NEW": "open",
    "PENDING_CANCEL": "open",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
    "NEW_INSURANCE": "filled",  # the venue itself traded: the liquidation was taken over by the insurance fund
    "NEW_ADL": "filled",
}
ALGO_STATES: Mapping[str, OrderState] = {
    "NEW": "open",
    "TRIGGERING": "open",
    "TRIGGERED": "open",
    "CANCELED": "cancelled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
}
WRONG = (KeyError, TypeError, ValueError, DecimalException, IndexError)
"""What reading a reply of another shape can raise."""


def side(word: str) -> Side:
    if word not in ("BUY", "SELL"):
        raise ValueError(f"a side of {word!r}")
    return "buy" if word == "BUY" else "sell"


def kind(word: str) -> OrderType:
    """Whether the order will trade at a price of its own, also once it was triggered."""
    limits = ("LIMIT", "LIMIT_MAKER", "STOP", "TAKE_PROFIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
    return "limit" if word in limits else "market"


def state(word: str, filled: Decimal) -> OrderState:
    found = STATES.get(word)
    if found is None:
        raise ValueError(f"an order status of {word!r}")
    return "partially_filled" if found == "open" and filled > 0 else found


def cause(client_id: str) -> str:
    """Why the venue itself sent an order, by the ids that it reserves; empty for everybody else's."""
    if client_id.startswith("adl_autoclose"):
        return "adl"
    if client_id.startswith("autoclose-"):
        return "liquidation"
    if client_id.startswith("settlement_autoclose-"):
        return "settlement"
    return "delivery" if client_id.startswith("delivery_autoclose-") else ""


def number(value: Any) -> Decimal:
    found = Decimal(str(value))
    if not found.is_finite():
        raise ValueError(f"{value!r} is no number")
    return found


def order(row: Mapping[str, Any], account: str, symbol: str) -> OrderUpdate:
    """An order of GET order, openOrders or allOrders."""
    filled, size = number(row["executedQty"]), number(row["origQty"])
    price = number(row["price"])
    status = row["status"]
    return OrderUpdate(
        account=account,
        symbol=symbol,
        client_id=str(row["clientOrderId"]),
        venue_id=str(row["orderId"]),
        state=state(status, filled),
        side=side(row["side"]),
        type=kind(str(row.get("origType") or row["type"])),
        size=size,
        filled=filled,
        time_ns=int(row.get("updateTime") or row.get("transactTime") or row.get("time") or 0) * MS,
        price=price or None,
        average=_average(row, filled),
        reduce_only=row.get("reduceOnly") is True,
        reason=reason(status, str(row.get("expiryReason") or ""), str(row.get("timeInForce") or "")),
    )


def reason(status: str, why: str = "", tif: str = "") -> str:
    """The word of `REASONS` for an end that was not asked for."""
    if status == "EXPIRED_IN_MATCH" or "SELF_TRADE" in why:
        return "self_trade"
    if status == "EXPIRED":
        return "post_only" if tif == "GTX" else "not_filled"
    return "exchange_error" if status == "REJECTED" else ""


def _average(row: Mapping[str, Any], filled: Decimal) -> Decimal | None:
    if not filled:
        return None
    told = row.get("avgPrice")
    if told is not None:
        return number(told) or None
    quote = row.get("cummulativeQuoteQty", row.get("cumQuote"))
    return number(quote) / filled if quote is not None and number(quote) > 0 else None


def algo(row: Mapping[str, Any], account: str, symbol: str) -> OrderUpdate:
    """A conditional order of the algo service (USDⓈ-M)."""
    status = row["algoStatus"]
    size = number(row["quantity"])
    filled = number(row.get("actualQty") or 0) if status == "FINISHED" else ZERO
    return OrderUpdate(
        account=account,
        symbol=symbol,
        client_id=str(row["clientAlgoId"]),
        venue_id=str(row["algoId"]),
        state=algo_state(status, filled, size),
        side=side(row["side"]),
        type=kind(str(row.get("orderType") or row.get("type"))),
        size=size,
        filled=filled,
        time_ns=int(row.get("updateTime") or row.get("createTime") or 0) * MS,
        price=number(row.get("price") or 0) or None,
        reduce_only=row.get("reduceOnly") is True,
    )


def algo_state(status: str, filled: Decimal, size: Decimal) -> OrderState:
    """A finished one was executed as an ordinary order, whole or in part."""
    if status == "FINISHED":
        return "filled" if filled >= size > 0 else "cancelled"
    found = ALGO_STATES.get(status)
    if found is None:
        raise ValueError(f"an algo order status of {status!r}")
    return found


def fill(row: Mapping[str, Any], account: str, symbol: str, client_id: str) -> Fill:
    """A trade of userTrades or myTrades; these name the order by the venue's id only."""
    buyer = row["isBuyer"] if "isBuyer" in row else row["buyer"]
    maker = row["isMaker"] if "isMaker" in row else row["maker"]
    liquidity: Liquidity = "maker" if maker else "taker"
    return Fill(
        account=account,
        symbol=symbol,
        trade_id=str(row["id"]),
        client_id=client_id,
        venue_id=str(row["orderId"]),
        side="buy" if buyer else "sell",
        price=number(row["price"]),
        size=number(row["qty"]),
        fee=number(row["commission"]),
        fee_asset=str(row["commissionAsset"]),
        liquidity=liquidity,
        time_ns=int(row["time"]) * MS,
        cause=cause(client_id),
    )


def balance_usdm(row: Mapping[str, Any], account: str, now_ns: int) -> Balance:
    """`availableBalance` is what new orders may use, over all assets in multi-assets mode."""
    return Balance(
        account=account,
        asset=str(row["asset"]),
        total=number(row["balance"]),
        available=number(row["availableBalance"]),
        time_ns=int(row.get("updateTime") or 0) * MS or now_ns,
    )


def balance_spot(row: Mapping[str, Any], account: str, time_ns: int) -> Balance:
    free = number(row["free"])
    return Balance(
        account=account, asset=str(row["asset"]), total=free + number(row["locked"]), available=free, time_ns=time_ns
    )


def position(row: Mapping[str, Any], account: str, symbol: str, leverage: Decimal) -> Position:
    """A row of positionRisk; version 3 has no leverage, so it is handed in."""
    liquidation = number(row.get("liquidationPrice") or 0)
    return Position(
        account=account,
        symbol=symbol,
        size=number(row["positionAmt"]),
        entry=number(row["entryPrice"]),
        mark=number(row["markPrice"]),
        unrealised=number(row["unRealizedProfit"]),
        leverage=number(row["leverage"]) if "leverage" in row else leverage,
        liquidation=liquidation if liquidation > 0 else None,
        time_ns=int(row.get("updateTime") or 0) * MS,
    )


def quote(row: Mapping[str, Any], venue: str, symbol: str, recv_ns: int) -> Quote:
    """GET bookTicker; spot tells no time."""
    bid, ask = float(row["bidPrice"]), float(row["askPrice"])
    if not 0.0 < bid <= ask:
        raise ValueError(f"a bid of {bid} and an ask of {ask}")
    time_ns = int(row.get("time") or 0) * MS or recv_ns
    return Quote(venue, symbol, bid, float(row["bidQty"]), ask, float(row["askQty"]), time_ns)


def bar(row: Any, venue: str, symbol: str, timeframe: str) -> Bar:
    """A row of klines."""
    opened, closed = int(row[0]), int(row[6])
    prices = [float(row[place]) for place in (1, 2, 3, 4)]
    first, high, low, last = prices
    if not 0.0 < low <= min(first, last) <= max(first, last) <= high or float(row[5]) < 0:
        raise ValueError(f"a bar of {prices}")
    return Bar(venue, symbol, timeframe, first, high, low, last, float(row[5]), opened * MS, (closed + 1) * MS)


def funding(row: Mapping[str, Any], venue: str, symbol: str, interval_h: float) -> Funding | None:
    """premiumIndex; contracts without funding have an empty rate."""
    if row["lastFundingRate"] == "":
        return None
    return Funding(
        venue,
        symbol,
        float(row["lastFundingRate"]),
        float(row["markPrice"]),
        int(row["nextFundingTime"]) * MS,
        int(row["time"]) * MS,
        int(interval_h * HOUR_NS),
    )
