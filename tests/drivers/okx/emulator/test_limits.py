"""Limits: exact in every window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.okx.emulator.limits import SECOND, TABLE, Limits
from drivers.okx.emulator.refusals import Refusal


def test_the_table_is_the_sheets():
    assert TABLE["trd.place"] == (60, 2)
    assert TABLE["trd.batch_place"] == (300, 2)
    assert TABLE["trd.subaccount"] == (1000, 2)
    assert TABLE["pub.status"] == (1, 5)
    assert TABLE["ws.connect"] == (3, 1)
    assert TABLE["ws.ops"] == (480, 3600)


def test_one_too_many_is_refused_and_counted():
    limits = Limits()
    for _ in range(60):
        limits.take((("trd.place@a+X", 1),), 0)
    with pytest.raises(Refusal, match="50011"):
        limits.take((("trd.place@a+X", 1),), 2 * SECOND - 1)
    limits.take((("trd.place@a+Y", 1),), 0)
    assert limits.statistics(0)["trd.place@a+X"] == {"used": 60, "allowed": 60, "peak": 60, "refused": 1}
    limits.take((("trd.place@a+X", 1),), 2 * SECOND)
    assert limits.statistics(2 * SECOND)["trd.place@a+X"]["used"] == 1


def test_several_limits_are_taken_together_or_not_at_all():
    limits = Limits()
    with pytest.raises(Refusal, match="50011"):
        limits.take((("trd.subaccount@a", 20), ("trd.place@a+X", 61)), 0)
    assert limits.statistics(0)["trd.subaccount@a"]["used"] == 0
    for _ in range(3):
        limits.take((("trd.subaccount@a", 300), ("trd.batch_place@a+X", 100)), 0)
    with pytest.raises(Refusal, match="50061"):
        limits.take((("trd.subaccount@a", 101), ("trd.place@a+Y", 1)), 0)


def test_free_says_whether_it_was_taken():
    limits = Limits()
    assert [limits.free("ws.connect@ip", 0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.tuples(st.integers(0, SECOND), st.integers(1, 9)), max_size=80))
def test_no_window_ever_holds_more_than_is_allowed(steps):
    limits, now, taken = Limits(), 0, []
    for wait, count in steps:
        now += wait
        try:
            limits.take((("acc.balance@a", count),), now)
        except Refusal:
            assert sum(n for at, n in taken if at > now - 2 * SECOND) + count > 10
        else:
            taken.append((now, count))
        assert sum(n for at, n in taken if at > now - 2 * SECOND) <= 10
