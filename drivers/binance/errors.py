"""What Binance's replies mean: the code tables of both products, and the verdict on the answer to a request.

A write is refused only on proof. Every answer that does not prove it (5xx, 408, timeouts, the venue's own "status
unknown", a body that cannot be read) is `unknown`. (Sheet A3 and D.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import orjson

from ctosd.abi import NotReady
from drivers.binance.config import ProductName

Kind = Literal["ok", "rejected", "unknown"]

ANY: dict[int, str] = {
    -1002: "auth",
    -1003: "rate_limited",
    -1008: "overload",
    -1013: "filter",
    -1015: "rate_limited",
    -1016: "maintenance",
    -1021: "timestamp",
    -1022: "auth",
    -1034: "rate_limited",
    -1099: "auth",
    -1111: "filter",
    -1112: "not_filled",
    -1121: "bad_symbol",
    -2011: "order_not_found",
    -2013: "order_not_found",
    -2014: "auth",
    -2015: "auth",
}
"""Codes that mean the same in both products."""

USDM: dict[int, str] = ANY | {
    -2018: "insufficient_funds",
    -2019: "insufficient_funds",
    -2020: "not_filled",
    -2021: "filter",  # a conditional order that would trigger at once
    -2022: "reduce_only",
    -2024: "reduce_only",
    -2025: "order_count_limit",
    -2026: "bad_request",
    -2027: "position_limit",
    -2028: "insufficient_funds",
    -4003: "filter",
    -4004: "filter",
    -4005: "filter",
    -4013: "filter",
    -4014: "filter",
    -4016: "price_band",
    -4023: "filter",
    -4024: "price_band",
    -4028: "position_limit",
    -4029: "filter",
    -4030: "filter",
    -4050: "insufficient_funds",
    -4051: "insufficient_funds",
    -4061: "permission",
    -4087: "permission",
    -4088: "permission",
    -4109: "permission",
    -4116: "duplicate_client_id",
    -4120: "bad_request",
    -4131: "price_band",
    -4140: "market_closed",
    -4141: "market_closed",
    -4164: "min_notional",
    -4192: "permission",
    -4400: "permission",
    -4401: "permission",
    -4402: "permission",
    -4403: "position_limit",
    -5021: "not_filled",
    -5022: "post_only",
    -5024: "market_closed",
    -5025: "amend_reject",
    -5026: "amend_reject",
    -5027: "amend_reject",
    -5028: "timestamp",
    -5041: "not_filled",
    -5047: "amend_reject",
}

SPOT: dict[int, str] = ANY | {
    -2026: "order_not_found",  # archived
    -2035: "bad_request",
    -2036: "bad_request",
    -2038: "amend_reject",
    -2039: "bad_request",
}

TABLES: Mapping[ProductName, Mapping[int, str]] = {"usdm": USDM, "spot": SPOT}

TEXTS: tuple[tuple[str, str], ...] = (
    ("immediately match and take", "post_only"),
    ("insufficient balance", "insufficient_funds"),
    ("duplicate order", "duplicate_client_id"),
    ("market is closed", "market_closed"),
    ("this symbol is not permitted", "permission"),
    ("may not place or cancel", "permission"),
    ("percent_price", "price_band"),
    ("max_num", "order_count_limit"),
    ("max_position", "position_limit"),
    ("notional", "min_notional"),
    ("filter failure", "filter"),
)
"""The message decides where one code has many meanings: -2010 and -1013."""

UNSURE = {-1000, -1006, -1007}
"""The venue itself does not know whether it acted."""

NOOP = {-4046, -4059}
"""Already in that margin or position mode: as good as done."""

FRONT_DOOR = {
    401: "auth",
    404: "bad_request",
    405: "bad_request",
    413: "bad_request",
    414: "bad_request",
    451: "permission",
}
"""Statuses that are given before a request is looked at (451: a country that Binance does not serve)."""

BAN = 120.0  # s: the shortest ban (418)
HOLD = 60.0  # s: one window of the weight limit

_UNTIL = re.compile(r"until (\d{13})").search


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer means. `data` is the decoded body of a success; `until_ns`: nothing may be sent before."""

    kind: Kind
    reason: str = ""
    message: str = ""
    code: int = 0
    data: Any = None
    until_ns: int = 0


