"""Legs: the arithmetic of positions."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from drivers.okx.emulator.legs import Leg

VALUE = D("0.01")


def test_a_net_leg_opens_grows_shrinks_and_turns():
    leg = Leg("X", "net")
    assert leg.trade(D(2), D(100), VALUE, 1) == 0
    assert leg.trade(D(2), D(200), VALUE, 2) == 0
    assert (leg.size, leg.average, leg.created_ns, leg.updated_ns) == (4, 150, 1, 2)
    assert leg.trade(D(-1), D(250), VALUE, 3) == 1 * VALUE * 100
    assert leg.trade(D(-5), D(50), VALUE, 4) == 3 * VALUE * -100
    assert (leg.size, leg.average, leg.long) == (-2, 50, False)
    assert leg.unrealised(D(40), VALUE) == 2 * VALUE * 10


def test_a_short_leg_counts_without_a_sign():
    leg = Leg("X", "short")
    leg.trade(D(-3), D(100), VALUE, 1)
    assert (leg.size, leg.average, leg.long) == (3, 100, False)
    assert leg.unrealised(D(90), VALUE) == 3 * VALUE * 10
    assert leg.trade(D(3), D(110), VALUE, 2) == 3 * VALUE * -10
    assert leg.size == 0


@given(st.lists(st.tuples(st.integers(-5, 5).filter(bool), st.integers(50, 150)), min_size=1, max_size=30))
def test_money_is_conserved(trades):
    """What was paid is what is realised and what is open: whatever the order of the trades."""
    leg, paid, realised = Leg("X", "net"), D(0), D(0)
    for size, price in trades:
        realised += leg.trade(D(size), D(price), VALUE, 1)
        paid += D(size) * D(price) * VALUE
    assert leg.size == sum(size for size, _ in trades)
    mark = D(77)
    assert abs(realised + leg.unrealised(mark, VALUE) - (leg.size * mark * VALUE - paid)) < D("1e-18")
