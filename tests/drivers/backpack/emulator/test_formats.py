"""Numbers and times as the venue writes them."""

from decimal import Decimal as D

import pytest

from drivers.backpack.emulator.formats import iso, ms, places, plain, rough, spaced, us

NS = 1_788_285_244_094_123_456


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1.50", "1.5"), ("100", "100"), ("0.000010", "0.00001"), ("1E+2", "100"), ("-0.0", "0"), ("1E-8", "0.00000001")],
)
def test_decimals_have_no_exponent_and_no_zeros_at_the_end(amount: str, text: str) -> None:
    assert plain(D(amount)) == text


def test_derived_figures_are_cut() -> None:
    assert rough(D(1) / 3, 4) == "0.3333"
    assert rough(2.0) == "2"


@pytest.mark.parametrize(("unit", "count"), [("0.01", 2), ("0.010", 2), ("1", 0), ("10", 0), ("0.00001", 5)])
def test_places_of_a_tick(unit: str, count: int) -> None:
    assert places(D(unit)) == count


def test_four_ways_to_tell_the_time() -> None:
    assert (ms(NS), us(NS)) == (1_788_285_244_094, 1_788_285_244_094_123)
    assert iso(NS) == "2026-09-01T17:54:04.094"
    assert iso(NS, fraction=False) == "2026-09-01T17:54:04"
    assert spaced(NS) == "2026-09-01 17:54:04"
