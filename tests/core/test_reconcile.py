"""Reconciliation: the repairs follow from the difference, money first, and absence needs proof."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from ctosd.core.ids import ClientIds
from ctosd.core.reconcile import Adopt, Ask, Book, Orphan, diff, is_proved_absent
from tests.core.test_lifecycle import fill, order, update


def no_fill(_: Any) -> bool:
    return False


def test_equal_records_need_no_repair() -> None:
    ours = order(venue_id="v1")
    assert diff([ours], [update("open")], [], no_fill) == []


def test_money_comes_first() -> None:
    unheard = fill(D(1))
    repairs = diff([order(venue_id="v1")], [update("partially_filled", filled=D(1))], [unheard], no_fill)
    assert repairs == [Book(unheard), Adopt(update("partially_filled", filled=D(1)))]


def test_a_booked_fill_is_not_booked_again() -> None:
    assert diff([], [], [fill(D(1))], lambda _: True) == []


def test_an_open_order_that_the_venue_does_not_list_is_asked_for() -> None:
    """Not listed is not the same as not there: it may be filled, cancelled, or never have arrived."""
    ours = order(state="pending")
    assert diff([ours], [], [], no_fill) == [Ask(ours)]


def test_finished_orders_are_left_alone() -> None:
    assert diff([order(state="filled")], [], [], no_fill) == []


def test_strangers_are_told_from_orders_that_our_journal_lost() -> None:
    ours = update("open", client_id=ClientIds(3).mint())
    theirs = update("open", client_id="web-12345")
    assert diff([], [ours, theirs], [], no_fill) == [Orphan(ours, True), Orphan(theirs, False)]


def test_absence_is_proved_only_after_the_window_and_by_two_endpoints() -> None:
    unknown = order(state="unknown", created_ns=1_000)
    assert not is_proved_absent(unknown, 1_000 + 300, 100, 200, None, False)
    assert is_proved_absent(unknown, 1_000 + 301, 100, 200, None, False)
    assert not is_proved_absent(unknown, 10**9, 100, 200, update("open"), False)
    assert not is_proved_absent(unknown, 10**9, 100, 200, None, True)
    assert not is_proved_absent(order(state="filled"), 10**9, 100, 200, None, False)


def test_an_order_that_was_acknowledged_or_filled_was_sent() -> None:
    """Venues forget finished orders: silence about one that they had is not the proof that they never had it."""
    assert not is_proved_absent(order(state="unknown", venue_id="v1"), 10**9, 100, 200, None, False)
    assert not is_proved_absent(order(state="unknown", filled=D(1)), 10**9, 100, 200, None, False)
