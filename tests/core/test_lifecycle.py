"""The life of an order: what the venue says may only move it forward, and fills count once each."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi.events import TERMINAL, Fill, OrderState, OrderUpdate
from ctosd.abi.orders import Order
from ctosd.core import lifecycle


def order(**changes: Any) -> Order:
    facts: dict[str, Any] = {
        "client_id": "c1", "strategy": "s", "account": "test/main", "symbol": "X/Y", "side": "buy", "type": "limit",
        "size": D(10), "price": D(100), "state": "open",
    }  # fmt: skip
    return Order(**{**facts, **changes})


def update(state: OrderState, **changes: Any) -> OrderUpdate:
    facts: dict[str, Any] = {
        "account": "test/main", "symbol": "X/Y", "client_id": "c1", "venue_id": "v1", "state": state, "side": "buy",
        "type": "limit", "size": D(10), "filled": D(0), "price": D(100), "time_ns": 5,
    }  # fmt: skip
    return OrderUpdate(**{**facts, **changes})


def fill(size: D, price: D = D(100)) -> Fill:
    return Fill(account="test/main", symbol="X/Y", trade_id="t", client_id="c1", venue_id="v1", side="buy", price=price,
                size=size, fee=D("0.1"), fee_asset="Y", liquidity="maker", time_ns=7)  # fmt: skip


def test_the_table_knows_every_state() -> None:
    assert set(lifecycle.TRANSITIONS) == set(get_args(OrderState))
    assert {state for state, next_ in lifecycle.TRANSITIONS.items() if not next_} == TERMINAL


def test_ack_opens() -> None:
    pending = order(state="pending")
    assert lifecycle.on_update(pending, update("open")) == (True, "")
    assert (pending.state, pending.venue_id) == ("open", "v1")


def test_a_late_ack_after_a_fill_keeps_the_fill() -> None:
    """Fills can come before the ack: `open` must not hide them."""
    early = order(state="pending")
    lifecycle.on_fill(early, fill(D(4)))
    lifecycle.on_update(early, update("open"))
    assert (early.state, early.filled) == ("partially_filled", D(4))


def test_a_fill_tells_the_venues_number() -> None:
    """Where the answer to the place was lost, it is the only one that does."""
    lost = order(state="unknown")
    lifecycle.on_fill(lost, fill(D(10)))
    assert (lost.state, lost.venue_id) == ("filled", "v1")


def test_terminal_states_are_never_left() -> None:
    done = order(state="cancelled")
    assert lifecycle.on_update(done, update("open"))[0] is False
    assert done.state == "cancelled"


def test_a_fill_after_a_cancel_is_booked_and_the_state_stays() -> None:
    """The cancel raced the fill: the money is real, the order is over."""
    done = order(state="cancelled")
    assert lifecycle.on_fill(done, fill(D(3))) == ""
    assert (done.state, done.filled) == ("cancelled", D(3))


def test_a_fill_of_a_denied_order_is_a_violation() -> None:
    assert "denied" in lifecycle.on_fill(order(state="denied"), fill(D(1)))


def test_overfill_is_a_violation() -> None:
    assert "filled 11 of 10" in lifecycle.on_fill(order(), fill(D(11)))


def test_amended_terms_are_taken() -> None:
    amended = order()
    changed, _ = lifecycle.on_update(amended, update("open", price=D(101), size=D(12)))
    assert changed
    assert (amended.price, amended.size) == (D(101), D(12))


def test_exposure_ends_with_the_order() -> None:
    assert lifecycle.exposure(order(filled=D(4))) == 6
    assert lifecycle.exposure(order(state="unknown")) == 10
    assert lifecycle.exposure(order(state="cancelled", filled=D(4))) == 0


@given(st.lists(st.one_of(st.sampled_from(get_args(OrderState)), st.integers(1, 5)), max_size=12))
def test_whatever_comes_in_whatever_order(words: list[Any]) -> None:
    """For any mixture of updates and fills: filled never falls, terminal never reopens, and full means filled."""
    subject = order(state="pending")
    total = D(0)
    over = False
    for word in words:
        if isinstance(word, int):
            lifecycle.on_fill(subject, fill(D(word)))
            total += word
        else:
            before = subject.state
            lifecycle.on_update(subject, update(word))
            assert before == subject.state or lifecycle.may(before, subject.state)
        assert subject.filled == total
        assert not over or subject.state in TERMINAL
        over = subject.state in TERMINAL
    if total >= subject.size:
        assert subject.state in TERMINAL


def test_a_fill_ends_no_order_that_may_be_larger_there() -> None:
    """An amendment to more is not answered: only the venue knows whether what was filled is all."""
    mine = order(size=D(10))
    assert lifecycle.on_fill(mine, fill(D(10)), D(12)) == ""
    assert mine.state == "partially_filled"
    assert lifecycle.exposure(mine, D(12)) == 2
    assert lifecycle.on_fill(mine, fill(D(2)), D(12)) == ""
    assert mine.state == "filled"
    assert "filled 13 of 12" in lifecycle.on_fill(mine, fill(D(1)), D(12))
