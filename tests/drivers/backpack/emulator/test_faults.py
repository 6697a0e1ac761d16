"""Every fault that is documented can be switched, and does what it says."""

import json

import pytest

from ctosd.abi import CallerMistake
from drivers.backpack.emulator.faults import FAULTS, SWITCHES, Faults
from tests.drivers.backpack.emulator.counter import PERP, SOL, Counter, market, order, refusal


@pytest.fixture
def counter() -> Counter:
    return Counter()


def test_values_are_checked() -> None:
    faults = Faults("x")
    for name in FAULTS:
        faults.set(name, 1.0)
        faults.set(name, 0.0)
    with pytest.raises(CallerMistake, match="not a fault"):
        faults.set("nonsense", 1.0)
    for name, value in (("garbage", 1.5), ("partial", -0.1), (SWITCHES[0], 2.0)):
        with pytest.raises(CallerMistake, match="must lie between"):
            faults.set(name, value)
    faults.set("clock_skew", -30.0)


def test_chance_is_seeded() -> None:
    def draws(seed: str) -> list[bool]:
        faults = Faults(seed)
        faults.set("garbage", 0.5)
        return [faults.strikes("garbage") for _ in range(50)]

    assert draws("a") == draws("a")
    assert draws("a") != draws("b")
    assert 10 < sum(draws("a")) < 40


def test_every_fault_is_documented(counter: Counter) -> None:
    assert counter.emulator.faults is FAULTS
    assert all(len(text) > 10 for text in FAULTS.values())


@pytest.mark.parametrize(
    ("fault", "mishap", "status"), [("reset_after", "reset", 200), ("silence_after", "silence", 200)]
)
def test_the_answer_is_lost_after_the_order_was_placed(counter: Counter, fault: str, mishap: str, status: int) -> None:
    counter.emulator.set_fault(fault, 1.0)
    reply = counter.signed("POST", "/api/v1/order", order(clientId=5))
    assert (reply.mishap, reply.status) == (mishap, status)
    assert counter.get("/api/v1/depth", symbol=PERP)  # questions are not touched
    counter.emulator.set_fault(fault, 0.0)
    assert counter.truth()["processed"] == {5: 1}
    assert counter.ask("GET", "/api/v1/order", {"symbol": PERP, "clientId": 5})["status"] == "New"


def test_an_error_after_the_order_was_placed(counter: Counter) -> None:
    counter.emulator.set_fault("error_after", 1.0)
    codes = {refusal(counter.signed("POST", "/api/v1/order", order(clientId=n)))[:2] for n in range(20)}
    assert codes == {(500, "SERVER_ERROR"), (500, "TIMEOUT")}
    assert len(counter.truth()["orders"]) == 20


def test_an_error_before_it_places_nothing(counter: Counter) -> None:
    counter.emulator.set_fault("error_before", 1.0)
    assert counter.refused(clientId=5)[0] == 500
    assert counter.truth()["orders"] == []


def test_garbage_and_the_wall_are_no_json(counter: Counter) -> None:
    counter.emulator.set_fault("garbage", 1.0)
    reply = counter.signed("POST", "/api/v1/order", order(clientId=5))
    assert reply.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.body)
    assert len(counter.truth()["orders"]) == 1
    counter.emulator.set_fault("garbage", 0.0)
    counter.emulator.set_fault("waf", 1.0)
    reply = counter.signed("POST", "/api/v1/order", order(clientId=6))
    assert (reply.status, reply.body[:9]) == (403, b"<!DOCTYPE")
    assert len(counter.truth()["orders"]) == 1


def test_maintenance_is_told_and_refuses_everything_else(counter: Counter) -> None:
    counter.emulator.set_fault("maintenance", 1.0)
    assert counter.get("/api/v1/status")["status"] == "Maintenance"
    assert counter.refused() == (503, "MAINTENANCE", "The exchange is under maintenance")
    assert refusal(counter.send("GET", "/api/v1/depth", {"symbol": PERP}))[0] == 503
    counter.emulator.set_fault("maintenance", 0.0)
    counter.place()


