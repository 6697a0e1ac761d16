"""REST: what is checked before a request is answered, and what goes wrong on its way."""

import json

import pytest

from ctosd.abi import Request
from tests.drivers.okx.emulator.venue import SWAP, Venue


@pytest.fixture
def venue():
    found = Venue()
    found.clock.run(2)
    return found


def resting(venue):
    return {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1", "px": venue.below()}


def test_public_requests_need_no_key(venue):
    reply = venue.emulator.handle(Request("GET", "/api/v5/public/time", {}))
    assert reply.status == 200
    assert json.loads(reply.body)["code"] == "0"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "nothing/here", None, 404, "404"),
        ("POST", "public/time", None, 405, "50115"),
        ("DELETE", "trade/order", None, 405, "50115"),
        ("POST", "trade/order", None, 400, "50000"),
    ],
)
def test_where_nobody_answers(venue, method, path, body, status, code):
    reply = venue.send(method, path, body)
    assert (reply.status, json.loads(reply.body)["code"]) == (status, code)


def test_a_body_must_be_json_and_say_so(venue):
    assert venue.post("trade/order", {}, **{"content-type": "text/plain"})["code"] == "50006"
    assert venue.post("trade/order", {}, **{"content-type": "application/json; charset=utf-8"})["code"] == "50014"
    target, body = "/api/v5/trade/order", b"{'a':"
    reply = venue.emulator.handle(Request("POST", target, venue.headers("POST", target, body), body))
    assert (reply.status, json.loads(reply.body)["code"]) == (400, "50002")


def test_an_unsigned_request_is_refused_and_counts_nothing(venue):
    reply = venue.emulator.handle(Request("GET", "/api/v5/account/balance", {}))
    assert (reply.status, json.loads(reply.body)["code"]) == (401, "50103")
    assert "acc.balance@okx/main" not in venue.emulator.statistics()["limits"]


def test_limits_are_of_an_account_or_an_address(venue):
    for _ in range(10):
        assert venue.ask("account/balance")["code"] == "0"
    reply = venue.send("GET", "account/balance")
    assert (reply.status, json.loads(reply.body)["code"]) == (429, "50011")
    assert venue.ask("account/balance", key="emulator2")["code"] == "0"
    for _ in range(10):
        assert venue.ask("public/mark-price", instType="SWAP", instId=SWAP)["code"] == "0"
    assert venue.ask("public/mark-price", instType="SWAP", instId=SWAP)["code"] == "50011"
    assert venue.ask("public/mark-price", instType="SWAP", instId="ETH-USDT-SWAP")["code"] == "0"
    other = Request("GET", f"/api/v5/public/mark-price?instType=SWAP&instId={SWAP}", {}, remote="127.0.0.2")
    assert json.loads(venue.emulator.handle(other).body)["code"] == "0"
    assert venue.emulator.statistics()["rest"]["refused"] == {"50011": 2}


# -- faults ----------------------------------------------------------------------------------------------------------------


def test_a_write_is_done_and_its_answer_lost(venue):
    body = resting(venue) | {"clOrdId": "a"}
    venue.emulator.set_fault("reset_after", 1)
    assert venue.send("POST", "trade/order", body).mishap == "reset"
    assert venue.get("trade/order", instId=SWAP, clOrdId="a")[0]["state"] == "live"


def test_a_write_is_done_and_its_answer_proves_nothing(venue):
    venue.emulator.set_fault("error_after", 1)
    statuses = set()
    for each in range(12):
        reply = venue.send("POST", "trade/order", resting(venue) | {"clOrdId": f"a{each}", "px": "55000"})
        told = json.loads(reply.body)
        statuses.add((reply.status, told["code"]))
    assert statuses == {(500, "50026"), (400, "50004"), (500, "51054"), (500, "51149")}
    assert len(venue.truth()["placed"]) == 12


def test_garbage_and_slowness(venue):
    venue.emulator.set_fault("garbage", 1)
    reply = venue.send("GET", "account/config")
    assert reply.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.body)
    venue.emulator.set_fault("garbage", 0)
    venue.emulator.set_fault("slow", 3)
    reply = venue.send("GET", "account/config")
    assert (reply.delay_s, reply.mishap) == (3.0, "slow")


def test_a_rate_limit_out_of_nowhere(venue):
    body = resting(venue) | {"clOrdId": "a"}
    venue.emulator.set_fault("rate_limit", 1)
    reply = venue.send("POST", "trade/order", body)
    assert (reply.status, json.loads(reply.body)["code"]) == (429, "50011")
    assert venue.truth()["received"] == {}


def test_maintenance_leaves_time_and_status(venue):
    venue.emulator.set_fault("maintenance", 1)
    reply = venue.send("GET", "account/balance")
    assert (reply.status, json.loads(reply.body)["code"]) == (503, "50001")
    assert venue.ask("public/time")["code"] == "0"
    assert venue.get("system/status")[0]["state"] == "ongoing"


def test_a_clock_that_is_wrong(venue):
    venue.emulator.set_fault("clock_skew", 29)
    assert int(venue.get("public/time")[0]["ts"]) == venue.clock.now_ns() // 1_000_000 + 29_000
    assert venue.ask("account/balance")["code"] == "0"
    venue.emulator.set_fault("clock_skew", -31)
    assert venue.ask("account/balance")["code"] == "50102"


def test_live_keys_are_not_for_the_demo(venue):
    assert venue.send("GET", "account/balance", **{"x-simulated-trading": ""}).status == 401
    venue.emulator.set_fault("live_keys", 1)
    assert venue.ask("account/balance")["code"] == "50101"
    assert venue.send("GET", "account/balance", **{"x-simulated-trading": "0"}).status == 200
