"""A holding's arithmetic: one rounded division, and nothing lost by it."""

from __future__ import annotations

from decimal import Decimal, Inexact

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.core.holding import Holding, Trade, booked, cash, count, pnl, share, total, unrealised, write

D = Decimal
PRICES = st.decimals("0.00000001", "99999", places=8)
CHANGES = st.decimals("-99", "99", places=8).filter(bool)


def trade(change: Decimal, price: Decimal, fee: str = "0") -> Trade:
    return Trade(change, -change * price, abs(change) * price, price, D(fee), "USDT")


def empty(base: str = "") -> Holding:
    return Holding(account="paper/main", strategy="grid", symbol="BTC/USDT", money="USDT", base=base)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(CHANGES, PRICES), max_size=30), PRICES)
def test_realised_and_open_profit_add_up_to_the_cash_flow(trades: list[tuple[Decimal, Decimal]], mark: Decimal) -> None:
    """To the last of many digits, after every trade, and a flat holding costs nothing."""
    held = empty()
    for change, price in trades:
        each = trade(change, price, "0.01")
        write(held, each, booked(held, each))
        assert held.realised + unrealised(held, mark) == held.flow + held.size * mark
        assert pnl(held, mark) == held.flow + held.size * mark - held.fee
        assert held.size or not held.cost
        assert held.cost * held.size >= 0
    assert held.fills == len(trades)


def test_booking_changes_nothing_until_it_is_written() -> None:
    """The figures come first, so that an error leaves the holding as it was."""
    held = empty()
    figures = booked(held, trade(D(2), D(10)))
    assert held == empty()
    write(held, trade(D(2), D(10)), figures)
    assert (held.size, held.cost, held.entry, held.flow, held.volume) == (2, 20, 10, -20, 20)


def test_a_share_is_rounded_towards_zero() -> None:
    """Of a cost or a debt, at the twelfth place."""
    assert share(D(1), D(1), D(3)) == D("0.333333333333")
    assert share(D(-2), D(-1), D(3)) == D("-0.666666666666")


def test_sums_refuse_to_round() -> None:
    """A hundred digits, and not one is dropped."""
    assert str(total([D("1e50"), D("1e-49")])) == "1" + "0" * 50 + "." + "0" * 48 + "1"
    with pytest.raises(Inexact):
        total([D("1e60"), D("1e-60")])
    sums = {"USDT": D(1)}
    count(sums, "USDT", D("0.1"))
    count(sums, "BNB", D(2))
    assert sums == {"USDT": D("1.1"), "BNB": D(2)}


def test_cash_of_spot_and_of_a_perpetual() -> None:
    """Coins and their price move for spot, only profit for a perpetual; fees for both."""
    spot, perpetual = empty("BTC"), empty()
    for held in (spot, perpetual):
        each = trade(D(2), D(10), "0.5")
        write(held, each, booked(held, each))
    assert cash(spot) == {"USDT": D("-20.5"), "BTC": D(2)}
    assert cash(perpetual) == {"USDT": D("-0.5")}
