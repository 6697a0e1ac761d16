"""The WebSocket API."""

import json
from base64 import b64encode
from typing import Any

import pytest

from drivers.binance.emulator.keys import private_key
from tests.drivers.binance.emulator.documented import has_keys, reply
from tests.drivers.binance.emulator.rig import BTC, Rig, Socket

LIMIT = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "58000"}
BOTH = pytest.mark.parametrize("target", ["/ws-fapi/v1", "/ws-api/v3"])
KEY = "emulator-ed25519"


def logged_on(rig: Rig, target: str) -> tuple[Socket, Any]:
    socket = rig.socket(target)
    payload = f"apiKey={KEY}&timestamp={rig.now_ms}"
    signature = b64encode(private_key().sign(payload.encode())).decode()
    answer = socket.say(
        {"id": 1, "method": "session.logon", "params": {"apiKey": KEY, "timestamp": rig.now_ms, "signature": signature}}
    )
    return socket, answer


@BOTH
def test_the_life_of_an_order(target: str) -> None:
    rig = Rig()
    socket = rig.socket(target)
    placed = rig.call(socket, "order.place", **LIMIT, newClientOrderId="a")
    assert (placed["status"], placed["result"]["clientOrderId"]) == (200, "a")
    assert {each["rateLimitType"] for each in placed["rateLimits"]} == {"ORDERS", "REQUEST_WEIGHT"}
    assert [each["count"] for each in placed["rateLimits"][:2]] == [1, 1]
    number = placed["result"]["orderId"]
    assert rig.call(socket, "order.status", symbol=BTC, orderId=number)["result"]["status"] == "NEW"
    assert rig.call(socket, "order.cancel", symbol=BTC, orderId=number)["result"]["status"] == "CANCELED"
    refused = rig.call(socket, "order.cancel", symbol=BTC, orderId=number)
    assert (refused["status"], refused["error"]) == (400, {"code": -2011, "msg": "Unknown order sent."})
    assert "rateLimits" in refused


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("account.balance", {}, "futures_account_balance_success"),
        ("v2/account.balance", {}, "futures_account_balance_v2_success"),
        ("account.status", {}, "account_information_success"),
        ("v2/account.status", {}, "account_information_v2_success"),
        ("account.position", {}, "position_information_success"),
        ("v2/account.position", {}, "position_information_v2_success"),
        ("ticker.price", {"symbol": BTC}, "symbol_price_ticker_success"),
        ("ticker.book", {"symbol": BTC}, "symbol_order_book_ticker_success"),
        ("order.place", LIMIT, "new_order_success"),
    ],
)
def test_futures_answer_as_documented(method: str, params: dict[str, str], name: str) -> None:
    rig = Rig()
    rig.market()
    answer = rig.call(rig.socket("/ws-fapi/v1"), method, **params)
    has_keys(answer, reply("usds_futures", name, "websocket_api"), "feeBurn")


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("time", {}, "time_success_with_optional_params"),
        ("account.status", {}, "account_status_success_with_optional_params"),
        ("account.rateLimits.orders", {}, "account_rate_limits_orders_success_with_optional_params"),
        ("depth", {"symbol": BTC}, "depth_success"),
        ("ticker.book", {"symbol": BTC}, "ticker_book_success_with_optional_params"),
        ("klines", {"symbol": BTC, "interval": "1m"}, "klines_success"),
        ("order.place", {**LIMIT, "newOrderRespType": "FULL"}, "order_place_success"),
    ],
)
def test_spot_answers_as_documented(method: str, params: dict[str, str], name: str) -> None:
    rig = Rig()
    signed = method.startswith(("account", "order"))
    answer = rig.call(rig.socket("/ws-api/v3"), method, signed=signed, **params)
    optional = (
        set(reply("spot", name, "websocket_api")["result"]) - set(answer["result"]) if method == "order.place" else ()
    )
    has_keys(answer, reply("spot", name, "websocket_api"), *optional)


