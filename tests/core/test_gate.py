"""The risk gate: each check refuses what it must, says so in figures, and lets exits through."""

from __future__ import annotations

import dataclasses
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi.commands import REASONS
from ctosd.abi.orders import Order
from ctosd.core import gate
from ctosd.core.gate import CHECKS, Limits, View
from ctosd.testing.venue import perpetual

NO_HOUSE = Limits(max_order_notional=None, max_position_notional=None, price_band=None)


def order(**changes: Any) -> Order:
    facts: dict[str, Any] = {
        "client_id": "c1", "strategy": "s", "account": "test/main", "symbol": "BTC/USDT:USDT",
        "side": "buy", "type": "limit", "size": D("0.1"), "price": D(100),
    }  # fmt: skip
    return Order(**{**facts, **changes})


def view(**changes: Any) -> View:
    facts: dict[str, Any] = {
        "now_ns": 10**18, "mode": "active", "mode_reason": "", "instrument": perpetual(), "venue_up": True, "unarmed": "", "frozen": "",
        "price": D(100), "price_age_ns": 0, "price_valid_ns": 0, "position": D(0), "account_position": D(0),
        "buying": D(0), "selling": D(0), "account_buying": D(0), "account_selling": D(0), "open_orders": 0,
        "unresolved": "", "pnl": D(0), "tokens": 5.0, "last_same_ns": 0, "limits": Limits(), "house": NO_HOUSE,
    }  # fmt: skip
    return View(**{**facts, **changes})


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("halted", {}, {"mode": "halted", "mode_reason": "a person"}),
    ("reducing", {}, {"mode": "reducing"}),
    ("venue_down", {}, {"venue_up": False}),
    ("unarmed", {}, {"unarmed": "nobody did"}),
    ("precision", {"size": D("0.1005")}, {}),
    ("precision", {"price": D("100.05")}, {}),
    ("precision", {"size": D(0)}, {}),
    ("precision", {"price": D(-100)}, {}),
    ("min_size", {"size": D("0.001")}, {"instrument": perpetual(min_size=D("0.01"))}),
    ("min_notional", {"size": D("0.001")}, {}),
    ("no_price", {}, {"price": None}),
    ("stale_price", {}, {"price_age_ns": 31 * 10**9}),
    ("stale_price", {}, {"price_age_ns": -3600 * 10**9}),
    ("price_band", {"price": D("110.1")}, {}),
    ("price_band", {"side": "sell", "price": D("89.9")}, {}),
    ("unresolved", {}, {"unresolved": "c0"}),
    ("max_order_notional", {"size": D(101)}, {}),
    ("max_position_notional", {"size": D(90)}, {"buying": D(420)}),
    (
        "max_position_notional",
        {},
        {"account_buying": D(99), "house": dataclasses.replace(NO_HOUSE, max_position_notional=D(9900))},
    ),
    ("max_open_orders", {}, {"open_orders": 200}),
    ("max_loss", {}, {"pnl": D(-51), "limits": Limits(max_loss=D(50))}),
    ("duplicate", {}, {"last_same_ns": 10**18 - 99_000_000}),
    ("order_rate", {}, {"tokens": 0.9}),
]


@pytest.mark.parametrize(("reason", "order_changes", "view_changes"), REFUSED)
def test_refuses(reason: str, order_changes: dict[str, Any], view_changes: dict[str, Any]) -> None:
    """Each check refuses its own case, with a word that users can look up and a sentence."""
    refusal = gate.check(order(**order_changes), view(**view_changes))
    assert refusal is not None
    assert refusal.reason == reason
    assert reason in REASONS
    assert refusal.message


def test_a_good_order_passes() -> None:
    assert gate.check(order(), view()) is None


def test_passive_prices_are_outside_the_band() -> None:
    """A buy far below the market harms nobody: the band bounds the aggressive side only."""
    assert gate.check(order(price=D(50)), view()) is None


@pytest.mark.parametrize("changes", [
    {"mode": "reducing"}, {"price": None}, {"price_age_ns": 10**12}, {"unresolved": "c0"}, {"pnl": D(-999)},
    {"position": D(9999), "account_position": D(9999)},
])  # fmt: skip
def test_exits_pass(changes: dict[str, Any]) -> None:
    """What only makes a position smaller is not stopped by checks that bound risk."""
    exit_order = order(side="sell", type="market", price=None, reduce_only=True)
    facts = {"position": D(1), "limits": Limits(max_loss=D(50)), **changes}
    assert gate.check(exit_order, view(**facts)) is None


def test_an_order_that_would_flip_the_position_does_not_count_as_an_exit() -> None:
    flip = order(side="sell", size=D(2), price=D(100))
    refusal = gate.check(flip, view(position=D(1), mode="reducing"))
    assert refusal is not None
    assert refusal.reason == "reducing"


def test_two_exits_of_the_same_position_do_not_both_count_as_exits() -> None:
    """What is already being sold cannot be sold again as a reduction."""
    second = order(side="sell", size=D(1))
    assert gate.check(second, view(position=D(1), selling=D(1), mode="reducing")) is not None


def test_halted_stops_exits_unless_privileged() -> None:
    exit_order = order(side="sell", reduce_only=True)
    assert gate.check(exit_order, view(position=D(1), mode="halted")) is not None
    assert gate.check(exit_order, view(position=D(1), mode="halted", privileged=True)) is None


def test_privilege_opens_nothing() -> None:
    """The operator's exits pass a halt; an order that adds risk does not, whoever sends it."""
    assert gate.check(order(), view(mode="halted", privileged=True)) is not None


def test_slow_sources_are_not_stale() -> None:
    """A feed of one-minute bars is as fresh as it can be for a minute."""
    assert gate.check(order(), view(price_age_ns=60 * 10**9, price_valid_ns=125 * 10**9)) is None


def test_first_is_the_switch_and_last_the_rate() -> None:
    assert CHECKS[0][0] == "halted"
    assert CHECKS[-1][0] == "order_rate"


def test_explain_lists_every_check() -> None:
    verdicts = gate.explain(order(), view(mode="halted", tokens=0))
    assert [name for name, _ in verdicts] == [name for name, _ in CHECKS]
    assert [name for name, refusal in verdicts if refusal is not None] == ["halted", "order_rate"]


def test_looking_again_sees_what_changed_while_waiting() -> None:
    assert gate.check_again(order(), view()) is None
    assert gate.check_again(order(), view(mode="halted")) is not None
    assert gate.check_again(order(), view(venue_up=False)) is not None
    assert gate.check_again(order(), view(price_age_ns=10**12)) is not None


def test_an_order_that_was_sent_in_the_future_repeats_nothing() -> None:
    """The clock was set back since: without this no order could be repeated until it comes there again."""
    assert gate.check(order(), view(last_same_ns=10**18 + 3_600 * 10**9)) is None


@pytest.mark.parametrize("reducing", [False, True])
@pytest.mark.parametrize("one", range(len(REFUSED)))
def test_the_first_of_all_rules_wins_whatever_else_is_wrong(one: int, reducing: bool) -> None:
    """Rules that are not asked because nothing is the matter would have refused nothing."""
    _, first_order, first_view = REFUSED[one]
    for _, other_order, other_view in [*REFUSED, ("", {}, {}), ("", {}, {"privileged": True})]:
        placed = order(**{**other_order, **first_order, "reduce_only": reducing})
        seen = {**other_view, **first_view}
        everything = gate.explain(placed, view(**seen))
        assert gate.check(placed, view(**seen)) == next((refusal for _, refusal in everything if refusal), None)