class Refused(NotReady):
    """The venue answered a query with an error; `reason` is a word of `REASONS`, `code` the venue's own."""

    def __init__(self, what: str, verdict: Verdict) -> None:
        super().__init__(
            f"{what}: {verdict.message} ({verdict.code})" if verdict.code else f"{what}: {verdict.message}"
        )
        self.reason = verdict.reason
        self.code = verdict.code


def judge(product: ProductName, status: int, headers: Mapping[str, str], body: bytes, now_ns: int) -> Verdict:
    """The verdict on an HTTP response."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        data = None
    if isinstance(data, dict) and isinstance(data.get("code"), int) and data["code"] < 0:
        return refusal(
            product, status, data["code"], str(data.get("msg", "")), _hold_ns(status, headers, now_ns), now_ns
        )
    if 200 <= status < 300 and isinstance(data, (dict, list)):
        return Verdict(kind="ok", data=data)
    text = f"HTTP {status}: {_excerpt(body)}"
    if status in (403, 418, 429):
        reason = "rate_limited" if status == 429 else "banned"
        return Verdict(kind="rejected", reason=reason, message=text, until_ns=_hold_ns(status, headers, now_ns))
    if status in FRONT_DOOR:
        return Verdict(kind="rejected", reason=FRONT_DOOR[status], message=text)
    return Verdict(kind="unknown", reason="exchange_error", message=text)


def refusal(product: ProductName, status: int, code: int, text: str, hold_ns: int, now_ns: int) -> Verdict:
    """The verdict on an error that the venue wrote as `{code, msg}`, over REST or the WebSocket API."""
    if status in (418, 429):
        found = _UNTIL(text)
        until_ns = max(hold_ns, int(found.group(1)) * 1_000_000 if found else now_ns)
        reason = "banned" if status == 418 else "rate_limited"
        return Verdict(kind="rejected", reason=reason, message=text, code=code, until_ns=until_ns)
    if code in (-1008, -1016) or (product == "usdm" and (status == 503 or code == -1001)):
        return _overloaded(status, code, text)
    if code in UNSURE or code == -1001 or status == 408 or status >= 500:
        return Verdict(kind="unknown", reason="exchange_error", message=text, code=code)
    return Verdict(kind="rejected", reason=reason_of(product, code, text), message=text, code=code)


def reason_of(product: ProductName, code: int, text: str) -> str:
    """The word of `REASONS` for a code of the venue."""
    if code in (-2010, -1013):
        lower = text.lower()
        by_text = next((reason for part, reason in TEXTS if part in lower), "")
        return by_text or ("filter" if code == -1013 else "exchange_error")
    by_code = TABLES[product].get(code)
    if by_code is not None:
        return by_code
    if -1199 <= code <= -1100 or (product == "usdm" and -4999 <= code <= -4000):
        return "bad_request"
    return "exchange_error"


def _overloaded(status: int, code: int, text: str) -> Verdict:
    """USDⓈ-M's 503 has three texts, and only two of them prove that nothing was done; spot promises nothing."""
    if code == -1016:
        return Verdict(kind="rejected", reason="maintenance", message=text, code=code)
    if code == -1008 or text.startswith("Service Unavailable"):
        return Verdict(kind="rejected", reason="overload", message=text, code=code)
    if text.startswith("Internal error; unable to process"):
        return Verdict(kind="rejected", reason="overload", message=text, code=code)
    return Verdict(kind="unknown", reason="exchange_error", message=text or f"HTTP {status}", code=code)


def _hold_ns(status: int, headers: Mapping[str, str], now_ns: int) -> int:
    """Until when `Retry-After` wants silence; 403 (the firewall), 418 and 429 without one get a safe default."""
    if status not in (403, 418, 429):
        return 0
    try:
        wait_s = float(headers.get("retry-after", ""))
    except ValueError:
        wait_s = HOLD if status == 429 else BAN
    return now_ns + int(min(max(wait_s, 0.0), 3 * 86_400.0) * 1e9)


def _excerpt(body: bytes) -> str:
    """The beginning of a body for a person: without tags, one line."""
    text = re.sub(r"<[^>]*>", " ", body[:2_000].decode("utf-8", "replace"))
    return " ".join(text.split())[:160] or "an empty body"