def test_futures_modify_and_conditional_orders() -> None:
    rig = Rig()
    socket = rig.socket("/ws-fapi/v1")
    number = rig.call(socket, "order.place", **LIMIT)["result"]["orderId"]
    changed = rig.call(socket, "order.modify", symbol=BTC, side="BUY", orderId=number, quantity="0.02", price="58000")
    assert changed["result"]["origQty"] == "0.020"
    algo = rig.call(
        socket, "algoOrder.place", algoType="CONDITIONAL", symbol=BTC, side="SELL", type="STOP_MARKET", quantity="0.01",
        triggerPrice="57000",
    )["result"]  # fmt: skip
    assert rig.call(socket, "algoOrder.cancel", algoId=algo["algoId"])["result"]["msg"] == "success"


def test_spot_replaces_amends_and_cancels_all() -> None:
    rig = Rig()
    socket = rig.socket("/ws-api/v3")
    number = rig.call(socket, "order.place", **LIMIT)["result"]["orderId"]
    amended = rig.call(socket, "order.amend.keepPriority", symbol=BTC, orderId=number, newQty="0.005")
    assert amended["result"]["amendedOrder"]["qty"] == "0.00500000"
    failed = rig.call(socket, "order.cancelReplace", **LIMIT, cancelReplaceMode="ALLOW_FAILURE", cancelOrderId=1)
    assert (failed["status"], failed["error"]["code"]) == (409, -2021)
    assert failed["error"]["data"]["newOrderResult"] == "SUCCESS"
    assert len(rig.call(socket, "openOrders.status", symbol=BTC)["result"]) == 2
    assert len(rig.call(socket, "openOrders.cancelAll", symbol=BTC)["result"]) == 2
    assert rig.call(socket, "myTrades", symbol=BTC)["result"] == []
    assert rig.call(socket, "order.test", **LIMIT)["result"] == {}


@BOTH
def test_a_session_signs_nothing_any_more(target: str) -> None:
    rig = Rig()
    socket, answer = logged_on(rig, target)
    assert (answer["status"], answer["result"]["apiKey"]) == (200, KEY)
    assert rig.call(socket, "session.status", signed=False)["result"]["authorizedSince"] == rig.now_ms
    bare = {"timestamp": rig.now_ms, **LIMIT}
    assert rig.call(socket, "order.place", signed=False, **bare)["status"] == 200
    assert rig.call(socket, "order.place", signed=False, **LIMIT)["error"]["code"] == -1102, "the time is still wanted"
    assert rig.call(socket, "session.logout", signed=False)["result"]["apiKey"] is None
    assert rig.call(socket, "order.place", signed=False, **bare)["status"] == 401


@BOTH
def test_only_ed25519_keys_log_on(target: str) -> None:
    rig = Rig()
    answer = rig.call(rig.socket(target), "session.logon")
    assert (answer["status"], answer["error"]["code"]) == (401, -1099)


def test_user_data_of_a_session() -> None:
    rig = Rig()
    socket, _ = logged_on(rig, "/ws-api/v3")
    assert rig.call(socket, "userDataStream.subscribe", signed=False)["result"] == {"subscriptionId": 0}
    assert rig.call(socket, "session.status", signed=False)["result"]["userDataStream"] is True
    rig.spot_limit()
    assert socket.heard[-1]["event"]["e"] == "outboundAccountPosition"
    stranger = rig.socket("/ws-api/v3")
    assert rig.call(stranger, "userDataStream.subscribe", signed=False)["error"]["code"] == -1002


def test_listen_keys_have_twins_on_futures() -> None:
    rig = Rig()
    socket = rig.socket("/ws-fapi/v1")
    key = rig.call(socket, "userDataStream.start", signed=False, apiKey="emulator")["result"]["listenKey"]
    assert rig.open("/fapi/v1/listenKey", "POST")["listenKey"] == key
    assert rig.call(socket, "userDataStream.ping", signed=False, apiKey="emulator")["status"] == 200
    assert rig.call(socket, "userDataStream.stop", signed=False, apiKey="emulator")["result"] == {}
    assert rig.call(socket, "userDataStream.start", signed=False)["status"] == 401


