"""One order, three spellings, each as recorded traffic and the venue's description have it."""

import json
from decimal import Decimal as D

import pytest

from ctosd.abi import Fill
from drivers.backpack.emulator.orders import Execution, Ticket
from tests.drivers.backpack.emulator.counter import FIXTURES, check

NS = 1_788_285_244_094_000_000


def ticket(**fields: object) -> Ticket:
    usual = {
        "account": "a/main", "key": "b1", "id": "59669287267", "client_id": None, "name": "USDT_USDC", "symbol": "USDT/USDC",
        "side": "Ask", "type": "Limit", "created_ns": NS, "price": D("1.0077"), "quantity": D(20), "post_only": True,
    }  # fmt: skip
    return Ticket(**(usual | fields))


def fill() -> Fill:
    return Fill(
        account="a/main", symbol="USDT/USDC", trade_id="t1", client_id="b1", venue_id="o1", side="sell", price=D("1.0077"),
        size=D(5), fee=D("0.004"), fee_asset="USDC", liquidity="maker", time_ns=NS,
    )  # fmt: skip


def test_the_rest_object_is_the_recorded_one() -> None:
    path = FIXTURES / "backpack" / "http_recorded.json"
    if not path.exists():
        pytest.skip("the recorded traffic is not there")
    records = json.loads(path.read_text())["records"]
    recorded = next(each["body"] for each in records if each["method"] == "POST")
    assert ticket().rest() == recorded
    check(ticket().rest(), "OrderType")


@pytest.mark.parametrize(
    "fields",
    [
        {"client_id": 7},
        {"type": "Market", "price": None, "status": "Filled", "executed": D(20), "executed_quote": D("20.1")},
        {"type": "Market", "price": None, "quantity": None, "quote_quantity": D(5)},
        {"trigger_price": D(2), "trigger_quantity": "80%", "trigger_by": "MarkPrice", "quantity": None, "status": "TriggerPending"},
        {"status": "Expired", "expiry": "PostOnlyTaker"},
    ],
)  # fmt: skip
def test_every_spelling_fits_the_description(fields: dict[str, object]) -> None:
    made = ticket(**fields)
    if made.trigger_quantity is None:
        check(made.rest(), "OrderType")
    check(made.historical(), "Order")


def test_a_fill_moves_the_order_and_is_told() -> None:
    made = ticket(client_id=7)
    made.add(fill())
    execution = Execution(ticket=made, trade_id=901, fill=fill())
    assert (made.executed, made.executed_quote) == (D(5), D("5.0385"))
    told = made.update("orderFill", NS // 1000, execution)
    assert {key: told[key] for key in "tlLmnNzZc"} == {
        "t": 901, "l": "5", "L": "1.0077", "m": True, "n": "0.004", "N": "USDC", "z": "5", "Z": "5.0385", "c": 7,
    }  # fmt: skip
    history = execution.historical()
    check(history, "OrderFill")
    assert (history["clientId"], history["tradeId"], history["isMaker"]) == ("7", 901, True)


def test_enumerations_are_upper_case_in_the_stream_only() -> None:
    made = ticket()
    assert (made.rest()["orderType"], made.update("orderAccepted", 0)["o"]) == ("Limit", "LIMIT")
    assert made.is_open
    assert not ticket(status="Cancelled").is_open
    assert ticket(status="TriggerPending").waits
