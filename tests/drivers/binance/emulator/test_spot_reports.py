"""Orders and events of spot have the keys that are documented."""

import pytest

from tests.drivers.binance.emulator.documented import fixture, has_keys, reply
from tests.drivers.binance.emulator.rig import BTC, Rig, Socket

DATA = "nautilus/binance/spot"


def listening(rig: Rig) -> Socket:
    socket = rig.socket("/ws-api/v3")
    assert rig.call(socket, "userDataStream.subscribe.signature")["result"] == {"subscriptionId": 0}
    socket.clear()
    return socket


def test_a_place_is_answered_as_long_as_it_is_wanted() -> None:
    rig = Rig()
    ack = rig.spot_limit(newOrderRespType="ACK")
    assert ack.keys() == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert "fills" not in rig.spot_limit(newOrderRespType="RESULT")
    full = rig.spot_market()
    has_keys(full, fixture(f"{DATA}/http_json/new_order_full_response.json"))
    assert len(full["fills"]) == 1
    assert rig.spot_limit()["fills"] == []
    price = rig.price(-0.02, product="api/v3")
    maker = rig.ask("POST", "/api/v3/order", symbol=BTC, side="BUY", type="LIMIT_MAKER", quantity="0.01", price=price)
    assert maker.keys() == ack.keys(), "only MARKET and LIMIT are told in full by themselves"


def test_queries_and_cancels_have_the_keys_of_real_ones() -> None:
    rig = Rig()
    number = rig.spot_limit()["orderId"]
    has_keys(
        rig.ask("GET", "/api/v3/order", symbol=BTC, orderId=number), fixture(f"{DATA}/http_json/order_response.json")
    )
    has_keys(rig.ask("GET", "/api/v3/allOrders", symbol=BTC), fixture(f"{DATA}/http_json/all_orders_response.json"))
    gone = rig.ask("DELETE", "/api/v3/order", symbol=BTC, orderId=number)
    has_keys(gone, fixture(f"{DATA}/http_json/cancel_order_response.json"))
    rig.spot_market()
    has_keys(rig.ask("GET", "/api/v3/myTrades", symbol=BTC), reply("spot", "my_trades_success"))
    has_keys(rig.ask("GET", "/api/v3/account"), fixture(f"{DATA}/http_json/account_response.json"))


@pytest.mark.parametrize("kind", ["new", "canceled", "trade"])
def test_events_have_the_keys_of_real_ones(kind: str) -> None:
    rig = Rig()
    socket = listening(rig)
    if kind == "trade":
        rig.spot_market()
    else:
        number = rig.spot_limit()["orderId"]
        if kind == "canceled":
            rig.ask("DELETE", "/api/v3/order", symbol=BTC, orderId=number)
    message = socket.events("executionReport")[-1]
    has_keys(message, fixture(f"{DATA}/user_data_json/execution_report_{kind}.json"))
    has_keys(message, fixture(f"nautilus/binance_py/ws_messages/ws_spot_execution_report_{kind}.json")["data"])
    has_keys(socket.events("outboundAccountPosition")[-1], fixture(f"{DATA}/user_data_json/account_position.json"))
    assert message["x"] == kind.upper()


def test_a_cancelled_order_has_its_own_id_in_the_large_letter() -> None:
    rig = Rig()
    socket = listening(rig)
    rig.spot_limit(newClientOrderId="mine")
    rig.ask("DELETE", "/api/v3/order", symbol=BTC, origClientOrderId="mine", newClientOrderId="cancel")
    new, gone = socket.events("executionReport")
    assert (new["c"], new["C"], new["w"]) == ("mine", "", True)
    assert (gone["c"], gone["C"], gone["w"], gone["X"]) == ("cancel", "mine", False, "CANCELED")


def test_an_amended_order_is_replaced_by_name() -> None:
    rig = Rig()
    socket = listening(rig)
    number = rig.spot_limit(size="0.02", newClientOrderId="a")["orderId"]
    rig.ask("PUT", "/api/v3/order/amend/keepPriority", symbol=BTC, orderId=number, newQty="0.01", newClientOrderId="b")
    found = socket.events("executionReport")[-1]
    assert (found["x"], found["X"], found["c"], found["C"], found["q"]) == ("REPLACED", "NEW", "b", "a", "0.01000000")


def test_an_expired_order_says_why() -> None:
    rig = Rig()
    socket = listening(rig)
    rig.spot_limit(-0.01, timeInForce="FOK")
    assert [(each["x"], each["X"]) for each in socket.events("executionReport")] == [
        ("NEW", "NEW"),
        ("EXPIRED", "EXPIRED"),
    ]
    assert socket.events("executionReport")[-1]["eR"] == 2


def test_the_position_tells_the_assets_of_the_symbol() -> None:
    rig = Rig()
    socket = listening(rig)
    rig.spot_limit()
    rows = socket.events("outboundAccountPosition")[-1]["B"]
    assert {each["a"] for each in rows} == {"BTC", "USDT"}
    assert float(next(each["l"] for each in rows if each["a"] == "USDT")) > 500
