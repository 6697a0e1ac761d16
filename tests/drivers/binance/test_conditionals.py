"""A fill of an order that a conditional one became finds the conditional one, whatever comes first."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from ctosd.abi import Fill, OrderUpdate
from drivers.binance.conditionals import MOST_ALIASES, Conditionals
from tests.drivers.binance.scripted import MAIN, PERP


def order(client_id: str = "ctos1", state: Any = "open", venue_id: str = "900") -> OrderUpdate:
    return OrderUpdate(account=MAIN, symbol=PERP, client_id=client_id, venue_id=venue_id, state=state, side="buy", type="market",
                       size=D(1), filled=D(0), time_ns=1)  # fmt: skip


def fill(client_id: str = "random") -> Fill:
    return Fill(account=MAIN, symbol=PERP, trade_id="1", client_id=client_id, venue_id="55", side="buy", price=D(5), size=D(1),
                fee=D(0), fee_asset="USDT", liquidity="taker", time_ns=1)  # fmt: skip


def armed() -> Conditionals:
    found = Conditionals()
    found.arm("ctos1", PERP, "buy", D(1))
    return found


def test_known_beforehand() -> None:
    state = armed()
    told = state.follow(order(), "TRIGGERED", "55")
    assert [event.client_id for event in told if isinstance(event, OrderUpdate)] == ["ctos1"]
    assert state.owner("55", "random", PERP, "buy", D(1)) == "ctos1"
    assert (state.armed, state.became) == ({}, {"ctos1": "55"})


def test_told_too_early_is_held_and_then_owned() -> None:
    state = armed()
    assert state.owner("55", "random", PERP, "buy", D(1)) is None
    assert state.hold("55", [fill(), order("random", venue_id="55")], 5) == []
    told: list[Any] = state.follow(order(), "TRIGGERED", "55")
    assert [event.client_id for event in told] == ["ctos1", "ctos1", "ctos1"]
    assert isinstance(told[0], Fill)
    assert state.waiting == {}


def test_orders_that_no_armed_one_could_have_become_are_told_at_once() -> None:
    state = armed()
    assert state.owner("55", "random", PERP, "sell", D(1)) == "random"
    assert state.owner("55", "random", PERP, "buy", D(2)) == "random"
    assert state.owner("55", "ctos9", PERP, "buy", D(1)) == "ctos9"
    assert state.owner("55", "ctos1", PERP, "buy", D(1)) == "ctos1"  # the venue may keep the id
    assert Conditionals().owner("55", "random", PERP, "buy", D(1)) == "random"


def test_a_stranger_is_let_go_in_the_end() -> None:
    state = armed()
    state.hold("55", [fill()], 5)
    assert state.release(4) == []
    assert state.release(5) == [fill()]
    assert state.owner("55", "random", PERP, "buy", D(1)) == "random"


def test_ends() -> None:
    state = armed()
    assert state.follow(order(state="cancelled"), "CANCELED", "") == [order(state="cancelled")]
    assert state.armed == {}
    state = armed()
    assert state.follow(order(state="filled"), "FINISHED", "55") == []
    assert state.follow(order(state="cancelled"), "FINISHED", "") == [order(state="cancelled")]


def test_it_does_not_grow_for_ever() -> None:
    state = Conditionals()
    for number in range(MOST_ALIASES + 10):
        state.join(f"{number}", f"c{number}")
    assert len(state.aliases) == len(state.became) == MOST_ALIASES
    assert "c0" not in state.became
