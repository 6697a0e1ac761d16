"""Rows of orders and fills."""

from decimal import Decimal as D

import pytest

from drivers.okx.emulator.orders import Execution, Ticket, fill_row
from tests.drivers.okx.emulator.venue import SWAP, Venue


@pytest.fixture
def ticket():
    market = Venue().emulator._listing.named(SWAP)
    return Ticket(
        account="okx/main", market=market, id="1", key="1", side="buy", type="limit", size=D(3), price=D("60000.0"),
        created_ns=1_767_225_600_000_000_000, updated_ns=1_767_225_601_000_000_000, client_id="a", fee_asset="USDT",
    )  # fmt: skip


FILL = Execution(
    trade_id="7",
    bill_id="9",
    price=D(60000),
    size=D(1),
    fee=D("-0.3"),
    pnl=D(0),
    taker=True,
    time_ns=1_767_225_601_000_000_000,
)


def test_a_resting_order_has_empty_fill_figures(ticket):
    row = ticket.row()
    assert (row["avgPx"], row["fillPx"], row["fillSz"], row["tradeId"], row["accFillSz"]) == ("", "", "0", "", "0")
    assert (row["px"], row["sz"], row["state"], row["reduceOnly"]) == ("60000", "3", "live", "false")
    assert ticket.open
    assert ticket.average is None


def test_a_push_tells_of_the_fill_that_it_is_about(ticket):
    ticket.last, ticket.filled, ticket.notional, ticket.fee = FILL, D(1), D(60000), D("-0.3")
    about, other = ticket.push(FILL, D(60000)), ticket.push(None, D(60000), code="51511", message="no")
    assert (about["tradeId"], about["fillSz"], about["fillFee"], about["execType"]) == ("7", "1", "-0.3", "T")
    assert (other["tradeId"], other["fillSz"], other["code"], other["msg"]) == ("", "0", "51511", "no")
    assert ticket.row()["tradeId"] == "7"
    assert (about["notionalUsd"], about["fillNotionalUsd"], about["avgPx"]) == ("1800", "600", "60000")


def test_money_paid_is_negative(ticket):
    row = fill_row(ticket, FILL)
    assert (row["fee"], row["feeCcy"], row["ordId"], row["billId"], row["clOrdId"]) == ("-0.3", "USDT", "1", "9", "a")
    assert row["ts"] == "1767225601000"
