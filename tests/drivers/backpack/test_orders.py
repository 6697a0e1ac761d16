"""Parameters of orders, held against the venue's own description of its API."""

import json
from decimal import Decimal

import pytest

from ctosd.abi import Cancel
from drivers.backpack.orders import cancel_params, place_params
from tests.drivers.backpack.exchange import FIXTURES, MAIN, SOL, SOL_SPOT, listing, place

LISTED = listing()
LIMIT = {
    "clientId": 7, "side": "Bid", "symbol": "SOL_USDC_PERP", "orderType": "Limit", "price": "141", "timeInForce": "GTC",
    "quantity": "12",
}  # fmt: skip
MARKET = {"clientId": 7, "side": "Bid", "symbol": "SOL_USDC_PERP", "orderType": "Market", "quantity": "12"}
TRIGGER = {"triggerBy": "LastPrice", "triggerPrice": "150.5", "triggerQuantity": "12"}
SPOT = {**LIMIT, "symbol": "SOL_USDC"}

CASES = [
    ({}, False, LIMIT),
    ({"post_only": True}, False, {**LIMIT, "postOnly": True}),
    ({"tif": "ioc"}, False, {**LIMIT, "timeInForce": "IOC"}),
    ({"tif": "fok"}, False, {**LIMIT, "timeInForce": "FOK"}),
    ({"reduce_only": True, "side": "sell"}, False, {**LIMIT, "side": "Ask", "reduceOnly": True}),
    ({"type": "market", "price": None}, False, MARKET),
    ({"size": Decimal("1E-7"), "price": Decimal("1E+2")}, False, {**LIMIT, "quantity": "0.0000001", "price": "100"}),
    ({"symbol": SOL_SPOT}, False, SPOT),
    ({"symbol": SOL_SPOT}, True, {**SPOT, "autoLendRedeem": True}),
    ({}, True, LIMIT),
    ({"symbol": SOL_SPOT, "side": "sell", "reduce_only": True}, False, {**SPOT, "side": "Ask"}),
    (
        {"type": "market", "price": None, "trigger": Decimal("150.5")},
        False,
        {key: value for key, value in MARKET.items() if key != "quantity"} | TRIGGER,
    ),
    (
        {"trigger": Decimal("150.5")},
        False,
        {key: value for key, value in LIMIT.items() if key != "quantity"} | TRIGGER,
    ),
]


@pytest.mark.parametrize(("facts", "redeem", "params"), CASES)
def test_orders(facts: dict, redeem: bool, params: dict) -> None:
    order = place(**facts)
    assert place_params(order, LISTED.market(order.symbol), 7, redeem=redeem) == params


def test_cancels() -> None:
    """By order id where it is known, else by number, never both."""
    cancel = Cancel(account=MAIN, client_id="x", venue_id="28", symbol=SOL)
    assert cancel_params(cancel, "SOL_USDC_PERP", 7) == {"orderId": "28", "symbol": "SOL_USDC_PERP"}
    cancel = Cancel(account=MAIN, client_id="x", venue_id="", symbol=SOL)
    assert cancel_params(cancel, "SOL_USDC_PERP", 7) == {"clientId": 7, "symbol": "SOL_USDC_PERP"}
    assert cancel_params(cancel, "SOL_USDC_PERP", None) is None


def test_every_field_exists_in_the_venues_description() -> None:
    path = FIXTURES / "backpack" / "openapi.json"
    if not path.exists():
        pytest.skip("the shared fixtures are not here")
    schemas = json.loads(path.read_text())["components"]["schemas"]
    fields = schemas["OrderExecutePayload"]["properties"]
    for facts, redeem, params in CASES:
        assert set(params) <= set(fields), facts
        assert params["orderType"] in schemas["OrderTypeEnum"]["enum"], redeem
        assert params["side"] in schemas["Side"]["enum"]
        assert params.get("timeInForce", "GTC") in schemas["TimeInForce"]["enum"]
    assert {"orderId", "clientId", "symbol"} == set(schemas["OrderCancelPayload"]["properties"])
