"""Words of orders in both spellings, and which state and reason they make."""

import pytest

from ctosd.abi import REASONS
from drivers.backpack.words import CAUSES, cause_of, side_of, state_of, type_of


@pytest.mark.parametrize(
    ("status", "expiry", "filled", "state", "reason"),
    [
        ("New", "", False, "open", ""),
        ("PartiallyFilled", "", True, "partially_filled", ""),
        ("PARTIALLY_FILLED", "", True, "partially_filled", ""),
        ("Filled", "", True, "filled", ""),
        ("Cancelled", "", False, "cancelled", ""),
        ("TriggerPending", "", False, "open", ""),
        ("TriggerFailed", "", False, "rejected", "exchange_error"),
        ("Expired", "PostOnlyTaker", False, "rejected", "post_only"),
        ("Expired", "PostOnlyMode", False, "rejected", "post_only"),
        ("Expired", "ImmediateOrCancel", False, "expired", "not_filled"),
        ("Expired", "FillOrKill", False, "expired", "not_filled"),
        ("Expired", "InsufficientMargin", False, "rejected", "insufficient_funds"),
        ("Expired", "ReduceOnlyNotReduced", False, "rejected", "reduce_only"),
        ("Expired", "PRICE_BAND", False, "rejected", "price_band"),
        ("Expired", "SelfTradePrevention", True, "expired", "self_trade"),
        ("Expired", "Unknown", False, "rejected", "exchange_error"),
        ("Expired", "", False, "expired", ""),
        ("TriggerFailed", "", True, "expired", "exchange_error"),
    ],
)
def test_states(status: str, expiry: str, filled: bool, state: str, reason: str) -> None:
    """An order that expired with fills keeps them: it is never called refused."""
    assert state_of(status, expiry, filled=filled) == (state, reason)
    assert not reason or reason in REASONS


def test_sides_and_types() -> None:
    assert (side_of("Bid"), side_of("Ask"), side_of("BID")) == ("buy", "sell", "buy")
    assert type_of("LIMIT", has_price=True) == type_of("Limit", has_price=True) == "limit"
    assert type_of(None, has_price=False) == type_of("Market", has_price=False) == "market"
    with pytest.raises(ValueError):
        side_of("Left")
    with pytest.raises(ValueError):
        state_of("Sideways", "", filled=False)


def test_causes() -> None:
    """Every origin that is not the user is told; only liquidation and ADL have the ABI's own words."""
    assert cause_of("USER") == cause_of(None) == ""
    assert {cause_of(word) for word in CAUSES} == {"liquidation", "adl", "conversion", "settlement"}
