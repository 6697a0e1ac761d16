"""Orders as they come in: what goes together, and what does not."""

import pytest

from tests.drivers.binance.emulator.rig import BTC, Answered, Rig

LIMIT = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "58000"}
MARKET = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.01"}
SPOT = "/api/v3/order"
FUTURES = "/fapi/v1/order"


def without(params: dict[str, str], *names: str, **more: str) -> dict[str, str]:
    return {**{name: value for name, value in params.items() if name not in names}, **more}


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        (FUTURES, without(LIMIT, "symbol"), -1102),
        (FUTURES, without(LIMIT, "price"), -1102),
        (FUTURES, without(LIMIT, "quantity"), -1102),
        (FUTURES, without(LIMIT, "timeInForce"), -1102),
        (FUTURES, without(LIMIT, side="HOLD"), -1117),
        (FUTURES, without(LIMIT, type="LIMIT_MAKER"), -1116),
        (FUTURES, without(LIMIT, type="STOP_MARKET"), -4120),
        (FUTURES, without(LIMIT, type="TRAILING_STOP_MARKET"), -4120),
        (FUTURES, without(LIMIT, timeInForce="GFD"), -1115),
        (FUTURES, without(LIMIT, newOrderRespType="FULL"), -1118),
        (FUTURES, without(LIMIT, symbol="NOSUCHUSDT"), -1121),
        (FUTURES, without(LIMIT, quantity="1e-2"), -1100),
        (FUTURES, without(LIMIT, newClientOrderId="a b"), -4015),
        (FUTURES, without(LIMIT, newClientOrderId="x" * 37), -4015),
        (FUTURES, without(LIMIT, positionSide="LONG"), -4061),
        (FUTURES, without(LIMIT, timeInForce="GTD"), -1102),
        (FUTURES, without(LIMIT, timeInForce="GTD", goodTillDate="1795341660000"), -1130),
        (FUTURES, without(LIMIT, priceMatch="QUEUE"), -1106),
        (FUTURES, without(MARKET, price="58000"), -1106),
        (FUTURES, without(MARKET, timeInForce="IOC"), -1106),
        (FUTURES, without(MARKET, selfTradePreventionMode="TRANSFER"), -1130),
        (SPOT, without(LIMIT, "price"), -1102),
        (SPOT, without(LIMIT, "timeInForce"), -1102),
        (SPOT, without(LIMIT, timeInForce="GTX"), -1115),
        (SPOT, without(LIMIT, type="STOP_MARKET"), -1116),
        (SPOT, without(LIMIT, type="LIMIT_MAKER"), -1106),
        (SPOT, without(LIMIT, newClientOrderId="a/b"), -1100),
        (SPOT, without(LIMIT, newClientOrderId="a.b"), -1100),
        (SPOT, without(LIMIT, reduceOnly="true"), -1104),
        (SPOT, without(LIMIT, stopPrice="57000"), -1106),
        (SPOT, without(MARKET, price="58000"), -1106),
        (SPOT, without(MARKET, quoteOrderQty="100"), -1128),
        (SPOT, without(LIMIT, quoteOrderQty="100"), -1106),
    ],
)
def test_refused(path: str, params: dict[str, str], code: int) -> None:
    rig = Rig()
    assert rig.refused("POST", path, **params) == code
    assert rig.truth()["orders"] == rig.truth("spot")["orders"] == []


@pytest.mark.parametrize("client_id", ["A.b:c/d_e-1", "x" * 36])
def test_futures_take_more_letters_in_an_id_than_spot(client_id: str) -> None:
    rig = Rig()
    assert rig.limit(newClientOrderId=client_id)["clientOrderId"] == client_id


def test_hedge_mode_wants_a_side_and_no_reduce_only() -> None:
    rig = Rig()
    rig.ask("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    assert rig.refused("POST", FUTURES, **LIMIT) == -4061
    assert rig.refused("POST", FUTURES, **LIMIT, positionSide="LONG", reduceOnly="true") == -1106
    assert rig.refused("POST", FUTURES, **LIMIT, positionSide="LONG") == -1020, "its positions are not emulated"


def test_a_matched_price_is_one_of_the_book() -> None:
    rig = Rig()
    params = without(LIMIT, "price", priceMatch="QUEUE_5")
    placed = rig.ask("POST", FUTURES, **params)
    shown = rig.open("/fapi/v1/depth", symbol=BTC, limit=5)
    assert placed["price"] == shown["bids"][4][0]
    assert placed["priceMatch"] == "QUEUE_5"
    taken = rig.ask("POST", FUTURES, **without(LIMIT, "price", priceMatch="OPPONENT_5"), newOrderRespType="RESULT")
    assert (taken["price"], taken["status"]) == (shown["asks"][4][0], "FILLED")


def test_money_instead_of_a_quantity_is_spent_at_the_present_prices() -> None:
    rig = Rig()
    done = rig.ask("POST", SPOT, symbol=BTC, side="BUY", type="MARKET", quoteOrderQty="1000")
    assert done["status"] == "FILLED"
    assert 999 < float(done["cummulativeQuoteQty"]) <= 1000
    assert done["origQuoteOrderQty"] == "1000.00000000"


def test_an_id_is_made_where_none_is_given() -> None:
    rig = Rig()
    assert rig.limit()["clientOrderId"] != rig.limit()["clientOrderId"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"algoType": "VP"}, -1130),
        ({"type": "LIMIT"}, -1116),
        ({"type": "TRAILING_STOP_MARKET"}, -1020),
        ({"triggerPrice": ""}, -1102),
        ({"triggerPrice": "57000.15"}, -4014),
        ({"quantity": "0.0001"}, -4004),
        ({"closePosition": "true"}, -1106),
        ({"workingType": "INDEX"}, -1130),
    ],
)
def test_conditional_orders_are_refused_by_code(changes: dict[str, str], code: int) -> None:
    params = {"algoType": "CONDITIONAL", "symbol": BTC, "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01"}
    rig = Rig()
    assert rig.refused("POST", "/fapi/v1/algoOrder", **{**params, "triggerPrice": "57000", **changes}) == code
    assert rig.ask("GET", "/fapi/v1/openAlgoOrders") == []


def test_tests_are_refused_like_orders() -> None:
    rig = Rig()
    with pytest.raises(Answered):
        rig.ask("POST", "/fapi/v1/order/test", **without(LIMIT, "price"))
    assert rig.ask("POST", "/api/v3/order/test", **LIMIT) == {}
    assert rig.ask("POST", "/fapi/v1/order/test", **LIMIT)["status"] == "NEW"
    assert rig.truth()["orders"] == []
