"""Codes and verdicts: every word exists, and only proof makes a rejection."""

import pytest

from ctosd.abi import REASONS
from drivers.okx.errors import REASON, STATUS_UNKNOWN, Refused, bodiless, number, reason_of, refusal


def test_every_word_is_one_of_the_promise() -> None:
    assert set(REASON.values()) <= set(REASONS)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (50001, "maintenance"), (50011, "rate_limited"), (50061, "rate_limited"), (51113, "rate_limited"),
        (50102, "timestamp"), (50037, "timestamp"), (50101, "auth"), (50113, "auth"), (50110, "auth"),
        (50114, "permission"), (51010, "permission"), (51000, "bad_request"), (50014, "bad_request"),
        (51001, "bad_symbol"), (51028, "market_closed"), (51004, "position_limit"), (51121, "filter"), (51020, "filter"),
        (51006, "price_band"), (51138, "price_band"), (51008, "insufficient_funds"), (51016, "duplicate_client_id"),
        (51102, "order_count_limit"), (51169, "reduce_only"), (51170, "reduce_only"), (51603, "order_not_found"),
        (51400, "order_not_found"), (51511, "post_only"), (51513, "amend_reject"), (64003, "permission"), (59107, "permission"),
    ],
)  # fmt: skip
def test_codes_of_the_sheet(code: int, reason: str) -> None:
    assert reason_of(code) == reason


@pytest.mark.parametrize("code", sorted(STATUS_UNKNOWN))
def test_what_the_venue_does_not_know_is_unknown(code: int) -> None:
    assert refusal(code, "timeout").kind == "unknown"


def test_unlisted_codes() -> None:
    """About one order: a refusal. About the venue: nobody knows."""
    assert refusal(51999, "new").kind == "rejected"
    assert refusal(51999, "new").reason == "exchange_error"
    assert refusal(50999, "new").kind == "unknown"
    assert refusal(70000, "new").kind == "unknown"


def test_the_message_keeps_the_venues_words() -> None:
    assert refusal(51008, "Insufficient USDT").message == "Insufficient USDT (code 51008)"
    assert "HTTP 500" in refusal(51054, "timeout", 500).message


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [(200, "unknown", "exchange_error"), (502, "unknown", "exchange_error"), (404, "unknown", "exchange_error"),
     (429, "rejected", "rate_limited"), (403, "rejected", "banned"), (401, "rejected", "auth")],
)  # fmt: skip
def test_answers_without_a_body_of_the_venue(status: int, kind: str, reason: str) -> None:
    verdict = bodiless(status, "<html>")
    assert (verdict.kind, verdict.reason) == (kind, reason)


def test_numbers() -> None:
    assert [number(each) for each in ("51000", 7, "", "x")] == [51000, 7, -1, -1]
    assert Refused("GET /x", 51603, "gone", "order_not_found").reason == "order_not_found"
