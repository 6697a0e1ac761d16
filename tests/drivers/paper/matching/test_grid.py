"""The grid: floats in whole ticks and lots, read against the user where they lie between."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from drivers.paper.matching.grid import UNBOUND, Grid, sane
from tests.drivers.paper.matching.exchange import PERP, instrument

UNITS = st.sampled_from([D("1E-8"), D("0.0001"), D("0.01"), D("0.1"), D("0.5"), D(1), D(100)])


@given(tick=UNITS, level=st.integers(1, 10**9))
def test_a_price_on_the_grid_is_its_level_in_every_reading(tick: D, level: int) -> None:
    """The float of a decimal on the grid is read back as the very level."""
    grid = Grid(instrument(PERP, tick=tick))
    price = float(tick * level)
    assert grid.up(price) == grid.down(price) == grid.near(price) == level
    assert grid.level(grid.price(level)) == level


@given(lot=UNITS, lots=st.integers(1, 10**9))
def test_a_size_on_the_grid_is_its_lots(lot: D, lots: int) -> None:
    grid = Grid(instrument(PERP, lot=lot))
    size = float(lot * lots)
    assert grid.lots(size) == (lots if size < 1e15 else 0)
    assert grid.count(grid.size(lots)) == lots


def test_between_two_ticks_the_worse_one_counts() -> None:
    grid = Grid(instrument(PERP, tick=D("0.1")))
    assert (grid.up(100.04), grid.down(100.06)) == (1001, 1000)


def test_what_is_not_a_size_is_nothing() -> None:
    grid = Grid(instrument(PERP))
    assert [grid.lots(size) for size in (float("nan"), float("inf"), -1.0, 0.0, 0.05)] == [0, 0, 0, 0, 0]


def test_a_size_without_bound_is_not_told() -> None:
    assert Grid(instrument(PERP)).floats(100, UNBOUND) == (100.0, 0.0)


def test_beyond_finds_the_last_level_within_a_bound() -> None:
    grid = Grid(instrument(PERP))
    assert (grid.beyond(D("110.5"), upward=True), grid.beyond(D("90.5"), upward=False)) == (110, 91)


def test_sane_prices() -> None:
    assert sane(1e-8)
    assert not any(map(sane, (0.0, -1.0, float("nan"), float("inf"))))
