"""The ledger numbers orders and trades, and finds what is open."""

from decimal import Decimal as D

import msgspec
import pytest

from drivers.backpack.emulator.ledger import Ledger
from drivers.backpack.emulator.refusals import Refusal
from tests.drivers.backpack.emulator.counter import PERP, Counter, market
from tests.drivers.backpack.emulator.test_orders import fill, ticket


def test_open_orders_are_found_by_either_id_until_they_end() -> None:
    ledger = Ledger(("a/main", "a/second"))
    made = ticket(client_id=7)
    ledger.enter(made)
    book = ledger.books["a/main"]
    assert book.find(made.id, None) is book.find(None, 7) is made
    book.close(made)
    for ids in ((made.id, None), (None, 7)):
        with pytest.raises(Refusal, match="RESOURCE_NOT_FOUND"):
            book.find(*ids)
    assert book.tickets[made.id] is made


def test_what_was_refused_never_was() -> None:
    ledger = Ledger(("a/main",))
    made = ticket(client_id=7)
    ledger.enter(made)
    ledger.strike(made)
    book = ledger.books["a/main"]
    assert (book.tickets, book.by_key, book.open, book.by_client) == ({}, {}, {}, {})


def test_trades_are_counted_by_symbol_and_shared_by_both_sides() -> None:
    ledger = Ledger(("a/main",))
    assert [ledger.next_trade("X"), ledger.next_trade("X"), ledger.next_trade("Y")] == [1, 2, 1]
    assert ledger.trade_of(fill()) == ledger.trade_of(fill())
    assert ledger.trade_of(msgspec.structs.replace(fill(), trade_id="t2")) == 2
    assert int(ledger.next_id()) < int(ledger.next_id())


def test_the_truth_has_every_order_and_every_id() -> None:
    counter = Counter()
    counter.place(**market(quantity="1", clientId=1))
    counter.place(clientId=2)
    counter.refused(clientId=2)
    truth = counter.truth()
    assert [(each["client_id"], each["state"], each["filled"]) for each in truth["orders"]] == [
        (1, "Filled", "1"),
        (2, "New", "0"),
    ]
    assert truth["received"] == {1: 1, 2: 2}
    assert truth["processed"] == {1: 1, 2: 1}
    assert sum(D(each["quantity"]) for each in truth["fills"]) == 1
    assert truth["positions"] == {"SOL/USDC:USDC": "1"}
    assert counter.ask("GET", "/api/v1/orders")[0]["symbol"] == PERP
