"""Claims: the largest size that an order may have counts until it is known that it has not."""

from __future__ import annotations

from decimal import Decimal as D

from ctosd.kernel.claims import Claims
from tests.core.test_lifecycle import order


def test_the_largest_size_counts_until_its_time_is_over() -> None:
    claims, mine = Claims(), order(size=D(10))
    name = mine.client_id
    assert not claims
    claims.hold(name, D(12), 5.0)
    claims.hold(name, D(15), 3.0)
    claims.hold(name, D(8), 9.0)
    assert claims
    assert [claims.most(mine, now_s) for now_s in (1.0, 4.0, 6.0)] == [15, 12, 10]
    assert claims.most(mine, 10.0) == 10
    assert not claims


def test_what_was_refused_counts_no_more_once_for_each_time_it_was_asked_for() -> None:
    claims, mine = Claims(), order(size=D(10))
    name = mine.client_id
    claims.hold(name, D(12), 5.0)
    claims.hold(name, D(12), 5.0)
    claims.release(name, D(12))
    assert claims.most(mine, 1.0) == 12
    claims.release(name, D(12))
    claims.release(name, D(12))
    assert claims.most(mine, 1.0) == 10
    claims.hold(name, D(12), 5.0)
    claims.drop(name)
    assert not claims
