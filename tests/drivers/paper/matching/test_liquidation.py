"""Liquidation: when, at which price, and that cash never becomes negative."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import Fill, OrderUpdate
from drivers.paper.matching import Engine
from tests.drivers.paper.matching.exchange import ETH, PERP, SPOT, A, Venue, instrument, venue


def long_ten() -> Venue:
    """Long 10 at 1,000 with 1,095 of cash: 1,095 + 10 (p - 1,000) < 0.1 p below 899.5."""
    v = venue(balances={"USDT": D(1100)})
    v.quote(1000, 50, 1000, 50)
    v.place("buy", "10")
    return v


def long_ten_on_bars() -> Venue:
    v = venue(balances={"USDT": D(1100)}, bar_spread=0.0)
    v.bar(1000, 1000, 1000, 1000)
    v.place("buy", "10")
    return v


def liquidations(v: Venue) -> list[D]:
    return [event.price for event in v.events if isinstance(event, Fill) and event.cause == "liquidation"]


def test_a_sunk_account_is_closed_at_the_mark() -> None:
    v = long_ten()
    order = v.place("sell", "1", "1400")
    assert v.quote(900, 9, 900, 9) == []
    v.quote(899, 9, 899, 9)
    fills = [event for event in v.events if isinstance(event, Fill)]
    assert [(fill.cause, fill.price, fill.size, fill.liquidity) for fill in fills] == [
        ("liquidation", D(899), D(10), "taker")
    ]
    assert v.size() == 0
    assert (v.state(order), v.order(order).reason) == ("cancelled", "liquidated")
    updates = [event for event in v.events if isinstance(event, OrderUpdate) and event.client_id == fills[0].client_id]
    assert [event.state for event in updates] == ["open", "filled"]
    assert updates[-1].reason == "liquidated"


def test_beyond_the_bankruptcy_price_the_insurance_pays() -> None:
    """A gap to 500: the fill is at the price that leaves nothing, so that fills explain the cash."""
    v = long_ten()
    before = v.cash()
    v.quote(500, 9, 500, 9)
    fill = next(event for event in v.events if isinstance(event, Fill))
    assert 890 < fill.price < 891
    assert 0 <= v.cash() < D("1e-9")
    assert v.cash() == before + (fill.price - 1000) * 10 - fill.fee


def test_a_short_sinks_upward() -> None:
    """1,095 - 10 (p - 1,000) < 0.1 p above 1,098.5."""
    v = venue(balances={"USDT": D(1100)})
    v.quote(1000, 50, 1000, 50)
    v.place("sell", "10")
    assert v.engine.positions(A)[0].liquidation == 1099
    v.quote(1098, 9, 1098, 9)
    assert not liquidations(v)
    v.quote(1099, 9, 1099, 9)
    assert liquidations(v) == [D(1099)]
    assert v.cash() >= 0


def test_within_a_bar_it_happens_where_the_account_sinks() -> None:
    """The bar falls from 1,000 to 600: closed at 899, not at the low."""
    v = long_ten_on_bars()
    v.bar(1000, 1000, 600, 950)
    assert liquidations(v) == [D(899)]


def test_a_bar_that_opens_beyond_closes_at_its_open() -> None:
    v = long_ten_on_bars()
    v.bar(895, 895, 600, 600)
    assert liquidations(v) == [D(895)]


def test_a_bar_that_comes_back_has_still_liquidated() -> None:
    v = long_ten_on_bars()
    v.bar(1000, 1010, 800, 1010)
    assert liquidations(v) == [D(899)]
    assert v.size() == 0


def test_an_order_that_fills_on_the_way_down_is_in_the_position_that_sinks() -> None:
    """0.8 more at 950 bring the sinking price up from 899."""
    v = long_ten_on_bars()
    more = v.place("buy", "0.8", "950")
    v.bar(1000, 1000, 600, 600)
    assert v.state(more) == "filled"
    assert liquidations(v)[0] > 899


def test_profit_elsewhere_carries_a_losing_position() -> None:
    """Cross margin: a short that gains as much keeps the long alive; when it is closed the money is there."""
    v = venue(balances={"USDT": D(220)})
    for symbol in (PERP, ETH):
        v.quote(100, 50, 100, 50, symbol=symbol)
    v.place("buy", "10")
    v.place("sell", "10", symbol=ETH)
    v.quote(70, 9, 70, 9, symbol=ETH)
    v.quote(70, 9, 70, 9)
    assert v.size() == 10
    v.place("buy", "10", symbol=ETH)
    assert v.size() == 10


def test_spot_money_that_is_locked_is_not_lost_to_a_liquidation() -> None:
    v = venue(balances={"USDT": D(310)})
    v.quote(100, 50, 100, 50)
    v.quote(100, 50, 101, 50, symbol=SPOT)
    v.place("buy", "10")
    spot = v.place("buy", "1", "100", symbol=SPOT)
    v.quote(20, 9, 20, 9)
    assert v.size() == 0
    assert v.state(spot) == "open"
    assert 0 <= v.cash() - D(100) * D("1.0005") < D("1e-9")


@given(
    sizes=st.tuples(st.integers(-30, 30), st.integers(-30, 30)),
    prices=st.lists(st.tuples(st.integers(20, 300), st.integers(20, 300)), min_size=1, max_size=6),
    fee=st.sampled_from(["0", "0.0005", "0.01"]),
)
def test_cash_never_becomes_negative_when_everything_is_closed(
    sizes: tuple[int, int], prices: list[tuple[int, int]], fee: str
) -> None:
    """Whatever gaps there are, an account that was taken over keeps nothing or something, never a debt."""
    engine = Engine("paper", [instrument(symbol, taker_fee=D(fee)) for symbol in (PERP, ETH)])
    engine.open_account(A, {"USDT": D(300)}, D(10))
    v = Venue(engine)
    for symbol, size in zip((PERP, ETH), sizes, strict=True):
        v.quote(100, 500, 100, 500, symbol=symbol)
        if size:
            v.place("buy" if size > 0 else "sell", str(abs(size)), symbol=symbol)
    for each in prices:
        for symbol, price in zip((PERP, ETH), each, strict=True):
            v.quote(price, 1, price, 1, symbol=symbol)
        if not engine.positions(A):
            assert v.cash() >= 0
