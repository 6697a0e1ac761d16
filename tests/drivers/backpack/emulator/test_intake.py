"""Requests are read strictly: what does not fit is refused in the venue's words, never mended."""

from decimal import Decimal as D
from typing import Any

import pytest

from drivers.backpack.emulator.intake import as_decimal, client_id, number, order_id, parameter, read_json, target
from drivers.backpack.emulator.refusals import Refusal
from tests.drivers.backpack.emulator.counter import PERP, SOL, Counter, market, order

BAD, ID = "INVALID_CLIENT_REQUEST", 2**32 - 1


@pytest.fixture(scope="module")
def counter() -> Counter:
    return Counter()


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"price": "140.001"}, BAD, "Price decimal too long"),
        ({"quantity": "1.001"}, BAD, "Quantity decimal too long"),
        ({"quantity": "0"}, "INVALID_QUANTITY", "below the minimum"),
        ({"price": "-1"}, "INVALID_PRICE", "positive"),
        ({"price": 140}, BAD, 'Expected input type "string", found 140'),
        ({"price": "1e2"}, BAD, "Invalid decimal"),
        ({"price": "NaN"}, BAD, "Invalid decimal"),
        ({"quantity": None}, BAD, "quantity"),
        ({"price": None}, BAD, "price"),
        ({"side": "Buy"}, BAD, "Expect a valid enumeration value"),
        ({"side": None}, BAD, '"side" is required'),
        ({"symbol": None}, BAD, '"symbol" is required'),
        ({"symbol": "NO_USDC"}, "INVALID_MARKET", "Invalid market"),
        ({"timeInForce": "GTX"}, BAD, "TimeInForce"),
        ({"selfTradePrevention": "Allow"}, BAD, "SelfTradePrevention"),
        ({"clientId": "7"}, BAD, "uint32"),
        ({"clientId": -1}, BAD, "uint32"),
        ({"clientId": ID + 1}, BAD, "uint32"),
        ({"clientId": True}, BAD, "uint32"),
        ({"postOnly": "true"}, BAD, "boolean"),
        ({"postOnly": True, "timeInForce": "IOC"}, BAD, "postOnly"),
        ({"quoteQuantity": "10"}, BAD, "quoteQuantity"),
        ({"triggerPrice": "140"}, BAD, "Must specify both `triggerPrice` and `triggerQuantity` or neither"),
        ({"triggerQuantity": "1"}, BAD, "Must specify both"),
        ({"reduceOnly": True, "symbol": SOL}, "INVALID_ORDER", "spot"),
        (market(quantity=None), BAD, "quantity"),
        (market(quantity="1", price="140"), BAD, "Market orders take neither"),
        (market(quantity=None, quoteQuantity="0.001"), "INVALID_QUANTITY", "below the minimum"),
    ],
)
def test_what_is_wrong_is_refused(counter: Counter, fields: dict[str, Any], code: str, message: str) -> None:
    status, found, text = counter.refused(**fields)
    assert (status, found) == (400, code)
    assert message in text
    assert counter.truth()["orders"] == []


def test_the_largest_id_is_taken(counter: Counter) -> None:
    placed = counter.place(clientId=ID)
    assert placed["clientId"] == ID
    counter.cancel(symbol=PERP, orderId=placed["id"])


def test_ids_of_cancels_may_be_texts_and_of_orders_numbers() -> None:
    assert client_id({"clientId": "7"}, text=True) == 7
    assert order_id({"orderId": 28}) == "28"
    assert target({"orderId": "28"}) == ("28", None)
    for both_or_neither in ({"orderId": "28", "clientId": 7}, {}):
        with pytest.raises(Refusal, match="exactly one"):
            target(both_or_neither)


def test_queries_are_read_strictly() -> None:
    assert (number({"limit": "7"}, "limit"), number({}, "limit", 100)) == (7, 100)
    assert parameter({"a": "x"}, "a", ("x", "y")) == "x"
    for text in ("-1", "1.5", "x", ""):
        with pytest.raises(Refusal, match="limit"):
            number({"limit": text}, "limit", 100)
    with pytest.raises(Refusal, match="required"):
        number({}, "startTime")
    with pytest.raises(Refusal, match="enumeration"):
        parameter({"a": "z"}, "a", ("x", "y"))
    assert as_decimal("0.10", "price") == D("0.1")


def test_bodies_are_json_and_say_so(counter: Counter) -> None:
    assert read_json(b'{"a":1}', "application/json; charset=utf-8") == {"a": 1}
    with pytest.raises(Refusal, match="parse request payload"):
        read_json(b"{", "application/json")
    with pytest.raises(Refusal) as caught:
        read_json(b"{}", "text/plain")
    assert caught.value.status == 415
    reply = counter.signed("POST", "/api/v1/order", [order()])
    assert reply.status == 400
    assert b"OrderExecutePayload" in reply.body
