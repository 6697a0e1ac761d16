"""Margin: liquidation prices, bands in which nobody need look, leverage."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import CallerMistake, Position
from drivers.paper.matching import margin
from drivers.paper.matching.account import Account
from drivers.paper.matching.clearing import Clearing
from tests.drivers.paper.matching.exchange import ETH, PERP, SPOT, A, Venue, venue


def position(v: Venue, symbol: str = PERP) -> Position:
    return next(each for each in v.engine.positions(A) if each.symbol == symbol)


def test_a_position_tells_entry_mark_and_unrealised_profit(v: Venue) -> None:
    v.place("buy", "2")
    v.quote(110, 5, 112, 5)
    told = position(v)
    assert (told.entry, told.mark, told.unrealised, told.leverage) == (D(101), D(111), D(20), D(10))


def test_the_liquidation_price_is_where_equity_meets_maintenance() -> None:
    """Long 10 at 100 with 110: 110 - fee + 10 (p - 100) = 0.01 x 10 p."""
    v = venue(balances={"USDT": D(110)})
    v.quote(100, 50, 100, 50)
    v.place("buy", "10")
    cash = v.cash()
    expected = (1000 - cash) / (10 - D("0.1"))
    assert position(v).liquidation == expected.to_integral_value(rounding="ROUND_FLOOR")


def test_a_position_without_debt_has_no_liquidation_price(v: Venue) -> None:
    v.place("buy", "1")
    assert position(v).liquidation is None


def test_a_short_is_liquidated_above() -> None:
    v = venue(balances={"USDT": D(110)})
    v.quote(100, 50, 100, 50)
    v.place("sell", "10")
    liquidation = position(v).liquidation
    assert liquidation is not None
    assert 109 <= liquidation <= 111


def clearing(v: Venue) -> tuple[Clearing, Account]:
    inner = v.engine._clearing
    return inner, inner.accounts[A]


sizes = st.integers(-40, 40).filter(bool)


@given(
    btc=sizes, eth=sizes, moves=st.lists(st.tuples(st.integers(60, 150), st.integers(60, 150)), min_size=1, max_size=8)
)
def test_nobody_sinks_while_every_price_stays_in_its_band(btc: int, eth: int, moves: list[tuple[int, int]]) -> None:
    """The bands are what the fast path trusts: inside all of them the exact slack is never negative."""
    v = venue(balances={"USDT": D(1_000)}, price_band=None, depth_levels=0)
    for symbol in (PERP, ETH):
        v.quote(100, 500, 100, 500, symbol=symbol)
    v.place("buy" if btc > 0 else "sell", str(abs(btc)))
    v.place("buy" if eth > 0 else "sell", str(abs(eth)), symbol=ETH)
    _, account = clearing(v)
    half = len(moves) // 2
    for symbol, price in ((s, p) for prices in moves[:half] for s, p in zip((PERP, ETH), prices, strict=True)):
        v.quote(price, 500, price, 500, symbol=symbol)  # the engine looks, and may share out anew
    for prices in moves[half:]:
        inside = True
        for symbol, price in zip((PERP, ETH), prices, strict=True):
            market = v.engine._markets[symbol]
            inside = inside and market.guard[0] < price < market.guard[1]
        for symbol, price in zip((PERP, ETH), prices, strict=True):
            market = v.engine._markets[symbol]
            market.quote = type(market.quote)("paper", symbol, price, 1, price, 1, 1) if market.quote else None
        if inside:
            assert margin.slack(account, "USDT") >= 0


def test_a_price_in_the_band_costs_no_look(v: Venue) -> None:
    """While the price stays between the edges the slow path is not entered."""
    v.place("buy", "1")
    v.quote(100, 6, 101, 6)
    market = v.engine._markets[PERP]
    assert (market.low < 90, market.high > 120) == (True, True)
    assert v.quote(90, 5, 120, 5) == []


# -- leverage -----------------------------------------------------------------------------------------------------------------


def test_leverage_changes_what_is_held(v: Venue) -> None:
    v.place("buy", "10", "100")
    assert v.available() == 100_000 - 100
    v.engine.set_leverage(A, PERP, D(50))
    assert v.available() == 100_000 - 20
    assert v.engine.leverage(A, PERP) == 50


@pytest.mark.parametrize(
    ("symbol", "leverage", "words"),
    [
        (PERP, D(51), "between 1 and 50"),
        (PERP, D("0.5"), "between 1 and 50"),
        (SPOT, D(2), "perpetual"),
        ("X/Y", D(2), "X/Y"),
    ],
)
def test_a_leverage_that_cannot_be_is_a_mistake(v: Venue, symbol: str, leverage: D, words: str) -> None:
    with pytest.raises(CallerMistake, match=words):
        v.engine.set_leverage(A, symbol, leverage)


def test_a_leverage_that_the_account_cannot_carry_is_refused() -> None:
    v = venue(balances={"USDT": D(110)})
    v.quote(100, 50, 100, 50)
    v.place("buy", "10")
    held = v.available()
    with pytest.raises(CallerMistake, match="insufficient"):
        v.engine.set_leverage(A, PERP, D(5))
    assert v.engine.leverage(A, PERP) == 10
    assert v.available() == held