def test_slow_rate_limited_and_expired(counter: Counter) -> None:
    counter.emulator.set_fault("slow", 2.0)
    reply = counter.send("GET", "/api/v1/ping")
    assert (reply.delay_s, reply.mishap) == (2.0, "slow")
    counter.emulator.set_fault("slow", 0.0)
    counter.emulator.set_fault("rate_limit", 1.0)
    assert counter.refused()[:2] == (429, "TOO_MANY_REQUESTS")
    counter.emulator.set_fault("rate_limit", 0.0)
    counter.emulator.set_fault("key_expired", 1.0)
    assert counter.refused()[:2] == (401, "UNAUTHORIZED")
    counter.emulator.set_fault("key_expired", 0.0)
    counter.place()


@pytest.mark.parametrize(("skew", "message"), [(8.0, "Request has expired"), (-8.0, "Invalid timestamp")])
def test_a_wrong_clock_refuses_what_is_stamped_by_the_right_one(counter: Counter, skew: float, message: str) -> None:
    counter.emulator.set_fault("clock_skew", skew)
    assert counter.refused()[1:] == ("INVALID_CLIENT_REQUEST", message)
    assert counter.get("/api/v1/time") == str(counter.now_ms + int(skew * 1000))


def test_a_cancel_that_is_only_accepted_is_done_later(counter: Counter) -> None:
    counter.place(clientId=1)
    counter.emulator.set_fault("accepted_cancel", 1.0)
    reply = counter.cancel(symbol=PERP, clientId=1)
    assert (reply.status, reply.body) == (202, b"")
    assert counter.truth()["orders"][0]["state"] == "New"
    counter.run(1)
    assert counter.truth()["orders"][0]["state"] == "Cancelled"


def test_a_cancel_that_is_accepted_and_lost_is_never_done(counter: Counter) -> None:
    counter.place(clientId=1)
    counter.emulator.set_fault("lost_cancel", 1.0)
    assert counter.cancel(symbol=PERP, clientId=1).status == 202
    assert counter.signed("DELETE", "/api/v1/orders", {"symbol": PERP}).status == 202
    counter.run(5)
    assert counter.truth()["orders"][0]["state"] == "New"


@pytest.mark.parametrize("symbol", [PERP, SOL])
def test_an_order_fills_while_its_cancel_is_under_way(counter: Counter, symbol: str) -> None:
    bid, _ = counter.touch(symbol)
    counter.place(clientId=1, symbol=symbol, price=f"{bid - 0.5:.2f}")
    counter.emulator.set_fault("cancel_fill_race", 1.0)
    assert refusal(counter.cancel(symbol=symbol, clientId=1))[:2] == (404, "RESOURCE_NOT_FOUND")
    assert counter.truth()["orders"][0] | {"quote": ""} == {
        "id": counter.truth()["orders"][0]["id"],
        "client_id": 1,
        "symbol": "SOL/USDC:USDC" if symbol == PERP else "SOL/USDC",
        "state": "Filled",
        "side": "buy" if symbol == "" else "Bid",
        "filled": "1",
        "quote": "",
        "reason": None,
    }
    assert len(counter.truth()["fills"]) == 1


def test_a_taker_gets_only_a_part(counter: Counter) -> None:
    counter.emulator.set_fault("partial", 1.0)
    _, ask = counter.touch()
    placed = counter.place(price=f"{ask:.2f}", quantity="2")
    assert placed["status"] == "PartiallyFilled"
    assert 0 < float(placed["executedQuantity"]) < 2


def test_liquidation_and_deleveraging_take_a_share(counter: Counter) -> None:
    counter.place(**market(quantity="4"))
    wire, _ = counter.listen("liquidation")
    counter.emulator.set_fault("adl", 0.5)
    assert counter.truth()["positions"] == {"SOL/USDC:USDC": "2"}
    counter.emulator.set_fault("liquidation", 1.0)
    assert counter.truth()["positions"] == {}
    assert [each["cause"] for each in counter.truth()["fills"]] == ["", "adl", "liquidation"]
    assert [each["q"] for each in wire.on("liquidation")] == ["2", "2"]
    assert [each["systemOrderType"] for each in counter.history("fills")] == [
        "LiquidatePositionOnBook",
        "LiquidatePositionOnAdl",
        None,
    ]
    assert len(counter.history("fills", fillType="User")) == 1
    assert len(counter.history("fills", fillType="Adl")) == 1
    assert len(counter.history("fills", fillType="AllLiquidation")) == 2
