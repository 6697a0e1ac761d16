"""Timeframes and how long bars last."""

import pytest

from ctosd.abi import CallerMistake
from drivers.backpack.timeframes import BY_NATIVE, NATIVE, native_of, span_ns

DAY = 86_400 * 10**9


def test_names() -> None:
    """A month is the only one that Backpack calls otherwise; what it has not is refused by name."""
    assert native_of("1M") == "1month"
    assert all(NATIVE[name] == name for name in NATIVE if name != "1M")
    assert {BY_NATIVE[NATIVE[name]] for name in NATIVE} == set(NATIVE)
    with pytest.raises(CallerMistake, match="1m, 3m"):
        native_of("7m")


def test_months_have_their_own_lengths() -> None:
    assert span_ns("1M", 1_769_904_000 * 10**9) == 28 * DAY  # February 2026
    assert span_ns("1M", 1_764_547_200 * 10**9) == 31 * DAY  # December 2025
    assert span_ns("1w", 0) == 7 * DAY
