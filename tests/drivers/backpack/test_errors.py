"""The whole table of codes, and what a reply to a write proves."""

import json

import pytest

from ctosd.abi import REASONS, Response
from drivers.backpack.errors import CODES, REASONS_OF_EXPIRY, TEXTS, judge, reason_of, reason_of_expiry, verdict_of
from tests.drivers.backpack.exchange import FIXTURES


def reply(status: int, body: object) -> Response:
    return Response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode(), 0)


TABLE = [
    ("TOO_MANY_REQUESTS", "", "rate_limited"),
    ("MAINTENANCE", "", "maintenance"),
    ("TRADING_PAUSED", "", "market_closed"),
    ("TOO_EARLY", "", "overload"),
    ("INVALID_CLIENT_REQUEST", "Request has expired", "timestamp"),
    ("INVALID_CLIENT_REQUEST", "Invalid timestamp", "timestamp"),
    ("INVALID_CLIENT_REQUEST", "Invalid signature", "auth"),
    ("INVALID_CLIENT_REQUEST", "Missing header X-Signature", "auth"),
    ("INVALID_CLIENT_REQUEST", "Price decimal too long", "filter"),
    ("INVALID_CLIENT_REQUEST", "parse error", "bad_request"),
    ("INVALID_SIGNATURE", "", "auth"),
    ("UNAUTHORIZED", "", "auth"),
    ("FORBIDDEN", "", "permission"),
    ("ACCOUNT_DEACTIVATED", "", "permission"),
    ("ACCOUNT_LIQUIDATING", "", "permission"),
    ("INVALID_PRICE", "too far from the last active price", "price_band"),
    ("INVALID_QUANTITY", "", "filter"),
    ("INVALID_RANGE", "", "filter"),
    ("INVALID_ORDER", "Order would immediately match and take.", "post_only"),
    ("INVALID_ORDER", "Order does not exist.", "order_not_found"),
    ("INVALID_ORDER", "anything else", "bad_request"),
    ("INVALID_MARKET", "", "bad_symbol"),
    ("INVALID_SYMBOL", "", "bad_symbol"),
    ("INVALID_ASSET", "", "bad_symbol"),
    ("INSUFFICIENT_FUNDS", "", "insufficient_funds"),
    ("INSUFFICIENT_MARGIN", "", "insufficient_funds"),
    ("MAX_LEVERAGE_REACHED", "", "insufficient_funds"),
    ("BORROW_LIMIT", "", "insufficient_funds"),
    ("INSUFFICIENT_SUPPLY", "", "insufficient_funds"),
    ("BORROW_REQUIRES_LEND_REDEEM", "", "insufficient_funds"),
    ("LEND_REQUIRES_BORROW_REPAY", "", "permission"),
    ("LEND_LIMIT", "", "permission"),
    ("POSITION_LIMIT", "", "position_limit"),
    ("ORDER_LIMIT", "", "order_count_limit"),
    ("RESOURCE_NOT_FOUND", "", "order_not_found"),
    ("PRECONDITION_FAILED", "", "bad_request"),
    ("NOT_IMPLEMENTED", "", "unsupported"),
    ("A_NEW_ONE", "what is this", "exchange_error"),
]


@pytest.mark.parametrize(("code", "message", "reason"), TABLE)
def test_codes(code: str, message: str, reason: str) -> None:
    assert reason_of(code, message) == reason
    verdict = judge(reply(400, {"code": code, "message": message}))
    assert (verdict.reason, verdict.code, verdict.proof) == (reason, code, True)


def test_every_word_is_the_houses() -> None:
    words = set(CODES.values()) | set(REASONS_OF_EXPIRY.values())
    words |= {word for rows in TEXTS.values() for _, word in rows}
    assert words <= set(REASONS)


def test_no_code_of_the_venue_is_left_out() -> None:
    path = FIXTURES / "backpack" / "openapi.json"
    if not path.exists():
        pytest.skip("the shared fixtures are not here")
    schemas = json.loads(path.read_text())["components"]["schemas"]
    assert set(schemas["ApiErrorCode"]["enum"]) <= set(CODES)
    unknown = {"Unknown"}
    known = {reason for reason in schemas["OrderExpiryReason"]["enum"] if reason_of_expiry(reason) != "exchange_error"}
    assert set(schemas["OrderExpiryReason"]["enum"]) - known == unknown


@pytest.mark.parametrize(
    ("status", "body", "reason", "proof"),
    [
        (500, {"code": "SERVER_ERROR", "message": "x"}, "exchange_error", False),
        (400, {"code": "TIMEOUT", "message": "x"}, "exchange_error", False),
        (504, {"code": "TIMEOUT", "message": "x"}, "exchange_error", False),
        (503, {"code": "MAINTENANCE", "message": "x"}, "maintenance", True),
        (503, {"code": "SERVICE_UNAVAILABLE", "message": "Service Unavailable."}, "exchange_error", False),
        (500, {"code": "INVALID_ORDER", "message": "x"}, "bad_request", False),
        (429, {"code": "TOO_MANY_REQUESTS", "message": "x"}, "rate_limited", True),
        (403, b"<html>blocked</html>", "banned", True),
        (429, b"<html>slow down</html>", "rate_limited", True),
        (502, b"<html>bad gateway</html>", "exchange_error", False),
        (503, b"", "exchange_error", False),
        (408, {"code": "INVALID_CLIENT_REQUEST", "message": "x"}, "bad_request", False),
        (400, b"<html>", "exchange_error", False),
        (200, {"code": "INVALID_ORDER", "message": "x"}, "bad_request", False),
        (400, {"code": "INVALID_ORDER", "msg": "Order does not exist."}, "order_not_found", True),
    ],
)
def test_what_proves_that_nothing_was_done(status: int, body: object, reason: str, proof: bool) -> None:
    """5xx and unreadable bodies prove nothing; a refusal at the front door does, and maintenance does."""
    verdict = judge(reply(status, body))
    assert (verdict.reason, verdict.proof) == (reason, proof)


def test_messages_survive() -> None:
    assert verdict_of(400, "X", "").message == "HTTP 400"
    assert "blocked" in judge(reply(403, b"<html>blocked</html>")).message
    assert reason_of_expiry("PRICE_BAND") == reason_of_expiry("PriceBand") == "price_band"
    assert reason_of_expiry("") == ""