def test_the_signature_is_of_sorted_unescaped_texts() -> None:
    rig = Rig()
    socket = rig.socket("/ws-fapi/v1")
    params = rig.signed_params(**{**LIMIT, "newClientOrderId": "a/b:c", "reduceOnly": "false"})
    params["reduceOnly"] = False
    params["timestamp"] = int(params["timestamp"])
    assert socket.say({"id": 1, "method": "order.place", "params": params})["status"] == 200
    text = json.dumps({"id": 2, "method": "order.place", "params": rig.signed_params(**LIMIT)})
    assert socket.say(text.replace('"quantity": "0.01"', '"quantity": 0.01'))["status"] == 200, (
        "digits as they were sent"
    )
    wrong = rig.signed_params(**LIMIT) | {"price": "57999"}
    assert socket.say({"id": 3, "method": "order.place", "params": wrong})["error"]["code"] == -1022


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", -1135),
        ("[]", -1135),
        ({"method": "ping"}, -1102),
        ({"id": True, "method": "ping"}, -1135),
        ({"id": "x" * 37, "method": "ping"}, -1135),
        ({"id": 1, "method": "ping", "params": []}, -1135),
        ({"id": 1, "method": "order.batch"}, -1020),
        ({"id": 1}, -1020),
    ],
)
def test_what_makes_no_sense_is_refused(message: Any, code: int) -> None:
    answer = Rig().socket("/ws-api/v3").say(message)
    assert (answer["status"], answer["error"]["code"]) == (400, code)


def test_usage_may_be_left_out() -> None:
    rig = Rig()
    assert "rateLimits" not in rig.call(rig.socket("/ws-api/v3?returnRateLimits=false"), "ping", signed=False)
    assert "rateLimits" not in rig.call(rig.socket("/ws-api/v3"), "ping", signed=False, returnRateLimits=False)


def test_too_many_orders_are_told_with_the_time_to_wait() -> None:
    rig = Rig()
    socket = rig.socket("/ws-api/v3")
    small = {**LIMIT, "quantity": "0.0001"}
    for _ in range(100):
        rig.call(socket, "order.place", **small)
    answer = rig.call(socket, "order.place", **small)
    assert (answer["status"], answer["error"]["code"]) == (429, -1015)
    assert answer["error"]["data"]["retryAfter"] == rig.now_ms + 10_000
    assert len(rig.truth("spot")["orders"]) == 100


@pytest.mark.parametrize("fault", ["reset_after", "no_answer", "garbage", "error_after", "slow", "maintenance"])
def test_faults_reach_the_socket(fault: str) -> None:
    rig = Rig()
    socket = rig.socket("/ws-fapi/v1")
    params = {"id": 1, "method": "order.place", "params": rig.signed_params(**LIMIT)}
    rig.emulator.set_fault(fault, 1)
    socket.conversation.receive(json.dumps(params))
    processed = len(rig.truth()["orders"])
    if fault == "reset_after":
        assert (socket.ended, socket.heard, processed) == ("reset", [], 1)
    elif fault == "garbage":
        assert (type(socket.heard[-1]), processed) == (str, 1)
    elif fault == "error_after":
        assert (socket.heard[-1]["status"], socket.heard[-1]["error"]["code"], processed) == (503, -1000, 1)
    elif fault == "maintenance":
        assert (socket.heard[-1]["status"], socket.heard[-1]["error"]["code"], processed) == (503, -1016, 0)
    else:
        assert (socket.heard, processed) == ([], 1)
        rig.run(1.1)
        assert len(socket.heard) == (1 if fault == "slow" else 0)
