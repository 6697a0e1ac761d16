"""What is remembered of an account, and what of it outlives the process."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from ctosd.abi import OrderUpdate
from drivers.binance.account import MOST_TERMS, Account
from tests.drivers.binance.scripted import MAIN, PERP, Venue, amend, place


def account(venue: Venue) -> Account:
    return Account(MAIN, None, {}, venue.store, venue.clock)


def update(client_id: str, state: Any = "open", venue_id: str = "7") -> OrderUpdate:
    return OrderUpdate(account=MAIN, symbol=PERP, client_id=client_id, venue_id=venue_id, state=state, side="buy", type="limit", size=D(2),
                       filled=D(1), price=D(5), time_ns=1)  # fmt: skip


def test_symbols_are_durable_before_their_first_order() -> None:
    venue = Venue()
    found = account(venue)
    found.send(place())
    found.send(place(client_id="b"))
    assert venue.store.writes == 1
    assert account(venue).traded == {PERP}


def test_terms_follow_the_order() -> None:
    found = account(Venue())
    found.send(place("sell", "2", "9"))
    found.amend(amend(price=D(8)))
    found.amend(amend(size=D(1), client_id="unknown"))
    terms = found.terms["ctos0000001000000001"]
    assert (terms.side, terms.price, terms.size) == ("sell", D(8), D(2))
    found.refuse(place())
    assert found.terms == {}
    found.learn(update("x"))
    assert found.terms["x"].filled == 1
    found.learn(update("x", "filled"))
    assert found.terms == {}
    assert found.owners[PERP, "7"] == "x"


def test_conditional_orders_are_armed_and_disarmed() -> None:
    found = account(Venue())
    order = place(trigger=D(5))
    found.send(order)
    assert order.client_id in found.data.conditionals.armed
    found.refuse(order)
    assert found.data.conditionals.armed == {}


def test_it_does_not_grow_for_ever() -> None:
    found = Account(MAIN, None, {}, None, Venue().clock)
    for number in range(MOST_TERMS + 5):
        found.learn(update(f"c{number}", venue_id=f"{number}"))
    assert len(found.terms) == MOST_TERMS
    assert "c0" not in found.terms
