"""Depth: exact grids, sizes that persist, ladders on both sides."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import exact
from drivers.paper.depth import LIFE, Depth, Grid
from tests.drivers.paper.clockwork import T0


@given(st.integers(1, 10**9), st.sampled_from(["0.1", "0.01", "0.00000001", "0.25", "0.05", "1", "100"]))
def test_a_count_of_ticks_is_the_float_of_its_decimal(count: int, unit: str) -> None:
    """No digit is lost or added between the integer, the float and the decimal."""
    assert exact(Grid(Decimal(unit)).value(count)) == count * Decimal(unit)


def test_sizes_persist_and_then_change() -> None:
    """A level keeps its size from one tick to the next, and has another one a few minutes later."""
    depth = Depth("seed", 1_000.0)
    now = [depth.at(price, T0) for price in range(600_000, 600_200)]
    soon = [depth.at(price, T0 + 1_000_000) for price in range(600_000, 600_200)]
    later = [depth.at(price, T0 + (4 << LIFE)) for price in range(600_000, 600_200)]
    assert sum(a == b for a, b in zip(now, soon, strict=True)) > 195
    assert sum(a == b for a, b in zip(now, later, strict=True)) < 20
    assert all(size >= 1 for size in now)
    assert 500 < sum(now) / len(now) < 1_500


@given(st.integers(1, 10**7), st.integers(0, 10 << LIFE))
def test_a_size_stays_until_its_end(price: int, passed: int) -> None:
    """The end that is told is the first instant of the next life."""
    depth, ns = Depth("seed", 1e9), T0 + passed
    end_ns = depth.end_ns(price, ns)
    assert ns < end_ns <= ns + (1 << LIFE)
    assert depth.at(price, end_ns - 1) == depth.at(price, ns)
    assert depth.end_ns(price, end_ns) == end_ns + (1 << LIFE)


def test_ladders_leave_from_the_touch() -> None:
    """Bids fall and asks rise, each level once; no bid reaches zero."""
    depth = Depth("seed", 10.0)
    bids = [price for price, _ in depth.ladder(1_003, -1, 20, 7, T0)]
    asks = [price for price, _ in depth.ladder(1_005, 1, 20, 7, T0)]
    assert bids[0] == 1_003
    assert asks[0] == 1_005
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert all(price % 7 == 0 for price in bids[1:] + asks[1:])
    assert len(depth.ladder(3, -1, 20, 1, T0)) == 3
