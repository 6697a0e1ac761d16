"""Clearing: fees, rebates, shared trade ids, what is kept of what is over."""

from decimal import Decimal as D

from ctosd.abi import Fill, Position
from drivers.paper.matching import Engine, Rules
from tests.drivers.paper.matching.exchange import PERP, A, B, Venue, instrument, venue


def test_a_rebate_is_a_negative_fee() -> None:
    engine = Engine("paper", [instrument(PERP, maker_fee=D("-0.0001"))])
    engine.open_account(A, {"USDT": D(1000)}, D(10))
    v = Venue(engine)
    v.quote(90, 1, 110, 1)
    v.place("buy", "1", "100")
    v.trade(99, 1, "sell")
    assert v.cash() == D(1000) + D("0.01")


def test_both_sides_of_a_trade_between_users_have_its_id(v: Venue) -> None:
    v.quote(90, 1, 110, 1)
    v.place("sell", "1", "100", account=B)
    v.place("buy", "1", "100")
    fills = [event for event in v.events if isinstance(event, Fill)]
    assert [(fill.account, fill.liquidity, fill.trade_id) for fill in fills] == [
        (B, "maker", "paper-t1"),
        (A, "taker", "paper-t1"),
    ]


def test_positions_and_balances_come_last_and_once(v: Venue) -> None:
    """A walk over three levels tells of the position once, as it is in the end."""
    v.place("buy", "12")
    positions = [event for event in v.events if isinstance(event, Position)]
    assert [(each.size, each.leverage) for each in positions] == [(D(12), D(10))]
    assert [type(event).__name__ for event in v.events[-2:]] == ["Position", "Balance"]


def test_the_average_price_is_exact(v: Venue) -> None:
    name = v.place("buy", "10")
    assert v.order(name).average == D("101.5")


def test_finished_orders_and_fills_are_kept_up_to_a_bound() -> None:
    v = venue(keep_closed=3)
    v.quote(100, 500, 101, 500)
    names = [v.place("buy", "1") for _ in range(5)]
    assert [v.engine.order(A, name) is not None for name in names] == [False, False, True, True, True]
    assert [fill.client_id for fill in v.engine.fills(A)] == names[2:]
    kept = v.engine.drain_changes()
    assert {key for key, value in kept.items() if value is None} == {
        *(f"order/{A}/{name}" for name in names[:2]),
        *(f"fill/{A}/paper-t{number}" for number in (1, 2)),
    }


def test_time_never_goes_back(v: Venue) -> None:
    v.now = 5_000
    v.place("buy", "1", "100")
    v.now = 10
    v.trade(99, 1, "sell")
    times = [event.time_ns for event in v.events if isinstance(event, Fill)]
    assert times == [5_001]


def test_ids_count_up_and_name_the_venue() -> None:
    engine = Engine("desk", [instrument(PERP)], Rules())
    engine.open_account(A, {"USDT": D(1000)}, D(10))
    v = Venue(engine)
    v.quote(100, 5, 101, 5)
    v.place("buy", "1")
    v.place("buy", "1")
    assert [fill.trade_id for fill in engine.fills(A)] == ["desk-t1", "desk-t2"]
    assert [fill.venue_id for fill in engine.fills(A)] == ["desk-o1", "desk-o2"]


def test_fills_are_answered_from_a_time_on(v: Venue) -> None:
    v.place("buy", "1")
    middle = v.now + 1
    v.place("buy", "1")
    assert len(v.engine.fills(A)) == 2
    assert [fill.time_ns for fill in v.engine.fills(A, middle)] == [middle]
