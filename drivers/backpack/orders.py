"""Commands as Backpack's parameters. What is not wanted is left out, never sent as null. Sheet, section 6.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctosd.abi import Cancel, Place, Side
from ctosd.abi.events import TimeInForce
from drivers.backpack.listing import Market

SIDES: Mapping[Side, str] = {"buy": "Bid", "sell": "Ask"}
TIMES: Mapping[TimeInForce, str] = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK"}

Params = dict[str, Any]


def place_params(place: Place, market: Market, number: int, *, redeem: bool) -> Params:
    """The body of one order. `redeem`: let a spot order take back what is lent out.

    A conditional order carries its size as `triggerQuantity`, and wakes by the last price. A spot order cannot be
    reduce-only at this venue; without borrowing, which is never asked for, a sale can do nothing else.
    """
    spot = market.instrument.kind == "spot"
    params: Params = {"clientId": number, "side": SIDES[place.side], "symbol": market.native}
    if spot and redeem:
        params["autoLendRedeem"] = True
    if place.reduce_only and not spot:
        params["reduceOnly"] = True
    if place.type == "limit":
        params["orderType"] = "Limit"
        params["price"] = format(place.price, "f") if place.price is not None else None
        params["timeInForce"] = TIMES[place.tif]
        if place.post_only:
            params["postOnly"] = True
    else:
        params["orderType"] = "Market"
    size = format(place.size, "f")
    if place.trigger is None:
        params["quantity"] = size
    else:
        params["triggerBy"] = "LastPrice"
        params["triggerPrice"] = format(place.trigger, "f")
        params["triggerQuantity"] = size
    return params


def cancel_params(cancel: Cancel, native: str, number: int | None) -> Params | None:
    """The body of a cancel: by order id where it is known, else by number; never both, which is refused. None without any."""
    if cancel.venue_id:
        return {"orderId": cancel.venue_id, "symbol": native}
    if number is None:
        return None
    return {"clientId": number, "symbol": native}
