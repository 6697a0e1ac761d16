"""Refusals and what the engine's reasons become."""

import pytest

from drivers.binance.emulator import refusals
from drivers.binance.emulator.products import FUTURES, SPOT


@pytest.mark.parametrize(
    ("product", "reason", "code", "text"),
    [
        (FUTURES, "post_only", -5022, "Post Only order will be rejected"),
        (SPOT, "post_only", -2010, "Order would immediately match and take."),
        (FUTURES, "not_filled", -5021, "FOK order will be rejected"),
        (FUTURES, "reduce_only", -2022, "ReduceOnly Order is rejected."),
        (FUTURES, "insufficient_funds", -2019, "Margin is insufficient."),
        (SPOT, "insufficient_funds", -2010, "Account has insufficient balance for requested action."),
        (SPOT, "price_band", -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (SPOT, "something new", -1013, "the engine's own words"),
    ],
)
def test_reasons_become_codes(product: object, reason: str, code: int, text: str) -> None:
    found = refusals.of_engine(product, reason, "buy", "the engine's own words")  # type: ignore[arg-type]
    assert found.code == code
    assert text in found.message


def test_the_band_of_futures_has_a_code_for_each_side() -> None:
    assert [refusals.of_engine(FUTURES, "price_band", side, "").code for side in ("buy", "sell")] == [-4016, -4024]


def test_a_body_has_data_only_where_there_is_some() -> None:
    assert refusals.unknown_order().body() == {"code": -2011, "msg": "Unknown order sent."}
    assert refusals.Refusal(-2021, "x", data={"a": 1}).body() == {"code": -2021, "msg": "x", "data": {"a": 1}}
    assert "'quantity'" in refusals.missing("quantity").message
    assert (refusals.no_order().code, refusals.not_required("price").code) == (-2013, -1106)
    assert (refusals.malformed("a", "b").code, refusals.invalid("a").code) == (-1100, -1130)
    assert (refusals.unsupported("a").code, refusals.bad_symbol().code, refusals.bad_key().status) == (
        -1020,
        -1121,
        401,
    )
