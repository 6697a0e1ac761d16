"""The tables, row by row: realised profit, third-asset fees, rebates, shares of funding, what comes after an order's end."""

from decimal import Decimal as D

import msgspec
import pytest

from ctosd.abi.errors import InvariantBroken
from ctosd.abi.events import Fill, FundingPayment, OrderUpdate
from ctosd.abi.orders import Order
from ctosd.host.export.tables import COLUMNS, plain, tables_of
from ctosd.kernel.ports import Row

T = 1_767_225_600_000_000_001
PERP = "BTC/USDT:USDT"


class Book:
    def __init__(self):
        self.rows = []

    def add(self, kind, key, body):
        self.rows.append(Row(len(self.rows) + 1, 1, T + len(self.rows), kind, key, msgspec.json.encode(body)))

    def fill(self, side, size, price, *, strategy="grid", client_id="", **more):
        facts = {"fee": D(0), "fee_asset": "USDT", "symbol": PERP, **more}
        number = len(self.rows) + 1
        self.add("fill", strategy, Fill(account="okx/main", trade_id=f"t{number}", client_id=client_id, venue_id="v1",
                 side=side, price=D(price), size=D(size), liquidity="maker", time_ns=T, **facts))  # fmt: skip

    def order(self, **more):
        facts = {"client_id": "c1", "strategy": "grid", "account": "okx/main", "symbol": PERP, "side": "buy",
                 "type": "limit", "size": D(2), "price": D(100), "created_ns": T, **more}  # fmt: skip
        self.add("intent", "grid", {"act": "place", "order": Order(**facts)})

    def word(self, state, filled="0"):
        self.add("order", "grid", OrderUpdate(account="okx/main", symbol=PERP, client_id="c1", venue_id="v1", state=state,
                 side="buy", type="limit", size=D(2), filled=D(filled), price=D(100), time_ns=T + 9))  # fmt: skip

    def table(self, name):
        return tables_of(self.rows)[1][name]


@pytest.fixture
def book():
    return Book()


def test_realised_profit_is_by_average_cost_and_fees_keep_their_asset_and_sign(book):
    book.fill("buy", "1", "100", fee=D("-0.01"))
    book.fill("buy", "1", "110", fee=D("0.00002"), fee_asset="BNB")
    book.fill("sell", "0.5", "120", cause="liquidation")
    rows = book.table("fills")
    assert [D(row["realised"]) for row in rows] == [0, 0, D("7.5")]
    assert rows[2]["cause"] == "liquidation"
    assert rows[0]["time"] == "2026-01-01T00:00:00.000000001Z"
    assert [(row["amount"], row["asset"]) for row in book.table("fees")] == [("-0.01", "USDT"), ("0.00002", "BNB")]
    assert set(rows[0]) <= set(COLUMNS["fills"])


def test_a_repeated_fill_is_counted_and_not_written_twice(book):
    book.fill("buy", "1", "100")
    book.rows.append(msgspec.structs.replace(book.rows[0], seq=2))
    tables, found = tables_of(book.rows)
    assert len(found["fills"]) == 1
    assert tables.repeats == 1


def test_funding_tells_each_strategy_its_share(book):
    book.fill("buy", "3", "100", strategy="one")
    book.fill("buy", "1", "100", strategy="two")
    payment = FundingPayment(account="okx/main", symbol=PERP, payment_id="p1", amount=D("-0.5"), asset="USDT",
                             rate=D("0.0001"), position=D(5), time_ns=T)  # fmt: skip
    book.add("funding", "okx/main", payment)
    (row,) = book.table("funding")
    shares = dict(each.split("=") for each in row["shares"].split(";"))
    assert {name: D(share) for name, share in shares.items()} == {
        "one": D("-0.3"),
        "two": D("-0.1"),
        "external": D("-0.1"),
    }


def test_a_transfer_moves_cost_so_that_the_taker_realises(book):
    book.fill("buy", "1", "100", strategy="one")
    moved = {"account": "okx/main", "symbol": PERP, "source": "one", "target": "two", "size": "1"}
    book.add("transfer", "two", moved)
    book.fill("sell", "1", "130", strategy="two")
    assert D(book.table("fills")[1]["realised"]) == 30


def test_an_order_is_one_row_when_it_has_ended_and_a_late_fill_makes_another(book):
    book.order()
    book.add("outcome", "grid", {"act": "place", "client_id": "c1", "outcome": "accepted", "venue_id": "v1"})
    book.fill("buy", "0.5", "100", client_id="c1")
    assert book.table("orders") == []
    book.word("cancelled", "0.5")
    book.word("cancelled", "0.5")
    (row,) = book.table("orders")
    assert (row["state"], row["filled"], row["average"], row["revision"]) == ("cancelled", "0.5", "100", "1")
    book.fill("buy", "0.25", "90", client_id="c1")
    late = book.table("orders")
    assert late[0] == row
    assert (late[1]["revision"], late[1]["filled"], late[1]["seq"]) == ("2", "0.75", "6")
    assert set(row) == set(COLUMNS["orders"])


@pytest.mark.parametrize(("outcome", "state"), [("rejected", "rejected"), ("never_sent", "never_sent")])
def test_an_order_that_never_stood_has_its_row_and_reason(book, outcome, state):
    book.order(post_only=True, price=None, type="market")
    book.add("outcome", "grid", {"act": "place", "client_id": "c1", "outcome": outcome, "reason": "margin"})
    (row,) = book.table("orders")
    assert (row["state"], row["reason"], row["price"], row["post_only"]) == (state, "margin", "", "yes")


def test_an_amended_order_ends_with_its_new_terms(book):
    book.order()
    book.add("outcome", "grid", {"act": "place", "client_id": "c1", "outcome": "accepted"})
    amend = {"account": "okx/main", "client_id": "c1", "venue_id": "v1", "symbol": PERP, "price": "101", "size": "3"}
    book.add("intent", "grid", {"act": "amend", "order": amend})
    book.add("outcome", "grid", {"act": "amend", "client_id": "c1", "outcome": "accepted"})
    book.fill("buy", "3", "101", client_id="c1")
    (row,) = book.table("orders")
    assert (row["size"], row["price"], row["state"]) == ("3", "101", "filled")


def test_digits_are_all_there_and_rows_that_cannot_be_read_are_named(book):
    assert plain(D("1E-12")) == "0.000000000001"
    assert plain(D("1E+3")) == "1000"
    book.fill("buy", "1", "100")
    book.rows.append(Row(2, 1, T, "outcome", "grid", b"{}"))
    with pytest.raises(InvariantBroken, match="row 2 of kind 'outcome'"):
        tables_of(book.rows)
