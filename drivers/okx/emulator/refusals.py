"""What OKX refuses, with its codes: HTTP status and text of each, and the envelopes of answers.

Sheet sections 3 and 10; texts and statuses from the error code page of docs-v5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from ctosd.abi import Reply

TEXTS: dict[str, tuple[int, str]] = {
    "1": (200, "All operations failed"),
    "2": (200, "Bulk operation partially succeeded."),
    "404": (404, "The requested resource could not be found"),
    "50000": (400, "Body for POST request cannot be empty."),
    "50001": (503, "Service temporarily unavailable. Please try again later."),
    "50002": (400, "JSON syntax error"),
    "50004": (400, "API endpoint request timeout."),
    "50006": (400, 'Invalid Content-Type. Please use "application/JSON".'),
    "50011": (429, "Too Many Requests"),
    "50013": (429, "Systems are busy. Please try again later."),
    "50014": (400, "Parameter {} can not be empty"),
    "50015": (400, "Either parameter {} or {} is required"),
    "50016": (400, "Parameter {} does not match parameter {}"),
    "50024": (200, "Parameter {} and {} can not exist at the same time."),
    "50025": (200, "Parameter {} count exceeds the limit {}."),
    "50026": (500, "System error. Try again later"),
    "50030": (200, "You don't have permission to use this API endpoint"),
    "50036": (
        200,
        "The expTime can't be earlier than the current system time. Please adjust the expTime and try again.",
    ),
    "50037": (200, "Order expired."),
    "50061": (200, "You've reached the maximum order rate limit for this account."),
    "50062": (200, "This feature is currently unavailable."),
    "50101": (401, "APIKey does not match current environment."),
    "50102": (401, "Timestamp request expired."),
    "50103": (401, 'Request header "OK-ACCESS-KEY" cannot be empty.'),
    "50104": (401, 'Request header "OK-ACCESS-PASSPHRASE" cannot be empty.'),
    "50105": (401, 'Request header "OK-ACCESS-PASSPHRASE" incorrect.'),
    "50106": (401, 'Request header "OK-ACCESS-SIGN" cannot be empty.'),
    "50107": (401, 'Request header "OK-ACCESS-TIMESTAMP" cannot be empty.'),
    "50111": (401, "Invalid OK-ACCESS-KEY."),
    "50112": (401, "Invalid OK-ACCESS-TIMESTAMP."),
    "50113": (401, "Invalid signature."),
    "50115": (405, "Invalid request method."),
    "50119": (200, "API key doesn't exist"),
    "50120": (200, "This API key doesn't have permission to use this function"),
    "51000": (400, "Parameter {} error"),
    "51001": (200, "Instrument ID, Instrument ID code or Spread ID doesn't exist."),
    "51003": (200, "Either client order ID or order ID is required."),
    "51004": (
        200,
        "Order failed. The sum of the order, the position and the pending orders exceeds the position limit.",
    ),
    "51006": (200, "Order price is not within the price limit (max buy price: {} min sell price: {})"),
    "51008": (200, "Order failed. Insufficient {} balance in account"),
    "51010": (200, "Request unsupported under current account mode"),
    "51015": (200, "Instrument ID doesn't match instrument type."),
    "51016": (200, "Client order ID already exists."),
    "51020": (200, "Your order should meet or exceed the minimum order amount."),
    "51021": (200, "The pair or contract is not yet listed"),
    "51022": (200, "Contract suspended."),
    "51023": (200, "Position doesn't exist."),
    "51054": (500, "Request timed out. Please try again."),
    "51065": (200, "algoClOrdId already exists."),
    "51071": (200, "You've reached the maximum limit for tag level cancel all after timers."),
    "51101": (200, "Order failed, the sz of the current order can't be more than {} (contracts)."),
    "51102": (200, "Order failed, the number of pending orders for this instId can't be more than {} (orders)"),
    "51103": (200, "Order failed, the number of pending orders across all instIds can't be more than {} (orders)"),
    "51111": (200, "Maximum {} orders can be placed in bulk."),
    "51112": (200, "Close order size exceeds available size for this position."),
    "51115": (429, "Cancel all pending close-orders before liquidation."),
    "51121": (200, "Order quantity must be a multiple of the lot size."),
    "51137": (200, "The highest price limit for buy orders is {}."),
    "51138": (200, "The lowest price limit for sell orders is {}."),
    "51149": (500, "Order timed out. Please try again."),
    "51150": (200, "The precision of the number of trades or the price exceeds the limit."),
    "51169": (
        200,
        "Order failed because you don't have any positions in this direction for this contract to reduce or close.",
    ),
    "51170": (
        200,
        "Failed to place order. A reduce-only order can't be the same trading direction as your existing positions.",
    ),
    "51202": (200, "Market order amount exceeds the maximum amount."),
    "51204": (200, "The price for the limit order cannot be empty."),
    "51277": (200, "TP trigger price cannot be higher than the last price."),
    "51278": (200, "SL trigger price cannot be lower than the last price."),
    "51279": (200, "TP trigger price cannot be lower than the last price."),
    "51280": (200, "SL trigger price cannot be higher than the last price."),
    "51400": (200, "Order cancellation failed as the order has been filled, canceled or does not exist."),
    "51500": (200, "You must enter a price, quantity, or TP/SL"),
    "51502": (200, "Unable to edit order: insufficient balance or margin."),
    "51503": (200, "Your order has already been filled or canceled."),
    "51506": (200, "Order modification unavailable for the order type."),
    "51511": (200, "Modification failed as the order price did not meet the requirement for Post Only."),
    "51512": (
        200,
        "Failed to amend orders in batches. You cannot have duplicate orders in the same amend-batch-orders request.",
    ),
    "51521": (200, "Failed to edit. Unable to edit reduce-only order because you don't have any positions."),
    "51603": (200, "Order does not exist."),
    "52000": (200, "No market data found."),
    "59000": (200, "Setting failed. Cancel any open orders, close positions, and stop trading bots first."),
    "59102": (200, "Leverage exceeds the maximum limit. Please lower the leverage."),
    "59107": (
        200,
        "You have pending orders under the service, please modify the leverage after canceling all of them.",
    ),
    "59108": (200, "Your account leverage is too low and has insufficient margin. Please increase the leverage."),
    # WebSocket
    "60004": (200, "Invalid timestamp"),
    "60005": (200, "Invalid apiKey"),
    "60006": (200, "Timestamp request expired"),
    "60007": (200, "Invalid sign"),
    "60009": (200, "Login failure"),
    "60011": (200, "Please log in"),
    "60012": (200, "Invalid request: {}"),
    "60013": (200, "Invalid args"),
    "60014": (200, "Requests too frequent"),
    "60018": (
        200,
        "Wrong URL or {} doesn't exist. Please use the correct URL, channel and parameters referring to API document.",
    ),
    "60019": (200, "Invalid op: {}"),
    "60023": (200, "Bulk login requests too frequent"),
    "60024": (200, "Wrong passphrase"),
    "60027": (200, "Parameter {} can not be empty."),
    "60028": (
        200,
        "The current operation is not supported by this URL. Please use the correct WebSocket URL for the operation.",
    ),
    "60031": (200, "The WebSocket endpoint does not allow multiple or repeated logins."),
    "60032": (200, "API key doesn't exist."),
    "60033": (200, "Parameter {} error."),
    "64003": (200, "Your trading fee tier doesn't meet the requirement to access this channel"),
    "64008": (200, "The connection will soon be closed for a service upgrade. Please reconnect."),
}


class Refusal(Exception):
    """A request that OKX refuses. `sub` is the sub-code that stands beside some codes."""

    def __init__(self, code: str, *params: object, sub: str = "") -> None:
        self.status, text = TEXTS[code]
        self.code = code
        self.sub = sub
        self.message = text.format(*params)
        super().__init__(f"{code} {self.message}")

    def reply(self) -> Reply:
        return Reply(self.status, envelope([], self.code, self.message))

    def row(self, **ids: str) -> dict[str, str]:
        """The refusal as one element of an order request's answer."""
        return {**ids, "sCode": self.code, "sMsg": self.message, "subCode": self.sub}


def envelope(data: Sequence[Any], code: str = "0", message: str = "", **more: str) -> bytes:
    return orjson.dumps({"code": code, "data": data, "msg": message, **more})


def outcome(rows: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """Outer `(code, msg)` of an order request with these elements: all well, none, or some."""
    bad = sum(row["sCode"] != "0" for row in rows)
    code = "0" if not bad else "1" if bad == len(rows) else "2"
    return code, "" if code == "0" else TEXTS[code][1]
