"""Float noise and price grids."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.host.archive.prices import snapped


def test_noise_goes_and_clean_prices_stay() -> None:
    assert snapped([[7.69, 7.6560000000000015], [7.632999999999999, 7.61]]) == [[7.69, 7.656], [7.633, 7.61]]


def test_computed_price_goes_to_the_decimals_of_the_others() -> None:
    assert snapped([[1.25, 1.5, 4.0 / 3.0]]) == [[1.25, 1.5, 1.33]]


def test_noise_alone_goes_to_twelve_digits() -> None:
    assert snapped([[0.1 + 0.2]]) == [[0.3]]


def test_tick_moves_every_price_to_its_grid() -> None:
    assert snapped([[100.04, 100.06, 99.95]], Decimal("0.1")) == [[100.0, 100.1, 100.0]]
    assert snapped([[7.0, 8.0]], Decimal("2.5")) == [[7.5, 7.5]]


@pytest.mark.parametrize("tick", [None, Decimal("0.1")])
def test_what_is_not_finite_is_left_for_the_check(tick: Decimal | None) -> None:
    nan, infinite, clean = snapped([[float("nan"), float("inf"), 1.5]], tick)[0]
    assert nan != nan  # noqa: PLR0124
    assert (infinite, clean) == (float("inf"), 1.5)


@given(st.lists(st.decimals("0.001", 90000, places=3), min_size=1, max_size=30))
def test_prices_on_a_grid_survive_arithmetic(grid: list[Decimal]) -> None:
    """What came off its grid by adding and taking away a third comes back to the digits that a venue wrote."""
    clean = [float(price) for price in grid]
    noisy = [price + 1 / 3 - 1 / 3 for price in clean]
    assert snapped([clean, [*noisy, 0.001]])[1][:-1] == pytest.approx(clean, abs=1e-9)
    assert snapped([[round(p, 3) for p in noisy]])[0] == clean
