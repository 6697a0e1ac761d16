"""A ladder of resting orders: best price first, first in time first."""

from decimal import Decimal as D

import pytest

from drivers.paper.matching.ladder import Ladder
from drivers.paper.matching.orders import Order


def order(rank: int, level: int, sign: int) -> Order:
    side = "buy" if sign > 0 else "sell"
    return Order(
        account="a",
        client_id=str(rank),
        venue_id="",
        symbol="s",
        side=side,  # type: ignore[arg-type]
        type="limit",
        size=D(1),
        price=D(level),
        created_ns=0,
        updated_ns=0,
        rank=rank,
        level=level,
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_best_first_then_first_in_time(sign: int) -> None:
    ladder = Ladder(sign)
    orders = [order(1, 100, sign), order(2, 100 + sign, sign), order(3, 100, sign), order(4, 100 - sign, sign)]
    for each in orders:
        ladder.add(each)
    assert [each.rank for each in ladder] == [2, 1, 3, 4]
    assert ladder.best == 100 + sign
    assert [each.rank for each in ladder.reaching(100)] == [2, 1, 3]
    assert [each.rank for each in ladder.at(100)] == [1, 3]
    ladder.remove(orders[1])
    assert ladder.best == 100
    assert 100.0 + sign not in ladder.prices


def test_an_order_that_comes_back_takes_its_old_place() -> None:
    ladder = Ladder(1)
    first, second = order(1, 100, 1), order(2, 100, 1)
    ladder.add(second)
    ladder.add(first)
    assert ladder.at(100) == [first, second]


def test_an_empty_ladder_has_no_best() -> None:
    ladder = Ladder(1)
    only = order(1, 100, 1)
    ladder.add(only)
    ladder.remove(only)
    assert ladder.best is None
    assert not ladder
    assert not ladder.prices
