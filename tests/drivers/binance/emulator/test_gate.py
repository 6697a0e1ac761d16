"""Who gets in, and what becomes of answers."""

import hashlib
import hmac
import json
from base64 import b64encode
from urllib.parse import quote, urlencode

import pytest

from ctosd.abi.emulator import Request
from drivers.binance.emulator.keys import private_key
from tests.drivers.binance.emulator.rig import BTC, Answered, Rig

ORDER = "/fapi/v1/order"


def code(reply: object) -> int:
    return int(json.loads(reply.body)["code"])  # type: ignore[attr-defined]


def test_a_signature_is_of_query_and_form_without_anything_between() -> None:
    rig = Rig()
    query = f"symbol={BTC}&side=BUY&type=LIMIT&timeInForce=GTC"
    body = f"quantity=0.01&price=58000&recvWindow=5000&timestamp={rig.now_ms}"
    right = hmac.new(b"emulator", (query + body).encode(), hashlib.sha256).hexdigest()
    assert rig.reply("POST", ORDER, query, f"{body}&signature={right}").status == 200
    assert rig.reply("POST", ORDER, f"{query}&signature={right}", body).status == 200
    joined = hmac.new(b"emulator", f"{query}&{body}".encode(), hashlib.sha256).hexdigest()
    assert code(rig.reply("POST", ORDER, query, f"{body}&signature={joined}")) == -1022


def test_a_signature_is_of_what_was_sent_escaped() -> None:
    rig = Rig()
    params = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "58000"}
    params |= {"newClientOrderId": "a/b:c", "timestamp": str(rig.now_ms)}
    escaped, bare = urlencode(params), "&".join(f"{name}={value}" for name, value in params.items())
    for signed, status in ((escaped, 200), (bare, 400)):
        signature = hmac.new(b"emulator", signed.encode(), hashlib.sha256).hexdigest()
        assert rig.reply("POST", ORDER, f"{escaped}&signature={signature}").status == status
    assert rig.truth()["client_ids"] == {"a/b:c": {"received": 1, "processed": 1}}


def test_an_ed25519_key_signs_for_the_first_account() -> None:
    rig = Rig(key="emulator-ed25519")
    text = urlencode({"timestamp": rig.now_ms})
    signature = b64encode(private_key().sign(text.encode())).decode()
    assert rig.reply("GET", "/fapi/v3/balance", f"{text}&signature={quote(signature, safe='')}").status == 200
    assert code(rig.reply("GET", "/fapi/v3/balance", f"{text}&signature=AAAA")) == -1022


@pytest.mark.parametrize(
    ("ahead_ms", "window", "refused"),
    [(999, 5000, 0), (1000, 5000, -1021), (-5000, 5000, 0), (-5001, 5000, -1021), (-5001, 60000, 0), (0, 60001, -1131)],
)
def test_the_window_of_timestamps(ahead_ms: int, window: int, refused: int) -> None:
    rig = Rig()
    params = {"timestamp": rig.now_ms + ahead_ms, "recvWindow": window}
    if refused:
        assert rig.refused("GET", "/fapi/v3/balance", **params) == refused
    else:
        rig.ask("GET", "/fapi/v3/balance", **params)


def test_spot_takes_microseconds_too() -> None:
    rig = Rig()
    rig.ask("GET", "/api/v3/account", timestamp=rig.now_ms * 1000)
    assert rig.refused("GET", "/fapi/v3/balance", timestamp=rig.now_ms * 1000) == -1021


def test_what_a_signed_request_needs() -> None:
    rig = Rig()
    assert code(rig.reply("GET", "/fapi/v3/balance", keyed=False)) == -2014
    assert code(rig.reply("GET", "/fapi/v3/balance", f"timestamp={rig.now_ms}")) == -1102
    assert code(rig.reply("GET", "/fapi/v3/balance", "signature=ab")) == -1102
    rig.key = "unknown"
    assert code(rig.reply("GET", "/fapi/v3/balance", f"timestamp={rig.now_ms}&signature=ab")) == -2015


def test_a_form_must_be_called_one() -> None:
    rig = Rig()
    body = rig.sign({"symbol": BTC})
    headers = {"x-mbx-apikey": "emulator", "content-type": "application/json"}
    answer = rig.emulator.handle(Request("GET", "/fapi/v1/openOrders", headers, body.encode()))
    assert code(answer) == -1102


