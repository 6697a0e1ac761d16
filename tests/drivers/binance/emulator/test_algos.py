"""Conditional orders of futures."""

import pytest

from tests.drivers.binance.emulator.documented import fixture, has_keys, reply
from tests.drivers.binance.emulator.rig import BTC, ETH, Rig

PATH = "/fapi/v1/algoOrder"
BASE = {"algoType": "CONDITIONAL", "symbol": BTC, "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01"}


def placed(rig: Rig, away: float = -0.05, **changes: str) -> dict[str, object]:
    return rig.ask("POST", PATH, **{**BASE, "triggerPrice": rig.price(away), **changes})  # type: ignore[no-any-return]


def test_a_place_is_answered_as_documented() -> None:
    rig = Rig()
    answer = placed(rig, clientAlgoId="a")
    has_keys(answer, reply("usds_futures", "new_algo_order_success"))
    assert (answer["algoStatus"], answer["clientAlgoId"], answer["orderType"]) == ("NEW", "a", "STOP_MARKET")
    has_keys(rig.ask("GET", PATH, clientAlgoId="a"), reply("usds_futures", "query_algo_order_success"))
    has_keys(
        rig.ask("GET", "/fapi/v1/openAlgoOrders")[0],
        fixture("nautilus/binance/futures/http_json/open_algo_orders.json")[0],
        "type",
    )


@pytest.mark.parametrize(
    ("kind", "side", "away", "code"),
    [
        ("STOP_MARKET", "SELL", 0.01, -2021),
        ("STOP_MARKET", "BUY", -0.01, -2021),
        ("TAKE_PROFIT_MARKET", "SELL", -0.01, -2021),
        ("TAKE_PROFIT_MARKET", "BUY", 0.01, -2021),
        ("STOP_MARKET", "BUY", 0.01, 0),
        ("TAKE_PROFIT_MARKET", "SELL", 0.01, 0),
    ],
)
def test_a_trigger_on_the_wrong_side_is_refused(kind: str, side: str, away: float, code: int) -> None:
    rig = Rig()
    if code:
        params = {**BASE, "type": kind, "side": side, "triggerPrice": rig.price(away)}
        assert rig.refused("POST", PATH, **params) == code
    else:
        placed(rig, away, type=kind, side=side)


def test_conditional_orders_are_apart_from_the_others() -> None:
    rig = Rig()
    number = placed(rig, clientAlgoId="a")["algoId"]
    rig.limit(newClientOrderId="a")
    assert rig.refused("POST", PATH, **BASE, triggerPrice=rig.price(-0.05), clientAlgoId="a") == -4116
    rig.ask("DELETE", "/fapi/v1/allOpenOrders", symbol=BTC)
    assert [each["algoId"] for each in rig.ask("GET", "/fapi/v1/openAlgoOrders", symbol=BTC)] == [number]
    assert rig.ask("GET", "/fapi/v1/openAlgoOrders", symbol=ETH) == []
    rig.ask("DELETE", "/fapi/v1/algoOpenOrders", symbol=BTC)
    assert rig.ask("GET", "/fapi/v1/openAlgoOrders") == []
    assert rig.ask("GET", "/fapi/v1/allAlgoOrders", symbol=BTC)[0]["algoStatus"] == "CANCELED"


def test_a_cancel_is_told_and_refused_the_second_time() -> None:
    rig = Rig()
    user = rig.user_stream()
    number = placed(rig)["algoId"]
    answer = rig.ask("DELETE", PATH, algoId=number)
    has_keys(answer, reply("usds_futures", "cancel_algo_order_success"))
    assert [each["o"]["X"] for each in user.events("ALGO_UPDATE")] == ["NEW", "CANCELED"]
    has_keys(user.heard[-1], fixture("nautilus/binance/futures/user_data_json/algo_update_canceled.json"), "rm")
    assert rig.refused("DELETE", PATH, algoId=number) == -2011
    assert rig.refused("DELETE", PATH, algoId=5) == -2011
    assert rig.refused("GET", PATH, algoId=5) == -2013
    assert rig.refused("GET", PATH) == -1102


def test_a_trigger_makes_an_order_of_the_same_client_id() -> None:
    rig = Rig()
    rig.market("0.02")
    user = rig.user_stream()
    placed(rig, -0.0003, clientAlgoId="stop", closePosition="true", quantity="")
    rig.run(400)
    states = [each["o"]["X"] for each in user.events("ALGO_UPDATE")]
    assert states == ["NEW", "TRIGGERED", "FINISHED"]
    order = [each["o"] for each in user.events("ORDER_TRADE_UPDATE")][-1]
    assert (order["c"], order["X"], order["R"], order["z"]) == ("stop", "FILLED", False, "0.020")
    final = user.events("ALGO_UPDATE")[-1]["o"]
    assert (final["ai"], final["aq"], final["act"]) == (str(order["i"]), "0.02", "MARKET")
    assert rig.truth()["positions"] == {}
    assert rig.ask("GET", PATH, clientAlgoId="stop")["actualOrderId"] == str(order["i"])
    for name, message in (("triggered", user.events("ALGO_UPDATE")[1]), ("finished", user.events("ALGO_UPDATE")[2])):
        has_keys(message, fixture(f"nautilus/binance_py/ws_messages/ws_futures_algo_update_{name}.json")["data"])


def test_a_limit_that_was_triggered_rests_and_is_finished_when_it_is_over() -> None:
    rig = Rig()
    user = rig.user_stream()
    away = rig.price(0.02)
    placed(rig, -0.0003, type="STOP", price=away, timeInForce="GTC", clientAlgoId="s")
    rig.run(400)
    assert [each["o"]["X"] for each in user.events("ALGO_UPDATE")] == ["NEW", "TRIGGERED"]
    order = rig.ask("GET", "/fapi/v1/openOrders")[0]
    assert (order["clientOrderId"], order["price"], order["type"]) == ("s", away, "LIMIT")
    rig.ask("DELETE", "/fapi/v1/order", symbol=BTC, orderId=order["orderId"])
    assert user.events("ALGO_UPDATE")[-1]["o"]["X"] == "FINISHED"


def test_what_is_refused_when_it_is_reached_is_rejected() -> None:
    rig = Rig()
    user = rig.user_stream()
    placed(rig, -0.0003, reduceOnly="true")
    rig.run(400)
    final = user.events("ALGO_UPDATE")[-1]["o"]
    assert (final["X"], final["rm"]) == ("REJECTED", "ReduceOnly Order is rejected.")
    assert rig.truth()["orders"] == []


def test_there_is_a_limit_of_conditional_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.binance.emulator.algos.MOST_ALGOS", 2)
    rig = Rig()
    placed(rig)
    placed(rig)
    assert rig.refused("POST", PATH, **BASE, triggerPrice=rig.price(-0.05)) == -4045
