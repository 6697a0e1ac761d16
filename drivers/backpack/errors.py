"""What Backpack's refusals mean: its codes and sentences in the house's words, and what a reply to a write proves.

Backpack writes ``{"code": "…", "message": "…"}``. Its front door may answer with HTML instead, which says nothing about
what lies behind it. Sheet, section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ctosd.abi import NotReady, Response

UNCLEAR = frozenset({"SERVER_ERROR", "TIMEOUT"})
"""Codes after which nobody knows whether a write was done."""

CODES: Mapping[str, str] = {
    "TOO_MANY_REQUESTS": "rate_limited",
    "MAINTENANCE": "maintenance",
    "TRADING_PAUSED": "market_closed",
    "SERVER_ERROR": "exchange_error",
    "TIMEOUT": "exchange_error",
    "TOO_EARLY": "overload",
    "INVALID_SIGNATURE": "auth",
    "UNAUTHORIZED": "auth",
    "FORBIDDEN": "permission",
    "ACCOUNT_DEACTIVATED": "permission",
    "ACCOUNT_LIQUIDATING": "permission",
    "INVALID_CLIENT_REQUEST": "bad_request",
    "INVALID_PRICE": "price_band",
    "INVALID_QUANTITY": "filter",
    "INVALID_RANGE": "filter",
    "INVALID_ORDER": "bad_request",
    "INVALID_MARKET": "bad_symbol",
    "INVALID_SYMBOL": "bad_symbol",
    "INVALID_ASSET": "bad_symbol",
    "INSUFFICIENT_FUNDS": "insufficient_funds",
    "INSUFFICIENT_MARGIN": "insufficient_funds",
    "MAX_LEVERAGE_REACHED": "insufficient_funds",
    "BORROW_LIMIT": "insufficient_funds",
    "INSUFFICIENT_SUPPLY": "insufficient_funds",
    "BORROW_REQUIRES_LEND_REDEEM": "insufficient_funds",
    "LEND_REQUIRES_BORROW_REPAY": "permission",
    "LEND_LIMIT": "permission",
    "POSITION_LIMIT": "position_limit",
    "ORDER_LIMIT": "order_count_limit",
    "RESOURCE_NOT_FOUND": "order_not_found",
    "PRECONDITION_FAILED": "bad_request",
    "NOT_IMPLEMENTED": "unsupported",
    "INVALID_SOURCE": "bad_request",
    "INVALID_POSITION_ID": "bad_request",
    "INVALID_TWO_FACTOR_CODE": "bad_request",
}

TEXTS: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "INVALID_CLIENT_REQUEST": (
        (("expired",), "timestamp"),
        (("timestamp",), "timestamp"),
        (("window",), "timestamp"),
        (("signature",), "auth"),
        (("api", "key"), "auth"),
        (("client", "id", "duplicate"), "duplicate_client_id"),
        (("client", "id", "already"), "duplicate_client_id"),
        (("decimal too long",), "filter"),
    ),
    "INVALID_ORDER": (
        (("immediately match",), "post_only"),
        (("post only",), "post_only"),
        (("does not exist",), "order_not_found"),
        (("not found",), "order_not_found"),
        (("reduce only",), "reduce_only"),
        (("reduce-only",), "reduce_only"),
        (("self trade",), "self_trade"),
        (("client", "id", "duplicate"), "duplicate_client_id"),
        (("client", "id", "already"), "duplicate_client_id"),
        (("decimal too long",), "filter"),
    ),
    "INVALID_PRICE": ((("decimal too long",), "filter"),),
}
"""Where one code stands for several things its message tells which: all the words of a row, in small letters."""

REASONS_OF_EXPIRY: Mapping[str, str] = {
    "postonlytaker": "post_only",
    "postonlymode": "post_only",
    "immediateorcancel": "not_filled",
    "fillorkill": "not_filled",
    "insufficientfunds": "insufficient_funds",
    "insufficientmargin": "insufficient_funds",
    "insufficientliquidity": "not_filled",
    "insufficientborrowablequantity": "insufficient_funds",
    "borrowrequireslendredeem": "insufficient_funds",
    "negativeequity": "insufficient_funds",
    "priceoutofbounds": "price_band",
    "priceband": "price_band",
    "priceimpact": "price_band",
    "slippagetoleranceexceeded": "price_band",
    "reduceonlynotreduced": "reduce_only",
    "stopwithoutposition": "reduce_only",
    "selftradeprevention": "self_trade",
    "positionlimit": "position_limit",
    "maxstopordersperposition": "order_count_limit",
    "liquidation": "liquidated",
    "userpermissions": "permission",
    "accounttradingsuspended": "permission",
    "invalidprice": "filter",
    "invalidquantity": "filter",
}


class _Body(msgspec.Struct):
    code: str | int = ""
    message: str = ""
    msg: str = ""


_read_body = msgspec.json.Decoder(_Body).decode


class Verdict(msgspec.Struct, frozen=True):
    """What a reply that is no success says. `proof`: the venue certainly did not do what was asked."""

    status: int
    code: str
    reason: str
    message: str
    proof: bool


class VenueError(NotReady):
    """A read that the venue answered with a refusal."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"Backpack: {verdict.message} ({verdict.code or verdict.status})")
        self.verdict = verdict


def reason_of(code: str, message: str) -> str:
    """The word of `ctosd.abi.REASONS` for a code and its message."""
    text = message.lower()
    for words, reason in TEXTS.get(code, ()):
        if all(word in text for word in words):
            return reason
    return CODES.get(code, "exchange_error")


def reason_of_expiry(reason: str) -> str:
    """The word for why an order expired; the venue writes it in two ways (``PostOnlyTaker``, ``PRICE_BAND``)."""
    return REASONS_OF_EXPIRY.get(reason.replace("_", "").lower(), "exchange_error") if reason else ""


def judge(response: Response) -> Verdict:
    """What a reply with a status of 300 or more, or one that cannot be read, says."""
    body = _parse(response.body)
    if body is None:
        return _judge_unreadable(response)
    return verdict_of(response.status, str(body.code), body.message or body.msg)


def verdict_of(status: int, code: str, message: str) -> Verdict:
    """The verdict on an error object. A 5xx with a code that does not explain it proves nothing."""
    reason = reason_of(code, message)
    known = code in CODES and code not in UNCLEAR
    if 400 <= status < 500:
        proof = code not in UNCLEAR and status != 408
    else:
        proof = known and reason in ("maintenance", "market_closed", "rate_limited")
    return Verdict(status, code, reason, message or f"HTTP {status}", proof)


def _parse(body: bytes) -> _Body | None:
    try:
        found = _read_body(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found if found.code != "" else None


def _judge_unreadable(response: Response) -> Verdict:
    """Not the API's own words: the front door's, or a broken reply. Only a refusal at the door proves anything."""
    status = response.status
    at_the_door: Mapping[int, str] = {401: "auth", 403: "banned", 429: "rate_limited"}
    reason = at_the_door.get(status, "exchange_error")
    return Verdict(status, "", reason, f"HTTP {status}: {glimpse(response.body)}", status in at_the_door)


def glimpse(body: bytes) -> str:
    """The beginning of a reply, for a log."""
    return body[:120].decode("utf-8", "replace").strip() or "an empty body"


def is_error(item: Any) -> bool:
    """Whether one item of a batch's reply is a refusal."""
    return isinstance(item, dict) and item.get("operation") == "Err"