def test_usage_is_told_in_headers() -> None:
    rig = Rig()
    price = rig.price(-0.02)
    params = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": price}
    headers = dict(rig.reply("POST", ORDER, rig.sign(params)).headers)
    assert (headers["x-mbx-order-count-10s"], headers["x-mbx-order-count-1m"]) == ("1", "1")
    assert headers["x-mbx-used-weight-1m"] == "2"
    plain = dict(rig.reply("GET", "/fapi/v1/time").headers)
    assert "x-mbx-order-count-10s" not in plain
    refused = dict(rig.reply("POST", ORDER, rig.sign({**params, "quantity": "0"})).headers)
    assert "x-mbx-order-count-10s" not in refused, "only on replies that succeed"


def test_limits_come_before_keys() -> None:
    rig = Rig()
    for _ in range(60):
        rig.open("/fapi/v1/ticker/24hr")
    with pytest.raises(Answered) as caught:
        rig.ask("GET", "/fapi/v1/openOrders")
    assert (caught.value.status, caught.value.code) == (429, -1003)
    assert dict(caught.value.reply.headers)["Retry-After"] == "60"


# -- faults ---------------------------------------------------------------------------------------------------------------


def place(rig: Rig, name: str) -> object:
    params = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "58000"}
    return rig.reply("POST", ORDER, rig.sign({**params, "newClientOrderId": name}))


@pytest.mark.parametrize(
    ("fault", "value", "status", "mishap", "executed"),
    [
        ("reset_after", 1, 200, "reset", 1),
        ("no_answer", 1, 200, "silence", 1),
        ("error_after", 1, 503, "", 1),
        ("garbage", 1, 200, "", 1),
        ("not_executed", 1, 503, "", 0),
        ("maintenance", 1, 503, "", 0),
        ("rate_limit", 1, 429, "", 0),
        ("rate_limit", 418, 418, "", 0),
        ("key_expired", 1, 401, "", 0),
    ],
)
def test_faults_of_an_order(fault: str, value: float, status: int, mishap: str, executed: int) -> None:
    rig = Rig()
    rig.emulator.set_fault(fault, value)
    found = place(rig, "a")
    assert (found.status, found.mishap) == (status, mishap)  # type: ignore[attr-defined]
    assert rig.truth()["client_ids"].get("a", {"processed": 0})["processed"] == executed
    rig.emulator.set_fault(fault, 0)
    assert rig.reply("GET", "/fapi/v1/time").status == 200
    assert len(rig.ask("GET", "/fapi/v1/openOrders")) == executed


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [(1, 503, b"Unknown error"), (2, 503, b"Service Unavailable."), (3, 503, b"Internal error"), (4, 502, b"<html>")],
)
def test_the_texts_of_an_error(text: int, status: int, words: bytes) -> None:
    rig = Rig()
    rig.emulator.set_fault("error_after", 1)
    rig.emulator.set_fault("error_text", text)
    found = place(rig, "a")
    assert found.status == status  # type: ignore[attr-defined]
    assert words in found.body  # type: ignore[attr-defined]


def test_lost_answers_are_those_of_orders_alone() -> None:
    rig = Rig()
    for fault in ("reset_after", "no_answer", "error_after", "not_executed"):
        rig.emulator.set_fault(fault, 1)
    assert rig.ask("GET", "/fapi/v1/openOrders") == []
    assert rig.open("/fapi/v1/time")["serverTime"] == rig.now_ms


def test_maintenance_says_so() -> None:
    rig = Rig()
    rig.emulator.set_fault("maintenance", 1)
    assert code(rig.reply("GET", "/api/v3/time")) == -1016


def test_a_skewed_clock_refuses_those_who_do_not_ask_for_the_time() -> None:
    rig = Rig()
    rig.emulator.set_fault("clock_skew", 8)
    assert rig.open("/fapi/v1/time")["serverTime"] == rig.now_ms + 8_000
    assert rig.refused("GET", "/fapi/v3/balance") == -1021
    rig.ask("GET", "/fapi/v3/balance", timestamp=rig.now_ms + 8_000)


def test_a_slow_answer_is_late() -> None:
    rig = Rig()
    rig.emulator.set_fault("slow", 3)
    assert rig.reply("GET", "/fapi/v1/time").delay_s == 3
