"""Operations of futures that are not orders one by one: batches, questions, the account, listen keys."""

import json

import pytest

from tests.drivers.binance.emulator.documented import has_keys, reply
from tests.drivers.binance.emulator.rig import BTC, ETH, Answered, Rig

ONE = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "58000"}


def test_a_batch_answers_each_by_itself() -> None:
    rig = Rig()
    orders = [ONE, {**ONE, "quantity": "0"}, {**ONE, "price": 57999.5, "quantity": 0.01, "reduceOnly": False}]
    answer = rig.ask("POST", "/fapi/v1/batchOrders", batchOrders=json.dumps(orders))
    assert [each.get("code", each.get("status")) for each in answer] == ["NEW", -4003, "NEW"]
    assert answer[2]["price"] == "57999.5"
    has_keys(answer, reply("usds_futures", "place_multiple_orders_success"), "code", "msg")
    used = rig.emulator.statistics()["limits"]
    assert (used["futures.orders.10s"]["used"], used["futures.orders.1m"]["used"]) == (5, 1)


@pytest.mark.parametrize(
    ("text", "code"), [("[]", -4082), (json.dumps([ONE] * 6), -4082), ("[1]", -4082), ("{", -1102), ("{}", -1102)]
)
def test_a_batch_that_is_none(text: str, code: int) -> None:
    assert Rig().refused("POST", "/fapi/v1/batchOrders", batchOrders=text) == code


def test_several_are_changed_and_cancelled_at_once() -> None:
    rig = Rig()
    numbers = [rig.limit(newClientOrderId=name)["orderId"] for name in ("a", "b", "c")]
    changes = [
        {"symbol": BTC, "side": "BUY", "orderId": number, "quantity": "0.01", "price": "57000"} for number in numbers
    ]
    changed = rig.ask(
        "PUT", "/fapi/v1/batchOrders", batchOrders=json.dumps([*changes[:2], {**changes[2], "orderId": 1}])
    )
    assert [each.get("price", each.get("code")) for each in changed] == ["57000.0", "57000.0", -2013]
    gone = rig.ask("DELETE", "/fapi/v1/batchOrders", symbol=BTC, orderIdList=json.dumps([numbers[0], 1]))
    assert [each.get("status", each.get("code")) for each in gone] == ["CANCELED", -2011]
    named = rig.ask("DELETE", "/fapi/v1/batchOrders", symbol=BTC, origclientorderidlist='["b","zz"]')
    assert [each.get("status", each.get("code")) for each in named] == ["CANCELED", -2011]
    assert rig.refused("DELETE", "/fapi/v1/batchOrders", symbol=BTC) == -1102
    assert rig.refused("DELETE", "/fapi/v1/batchOrders", symbol=BTC, orderIdList=str(list(range(11)))) == -4083


def test_all_of_a_symbol_are_cancelled() -> None:
    rig = Rig()
    rig.limit()
    eth = rig.ask("POST", "/fapi/v1/order", **{**ONE, "symbol": ETH, "price": "2900", "quantity": "0.1"})["orderId"]
    for _ in range(2):
        answer = rig.ask("DELETE", "/fapi/v1/allOpenOrders", symbol=BTC)
        assert answer == {"code": 200, "msg": "The operation of cancel all open order is done."}
    assert [each["orderId"] for each in rig.ask("GET", "/fapi/v1/openOrders")] == [eth]
    assert rig.ask("GET", "/fapi/v1/openOrders", symbol=BTC) == []


def test_an_open_order_is_asked_for_apart() -> None:
    rig = Rig()
    number = rig.limit()["orderId"]
    has_keys(
        rig.ask("GET", "/fapi/v1/openOrder", symbol=BTC, orderId=number),
        reply("usds_futures", "query_current_open_order_success"),
        "activatePrice",
        "priceRate",
    )
    rig.ask("DELETE", "/fapi/v1/order", symbol=BTC, orderId=number)
    assert rig.refused("GET", "/fapi/v1/openOrder", symbol=BTC, orderId=number) == -2013


def test_settings_are_changed_once() -> None:
    rig = Rig()
    user = rig.user_stream()
    assert rig.ask("POST", "/fapi/v1/leverage", symbol=BTC, leverage=21)["leverage"] == 21
    assert user.heard[-1]["ac"] == {"s": BTC, "l": 21}
    assert rig.refused("POST", "/fapi/v1/leverage", symbol=BTC, leverage=126) == -4028
    assert rig.refused("POST", "/fapi/v1/leverage", symbol=BTC) == -1102
    assert rig.ask("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")["code"] == 200
    assert rig.refused("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED") == -4046
    assert rig.refused("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false") == -4059
    assert rig.ask("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin="true")["msg"] == "success"
    assert user.heard[-1]["ai"] == {"j": True}
    assert rig.ask("GET", "/fapi/v1/multiAssetsMargin") == {"multiAssetsMargin": True}
    assert rig.ask("GET", "/fapi/v1/positionSide/dual") == {"dualSidePosition": False}
    config = next(each for each in rig.ask("GET", "/fapi/v1/symbolConfig") if each["symbol"] == BTC)
    assert (config["marginType"], config["leverage"]) == ("ISOLATED", 21)


def test_settings_are_blocked_by_orders_and_positions() -> None:
    rig = Rig()
    rig.limit()
    assert rig.refused("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true") == -4067
    assert rig.refused("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED") == -4047
    rig.ask("DELETE", "/fapi/v1/allOpenOrders", symbol=BTC)
    rig.market("2.5")
    assert rig.refused("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true") == -4068
    assert rig.refused("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED") == -4048
    assert rig.refused("POST", "/fapi/v1/leverage", symbol=BTC, leverage=1) == -2028


def test_a_listen_key_needs_the_key_and_no_signature() -> None:
    rig = Rig()
    key = rig.open("/fapi/v1/listenKey", "POST")["listenKey"]
    assert len(key) == 64
    assert rig.open("/fapi/v1/listenKey", "PUT")["listenKey"] == key
    assert rig.open("/fapi/v1/listenKey", "DELETE") == {}
    with pytest.raises(Answered) as caught:
        rig.open("/fapi/v1/listenKey", "PUT")
    assert caught.value.code == -1125
    assert rig.reply("POST", "/fapi/v1/listenKey", keyed=False).status == 401
