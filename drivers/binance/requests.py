"""Commands as Binance's parameters, the same for REST and the WebSocket API. (Sheet B3, C3 to C5.)"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from ctosd.abi import Amend, Cancel, Command, Place
from drivers.binance.config import ProductName

Pairs = list[tuple[str, str]]

SIDES = {"buy": "BUY", "sell": "SELL"}
TIFS = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK"}

POST_ONLY: Mapping[ProductName, tuple[tuple[str, str], ...]] = {
    "usdm": (("timeInForce", "GTX"), ("type", "LIMIT")),
    "spot": (("type", "LIMIT_MAKER"),),
}
BATCH: Mapping[type, int] = {Place: 5, Amend: 5, Cancel: 10}
"""Commands in one batch request at most (USDⓈ-M)."""


class Unsupported(Exception):
    """Binance cannot do this; nothing was sent. `reason` is a word of `REASONS`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def text(number: Decimal) -> str:
    """Digits without an exponent and without zeros at the end."""
    plain = str(number)
    if "E" in plain:
        plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if plain[-1] == "0" and "." in plain else plain


def place(product: ProductName, order: Place, native: str, price: Decimal | None = None) -> tuple[str, Pairs]:
    """`(call, parameters)` of a new order; `price` is the present one, which a conditional order is compared with."""
    if order.trigger is not None:
        return _conditional(product, order, native, price)
    # In the order in which the WebSocket API signs them: what is sorted already is sorted quickly.
    pairs = [("newClientOrderId", order.client_id)]
    if product == "spot":
        pairs.append(("newOrderRespType", "ACK"))  # there the default waits for the fills; on USDⓈ-M it is ACK
    if order.type == "limit":
        pairs.append(("price", _price(order)))
    pairs.append(("quantity", text(order.size)))
    if order.reduce_only:
        pairs.append(_reduce_only(product))
    return "place", [*pairs, ("side", SIDES[order.side]), ("symbol", native), *_terms(product, order)]


def _terms(product: ProductName, order: Place) -> Sequence[tuple[str, str]]:
    """Type and time in force. Post-only is a time in force on USDⓈ-M and a type of its own on spot."""
    if order.type == "market":
        return [("type", "MARKET")]
    if order.post_only:
        if order.tif != "gtc":
            raise Unsupported("bad_request", f"a post-only order rests: it cannot be {order.tif}")
        return POST_ONLY[product]
    return [("timeInForce", TIFS[order.tif]), ("type", "LIMIT")]


def _price(order: Place | Amend) -> str:
    if order.price is None:
        raise Unsupported("bad_request", "a limit order needs a price")
    return text(order.price)


def _reduce_only(product: ProductName) -> tuple[str, str]:
    if product == "spot":
        raise Unsupported("reduce_only", "there are no positions on spot that an order could reduce")
    return "reduceOnly", "true"


def _conditional(product: ProductName, order: Place, native: str, price: Decimal | None) -> tuple[str, Pairs]:
    """A trigger above the present price is a buyer's stop and a seller's profit; below it the other way round."""
    assert order.trigger is not None
    if order.post_only:
        raise Unsupported("unsupported", "a conditional order cannot be post-only at Binance")
    if price is None:
        raise Unsupported("no_price", "a conditional order needs the present price, to tell a stop from a profit order")
    stop = (order.trigger >= price) == (order.side == "buy")
    limit = order.type == "limit"
    pairs = [("symbol", native), ("side", SIDES[order.side]), ("quantity", text(order.size))]
    if limit:
        pairs += (("price", _price(order)), ("timeInForce", TIFS[order.tif]))
    if product == "spot":
        kind = ("STOP_LOSS" if stop else "TAKE_PROFIT") + ("_LIMIT" if limit else "")
        if order.reduce_only:
            pairs.append(_reduce_only(product))
        pairs += (("type", kind), ("stopPrice", text(order.trigger)))
        pairs += (("newClientOrderId", order.client_id), ("newOrderRespType", "ACK"))
        return "place", pairs
    kind = ("STOP" if stop else "TAKE_PROFIT") + ("" if limit else "_MARKET")
    if order.reduce_only:
        pairs.append(_reduce_only(product))
    pairs += (("algoType", "CONDITIONAL"), ("type", kind), ("triggerPrice", text(order.trigger)))
    pairs += (("workingType", "CONTRACT_PRICE"), ("clientAlgoId", order.client_id))
    return "place_algo", pairs


def cancel(order: Cancel, native: str, *, algo: bool = False) -> tuple[str, Pairs]:
    """Cancel by our id: it is known before the venue's, and names the same order over every path."""
    if algo:
        return "cancel_algo", [("clientAlgoId", order.client_id)] if order.client_id else [("algoId", order.venue_id)]
    pairs = [("symbol", native)]
    pairs.append(("origClientOrderId", order.client_id) if order.client_id else ("orderId", order.venue_id))
    return "cancel", pairs


def modify(order: Amend, native: str, side: str, price: Decimal, size: Decimal) -> tuple[str, Pairs]:
    """USDⓈ-M: side, size and price are always sent, those that do not change too. The order loses its place."""
    pairs = [("symbol", native), ("origClientOrderId", order.client_id)]
    return "amend", [*pairs, ("side", SIDES[side]), ("quantity", text(size)), ("price", text(price))]


def shrink(order: Amend, native: str, price: Decimal | None) -> tuple[str, Pairs]:
    """Spot: the size can be made smaller, and the order keeps its place; a price cannot be changed.

    The id is told again: without one the venue gives the order a new name, and it would be nobody's.
    """
    if order.price is not None and order.price != price:
        raise Unsupported(
            "amend_reject", "Binance spot cannot change the price of an order: cancel it, then place a new one"
        )
    if order.size is None:
        raise Unsupported("amend_reject", "nothing to change")
    pairs = [("symbol", native), ("origClientOrderId", order.client_id), ("newClientOrderId", order.client_id)]
    return "amend", [*pairs, ("newQty", text(order.size))]


def batch(pairs: Sequence[Pairs]) -> Pairs:
    """Places or amends as one request: a JSON array of their parameters."""
    return [("batchOrders", orjson.dumps([dict(each) for each in pairs]).decode())]


def cancel_batch(orders: Sequence[Cancel], native: str) -> Pairs:
    """Cancels of one symbol by their client ids."""
    ids = orjson.dumps([order.client_id for order in orders]).decode()
    return [("symbol", native), ("origClientOrderIdList", ids)]


def expiry(command: Command, now_ns: int, clock: Callable[[int], int]) -> Pairs:
    """`recvWindow` and `timestamp`: the venue refuses the command once it is older than it may be.

    `clock` turns our time into the venue's. The window is at most the venue's own limit of a minute.
    """
    window_ms = WINDOW_MS
    if not isinstance(command, Cancel) and command.expires_ns:
        window_ms = (command.expires_ns - now_ns) // 1_000_000
    if window_ms <= 0:
        raise Unsupported("deadline", "the order was too old to be sent")
    window_ms = min(window_ms, MOST_MS)
    return [("recvWindow", f"{window_ms}"), ("timestamp", f"{clock(now_ns) // 1_000_000}")]


WINDOW_MS, MOST_MS = 5_000, 60_000


def frame(identity: str, method: str, params: dict[str, Any]) -> bytes:
    """A request of the WebSocket API. Times become numbers there; what is signed is their digits either way."""
    if (stamp := params.get("timestamp")) is not None:
        params["timestamp"] = int(stamp)
    if (window := params.get("recvWindow")) is not None:
        params["recvWindow"] = int(window)
    return orjson.dumps({"id": identity, "method": method, "params": params})
