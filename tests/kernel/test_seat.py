"""A seat: whose account, how fast, the same again, and the flood that ends it."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from ctosd.abi import CallerMistake, Fenced, Order
from ctosd.core.gate import Limits
from ctosd.kernel.seat import FLOOD, Seat

SECOND = 1_000_000_000


def order(**changes: object) -> Order:
    facts = {
        "client_id": "c",
        "strategy": "s",
        "account": "okx/main",
        "symbol": "A/B",
        "side": "buy",
        "type": "limit",
        "size": D(1),
    }
    return Order(**{**facts, **changes})  # type: ignore[arg-type]


steady = {"ns": 0}


def seat(**limits: object) -> Seat:
    made = Seat("s", ("okx/main", "paper/main"), Limits(**limits), lambda: steady["ns"])  # type: ignore[arg-type]
    made.open()
    return made


def test_a_new_seat_is_closed_until_it_is_opened() -> None:
    fresh = Seat("s", ("okx/main",), Limits(), lambda: 0)
    with pytest.raises(Fenced, match="has not been started"):
        fresh.demand()
    fresh.open()
    fresh.demand()
    fresh.revoke("enough")
    with pytest.raises(Fenced, match="enough"):
        fresh.demand()


def test_accounts_by_full_name_by_venue_and_by_default() -> None:
    made = seat()
    assert made.account("") == "okx/main"
    assert made.account("paper") == "paper/main"
    assert made.account("okx/main") == "okx/main"
    with pytest.raises(CallerMistake, match="okx/main, paper/main"):
        made.account("binance")


def test_the_rate_refills_by_the_clock_that_nobody_sets() -> None:
    """The wall clock goes back by an hour between the orders and the next: the strategy may order all the same."""
    made = seat(order_rate=2, order_burst=3)
    for _ in range(3):
        made.sent(order(), 3_600 * SECOND)
    assert made.tokens < 1
    steady["ns"] += SECOND
    assert made.tokens == 2
    made.sent(order(), 0)
    assert made.statistics()["order_tokens"] == 1


def test_the_same_order_is_remembered_and_another_is_not_the_same() -> None:
    made = seat()
    made.sent(order(), 5)
    assert made.last_same_ns(order()) == 5
    for other in (order(side="sell"), order(size=D(2)), order(price=D(1)), order(symbol="C/D"), order(tag="slice-2")):
        assert made.last_same_ns(other) < 0


def test_a_flood_of_refusals_revokes_and_tells() -> None:
    made, told = seat(), []
    made.on_fence = lambda name, reason: told.append((name, reason))
    for _ in range(FLOOD - 1):
        made.denied(1)
    with pytest.raises(Fenced):
        made.denied(1)
    assert told == [("s", f"flooded the gate: {FLOOD} refused orders within a second")]


def test_refusals_over_a_long_time_are_no_flood() -> None:
    made = seat()
    for turn in range(10 * FLOOD):
        made.denied(turn * SECOND // 50)
    made.demand()


def test_what_is_older_than_the_window_is_forgotten_and_what_is_younger_never() -> None:
    made = seat(duplicate_window_ms=100, order_rate=None)
    for turn in range(1_000):
        made.sent(order(price=D(turn)), turn * 200_000)  # 500 of them in each window
        assert made.last_same_ns(order(price=D(max(0, turn - 499)))) == max(0, turn - 499) * 200_000
    made.sent(order(price=D(-1)), SECOND)
    for turn in range(1_100):
        made.sent(order(price=D(-2)), 2 * SECOND + turn * SECOND)
    assert made.last_same_ns(order(price=D(999))) == 999 * 200_000  # no more are held than there is room for
    for turn in range(2_000):
        made.sent(order(price=D(5_000 + turn)), 2_000 * SECOND + turn * SECOND)
    assert made.last_same_ns(order(price=D(999))) < 0


def test_a_clock_that_was_set_back_makes_no_flood_of_an_hour() -> None:
    made = seat()
    made.denied(3_600 * SECOND)
    for turn in range(20 * FLOOD):
        made.denied(turn * SECOND // 50)
    assert made.fence == ""
