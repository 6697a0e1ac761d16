"""Reconciliation: the repairs follow from the difference, money first, and absence needs proof."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from ctosd.abi import Fill, Order
from ctosd.core.ids import ClientIds
from ctosd.core.reconcile import Adopt, Ask, Book, Foreign, Risen, Take, diff, drifts, is_proved_absent
from tests.core.test_lifecycle import fill, order, update


class Belief:
    """A record in which some orders and fills are known."""

    def __init__(self, *orders: Order, booked: bool = False, lost: str = "") -> None:
        self._orders = {each.client_id: each for each in orders}
        self._booked = booked
        self._lost = lost

    def order(self, client_id: str) -> Order | None:
        return self._orders.get(client_id)

    def booked(self, fill: Fill) -> bool:
        return self._booked

    def adoptable(self, client_id: str) -> bool:
        return client_id == self._lost


def compare(ours: list[Order], theirs: Any, fills: Any = (), **belief: Any) -> Any:
    return diff(ours, theirs, fills, Belief(*ours, **belief))


def test_equal_records_need_no_repair() -> None:
    assert compare([order(venue_id="v1")], [update("open")]) == []


def test_an_order_in_part_filled_may_be_called_open() -> None:
    """Some venues have no word for it."""
    ours = order(venue_id="v1", state="partially_filled", filled=D(1))
    assert compare([ours], [update("open", filled=D(1))]) == []


def test_money_comes_before_terms() -> None:
    unheard = fill(D(1))
    repairs = compare([order(venue_id="v1")], [update("partially_filled", filled=D(1))], [unheard])
    assert repairs == [Book(unheard), Take(update("partially_filled", filled=D(1)))]


def test_a_booked_fill_is_not_booked_again() -> None:
    assert compare([], [], [fill(D(1))], booked=True) == []


def test_an_open_order_that_the_venue_does_not_list_is_asked_for() -> None:
    """Not listed is not the same as not there: it may be filled, cancelled, or never have arrived."""
    ours = order(state="pending")
    assert compare([ours], []) == [Ask(ours)]


def test_finished_orders_are_left_alone() -> None:
    assert compare([order(state="filled")], []) == []


def test_an_order_that_ended_here_and_rests_there_is_told() -> None:
    ours = order(state="cancelled")
    assert diff([], [update("open")], [], Belief(ours)) == [Risen(update("open"), ours)]


def test_an_order_under_way_is_not_compared() -> None:
    """The caller leaves it out: it is known and open, and no stranger's."""
    assert diff([], [update("open", price=D(7))], [], Belief(order(state="pending"))) == []


def test_strangers_are_told_from_orders_that_our_journal_lost() -> None:
    """What was lost comes first of all: its fills must find their owner."""
    ours = update("open", client_id=ClientIds(3).mint())
    theirs = update("open", client_id="web-12345")
    unheard = fill(D(1))
    assert compare([], [theirs, ours], [unheard], lost=ours.client_id) == [Adopt(ours), Book(unheard), Foreign(theirs)]


def test_drifts_are_what_the_venue_has_more() -> None:
    ours, theirs = {"A": D(1), "B": D(-2), "C": D(0)}, {"A": D(1), "B": D(1), "D": D(4)}
    assert drifts(ours, theirs) == {"B": D(3), "D": D(4)}


def test_absence_is_proved_only_after_the_window_and_by_two_endpoints() -> None:
    unknown = order(state="unknown")
    assert not is_proved_absent(unknown, 300, 100, 200, None, False)
    assert is_proved_absent(unknown, 301, 100, 200, None, False)
    assert not is_proved_absent(unknown, 10**9, 100, 200, update("open"), False)
    assert not is_proved_absent(unknown, 10**9, 100, 200, None, True)
    assert not is_proved_absent(order(state="filled"), 10**9, 100, 200, None, False)


def test_an_order_that_was_acknowledged_or_filled_was_sent() -> None:
    """Venues forget finished orders: silence about one that they had is not the proof that they never had it."""
    assert not is_proved_absent(order(state="unknown", venue_id="v1"), 10**9, 100, 200, None, False)
    assert not is_proved_absent(order(state="unknown", filled=D(1)), 10**9, 100, 200, None, False)


def test_a_size_that_we_do_not_know_comes_before_the_fills() -> None:
    """Of an order that was made larger there a fill alone would end what is open."""
    larger = update("partially_filled", size=D(20))
    found = compare([order()], [larger], [fill(D(10))])
    assert [type(each) for each in found] == [Take, Book]
