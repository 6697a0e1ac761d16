"""What answers prove: refused, unknown or done; and for how long nothing may be sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import REASONS
from drivers.binance.config import ProductName
from drivers.binance.errors import TABLES, TEXTS, judge, reason_of
from tests.drivers.binance.scripted import fixture

NOW = 1_795_341_600_000_000_000
SECOND = 1_000_000_000


def verdict(product: ProductName, status: int, body: Any, headers: dict[str, str] | None = None) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return judge(product, status, headers or {}, raw, NOW)


CASES: list[tuple[ProductName, int, int, str, str, str]] = [
    # product, status, code, message -> kind, reason
    ("usdm", 400, -2019, "Margin is insufficient.", "rejected", "insufficient_funds"),
    ("usdm", 400, -2022, "ReduceOnly Order is rejected.", "rejected", "reduce_only"),
    ("spot", 400, -2022, "Order cancel-replace failed.", "rejected", "exchange_error"),
    ("usdm", 400, -2021, "Order would immediately trigger.", "rejected", "filter"),
    ("spot", 400, -2021, "Order cancel-replace partially failed.", "rejected", "exchange_error"),
    ("usdm", 400, -2026, "This OrderType is not supported when reduceOnly.", "rejected", "bad_request"),
    ("spot", 400, -2026, "Order was archived.", "rejected", "order_not_found"),
    ("usdm", 400, -5022, "Due to the order could not be executed as maker, the Post Only order will be rejected.", "rejected", "post_only"),
    ("spot", 400, -2010, "Order would immediately match and take.", "rejected", "post_only"),
    ("spot", 400, -2010, "Account has insufficient balance for requested action.", "rejected", "insufficient_funds"),
    ("spot", 400, -2010, "Duplicate order sent.", "rejected", "duplicate_client_id"),
    ("spot", 400, -2010, "Market is closed.", "rejected", "market_closed"),
    ("spot", 400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE", "rejected", "price_band"),
    ("spot", 400, -1013, "Filter failure: NOTIONAL", "rejected", "min_notional"),
    ("spot", 400, -1013, "Filter failure: LOT_SIZE", "rejected", "filter"),
    ("spot", 400, -1013, "Filter failure: MAX_NUM_ORDERS", "rejected", "order_count_limit"),
    ("usdm", 400, -4116, "ClientOrderId is duplicated.", "rejected", "duplicate_client_id"),
    ("usdm", 400, -4164, "Order's notional must be no smaller than 100", "rejected", "min_notional"),
    ("usdm", 400, -5021, "Due to the order could not be filled immediately, the FOK order has been rejected.", "rejected", "not_filled"),
    ("usdm", 400, -4099, "something about an argument", "rejected", "bad_request"),
    ("spot", 400, -1102, "Mandatory parameter was not sent.", "rejected", "bad_request"),
    ("usdm", 400, -1021, "Timestamp for this request is outside of the recvWindow.", "rejected", "timestamp"),
    ("usdm", 400, -2011, "Unknown order sent.", "rejected", "order_not_found"),
    ("usdm", 401, -2015, "Invalid API-key, IP, or permissions for action.", "rejected", "auth"),
    ("usdm", 400, -9999, "Never heard of.", "rejected", "exchange_error"),
    # the three texts of 503
    ("usdm", 503, -1001, "Unknown error, please check your request or try again later.", "unknown", "exchange_error"),
    ("usdm", 503, -1003, "Unknown error, please check your request or try again later.", "unknown", "exchange_error"),
    ("usdm", 503, -1001, "Service Unavailable.", "rejected", "overload"),
    ("usdm", 503, -1001, "Internal error; unable to process your request. Please try again.", "rejected", "overload"),
    ("usdm", 400, -1001, "Internal error; unable to process your request. Please try again.", "rejected", "overload"),
    ("usdm", 503, -1008, "Request throttled by system-level protection.", "rejected", "overload"),
    ("usdm", 503, -1016, "This service is no longer available.", "rejected", "maintenance"),
    # nobody knows
    ("spot", 400, -1001, "Internal error; unable to process your request. Please try again.", "unknown", "exchange_error"),
    ("spot", 504, -1007, "Timeout waiting for response from backend server. Send status unknown.", "unknown", "exchange_error"),
    ("usdm", 400, -1000, "An unknown error occurred.", "unknown", "exchange_error"),
    ("usdm", 400, -1006, "An unexpected response was received from the message bus.", "unknown", "exchange_error"),
    ("usdm", 408, -1007, "Timeout waiting for response from backend server.", "unknown", "exchange_error"),
    ("spot", 500, -2010, "Account has insufficient balance for requested action.", "unknown", "exchange_error"),
]  # fmt: skip


@pytest.mark.parametrize(("product", "status", "code", "text", "kind", "reason"), CASES)
def test_errors(product: ProductName, status: int, code: int, text: str, kind: str, reason: str) -> None:
    found = verdict(product, status, {"code": code, "msg": text})
    assert (found.kind, found.reason, found.code, found.message) == (kind, reason, code, text)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"<html><head></head><body>hello</body></html>", "unknown"),
        (200, b"", "unknown"),
        (200, b'{"orderId": 12', "unknown"),
        (200, b"17", "unknown"),
        (200, b'{"orderId":1}', "ok"),
        (200, b"[]", "ok"),
        (200, b'{"code":200,"msg":"success"}', "ok"),
        (200, b'{"code":-2011,"msg":"Unknown order sent."}', "rejected"),
        (400, b"<html>Bad Request</html>", "unknown"),
        (404, b"<html>Not Found</html>", "rejected"),
        (451, b'{"code":0,"msg":"Service unavailable from a restricted location"}', "rejected"),
        (502, b"<html>Bad Gateway</html>", "unknown"),
        (504, b"", "unknown"),
        (408, b"", "unknown"),
    ],
)
def test_bodies_that_are_no_error_of_the_venue(status: int, body: bytes, kind: str) -> None:
    assert verdict("usdm", status, body).kind == kind


def test_html_is_told_in_words() -> None:
    text = verdict("usdm", 502, b"<html>\n<h1>502 Bad Gateway</h1>\n<p>cloudfront</p></html>").message
    assert text == "HTTP 502: 502 Bad Gateway cloudfront"


@pytest.mark.parametrize(
    ("status", "headers", "message", "seconds", "reason"),
    [
        (429, {"retry-after": "7"}, "Too many requests", 7, "rate_limited"),
        (429, {}, "Too many requests", 60, "rate_limited"),
        (418, {"retry-after": "300"}, "Way too many requests", 300, "banned"),
        (418, {}, "Way too many requests", 120, "banned"),
        (418, {"retry-after": "nonsense"}, "Way too many requests; IP banned until 1795341999000. ", 399, "banned"),
    ],
)
def test_how_long_to_be_silent(status: int, headers: dict[str, str], message: str, seconds: int, reason: str) -> None:
    found = verdict("spot", status, {"code": -1003, "msg": message}, headers)
    assert (found.kind, found.reason) == ("rejected", reason)
    assert found.until_ns == NOW + seconds * SECOND
    html = verdict("spot", status, b"<html>", headers)
    assert html.until_ns > NOW


def test_the_firewall_stops_everything() -> None:
    found = verdict("spot", 403, b"<html>403 Forbidden</html>")
    assert (found.kind, found.reason, found.until_ns) == ("rejected", "banned", NOW + 120 * SECOND)


def test_every_word_is_known() -> None:
    words = {reason for table in TABLES.values() for reason in table.values()} | {reason for _, reason in TEXTS}
    assert words <= REASONS.keys()


@given(st.sampled_from(["usdm", "spot"]), st.integers(-10_000, -1), st.text(max_size=40))
def test_any_code_has_a_word(product: ProductName, code: int, text: str) -> None:
    assert reason_of(product, code, text) in REASONS


@given(st.integers(100, 599), st.binary(max_size=60))
def test_nothing_raises_and_success_needs_a_body(status: int, body: bytes) -> None:
    found = judge("usdm", status, {}, body, NOW)
    assert found.kind != "ok" or 200 <= status < 300
    assert found.reason in REASONS or found.kind == "ok"


def test_recorded_errors() -> None:
    """hummingbot's: the two overload texts came with 503; error bodies whose code is text prove nothing."""
    for name in ("binance", "binance_perpetual"):
        data = fixture("hummingbot", f"{name}.json")
        for case in data["inline_payloads"]:
            payload = case["payload"]
            if not isinstance(payload, dict) or set(payload) != {"code", "msg"}:
                continue
            found = verdict("usdm", 503 if payload["code"] == -1003 else 400, payload)
            want = {
                "Unknown error": "unknown",
                "Internal error": "rejected",
                "No need to": "rejected",
                "Unknown order": "rejected",
            }
            assert found.kind == next(kind for start, kind in want.items() if payload["msg"].startswith(start))
        errors = [body for key, body in data["fixtures"].items() if key.endswith("_error_response")]
        assert errors
        assert all(verdict("usdm", 400, body).kind == "unknown" for body in errors)
