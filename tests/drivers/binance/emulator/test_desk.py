"""The order desk: what becomes of commands in both products."""

import pytest

from tests.drivers.binance.emulator.rig import BTC, Answered, Rig

ORDER = "/fapi/v1/order"


def code(act: object, *args: object, **more: object) -> int:
    with pytest.raises(Answered) as caught:
        act(*args, **more)  # type: ignore[operator]
    return int(caught.value.code)


def test_post_only_that_would_take_leaves_no_order() -> None:
    rig = Rig()
    assert code(rig.limit, 0.01, timeInForce="GTX", newClientOrderId="a") == -5022
    assert rig.truth()["orders"] == []
    assert rig.truth()["client_ids"]["a"] == {"received": 1, "processed": 0}
    assert rig.limit(-0.01, timeInForce="GTX")["status"] == "NEW"


def test_a_limit_maker_of_spot_says_it_in_its_own_words() -> None:
    rig = Rig()
    price = rig.price(0.01, product="api/v3")
    with pytest.raises(Answered, match=r"Order would immediately match and take\.") as caught:
        rig.ask("POST", "/api/v3/order", symbol=BTC, side="BUY", type="LIMIT_MAKER", quantity="0.01", price=price)
    assert caught.value.code == -2010


def test_fill_or_kill() -> None:
    rig = Rig()
    assert code(rig.limit, -0.01, timeInForce="FOK") == -5021
    assert rig.limit(0.01, timeInForce="FOK", newOrderRespType="RESULT")["status"] == "FILLED"
    expired = rig.spot_limit(-0.01, timeInForce="FOK", newClientOrderId="s")
    assert (expired["status"], expired["executedQty"]) == ("EXPIRED", "0.00000000")
    assert rig.ask("GET", "/api/v3/order", symbol=BTC, origClientOrderId="s")["status"] == "EXPIRED"


def test_immediate_or_cancel_expires() -> None:
    rig = Rig()
    assert rig.limit(-0.01, timeInForce="IOC", newOrderRespType="RESULT")["status"] == "EXPIRED"
    assert rig.spot_limit(-0.01, timeInForce="IOC")["status"] == "EXPIRED"


def test_a_taker_may_get_only_a_part() -> None:
    rig = Rig()
    rig.emulator.set_fault("partial", 0.5)
    placed = rig.limit(0.01, size="0.02", newOrderRespType="RESULT")
    assert (placed["status"], placed["executedQty"]) == ("PARTIALLY_FILLED", "0.010")
    market = rig.market("0.02")
    assert (market["status"], market["executedQty"]) == ("EXPIRED", "0.010")


def test_reduce_only() -> None:
    rig = Rig()
    assert code(rig.market, side="SELL", reduceOnly="true") == -2022
    rig.market("0.02")
    assert code(rig.market, side="BUY", reduceOnly="true") == -2022
    assert rig.market("0.02", side="SELL", reduceOnly="true")["status"] == "FILLED"
    assert rig.truth()["positions"] == {}


def test_money_that_is_not_there() -> None:
    rig = Rig()
    assert code(rig.market, "20") == -2019
    assert code(rig.spot_market, "0.9") == -2010
    with pytest.raises(Answered, match="insufficient balance"):
        rig.spot_market("1.2", side="SELL", quantity="1.00001")


def test_an_acknowledgement_is_as_if_nothing_had_happened() -> None:
    rig = Rig()
    placed = rig.limit(0.01)
    assert (placed["status"], placed["executedQty"]) == ("NEW", "0.000")
    assert rig.ask("GET", ORDER, symbol=BTC, orderId=placed["orderId"])["status"] == "FILLED"


def test_a_modify_takes_price_and_size() -> None:
    rig = Rig()
    number = rig.limit(-0.02)["orderId"]
    base = {"symbol": BTC, "side": "BUY", "orderId": number}
    price = rig.price(-0.03)
    assert rig.refused("PUT", ORDER, **base, quantity="0.02") == -1102
    assert rig.refused("PUT", ORDER, **base, price=price) == -1102
    changed = rig.ask("PUT", ORDER, **base, quantity="0.02", price=price)
    assert (changed["price"], changed["origQty"], changed["status"]) == (price, "0.020", "NEW")
    assert rig.refused("PUT", ORDER, **base, quantity="0.02", price=price) == -5027
    assert rig.refused("PUT", ORDER, **{**base, "side": "SELL"}, quantity="0.03", price=price) == -1117
    assert rig.refused("PUT", ORDER, **base, quantity="0.03", price=price, reduceOnly="true") == -5047
    assert rig.refused("PUT", ORDER, **{**base, "orderId": 1}, quantity="0.03", price=price) == -2013


def test_a_modify_that_crosses_trades_unless_it_is_post_only() -> None:
    rig = Rig()
    across = rig.price(0.01)
    plain, maker = rig.limit(-0.02)["orderId"], rig.limit(-0.02, timeInForce="GTX")["orderId"]
    base = {"symbol": BTC, "side": "BUY", "quantity": "0.01", "price": across}
    assert rig.ask("PUT", ORDER, **base, orderId=plain)["status"] == "FILLED"
    assert rig.ask("PUT", ORDER, **base, orderId=maker)["status"] == "CANCELED"
    assert rig.refused("PUT", ORDER, **base, orderId=maker) == -2011
    assert rig.truth()["positions"] == {"BTC/USDT:USDT": "0.01"}


def test_a_modify_to_what_was_filled_cancels() -> None:
    rig = Rig()
    rig.emulator.set_fault("partial", 0.5)
    placed = rig.limit(0.005, size="0.02")
    rig.emulator.set_fault("partial", 0)
    changed = rig.ask(
        "PUT", ORDER, symbol=BTC, side="BUY", orderId=placed["orderId"], quantity="0.01", price=placed["price"]
    )
    assert (changed["status"], changed["executedQty"]) == ("CANCELED", "0.010")


def test_only_so_many_modifies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.binance.emulator.desk.MOST_MODIFIES", 1)
    rig = Rig()
    number = rig.limit()["orderId"]
    base = {"symbol": BTC, "side": "BUY", "orderId": number, "quantity": "0.01"}
    rig.ask("PUT", ORDER, **base, price=rig.price(-0.03))
    assert rig.refused("PUT", ORDER, **base, price=rig.price(-0.04)) == -5026


def test_a_cancel_is_refused_the_second_time() -> None:
    rig = Rig()
    number = rig.limit()["orderId"]
    assert rig.ask("DELETE", ORDER, symbol=BTC, orderId=number)["status"] == "CANCELED"
    assert rig.refused("DELETE", ORDER, symbol=BTC, orderId=number) == -2011
    assert rig.refused("DELETE", ORDER, symbol=BTC, origClientOrderId="nobody") == -2011


@pytest.mark.parametrize("product", ["fapi/v1", "api/v3"])
def test_a_fill_may_win_the_race_against_a_cancel(product: str) -> None:
    rig = Rig()
    number = (rig.limit if product == "fapi/v1" else rig.spot_limit)(-0.01)["orderId"]
    rig.emulator.set_fault("cancel_fill_race", 1)
    assert rig.refused("DELETE", f"/{product}/order", symbol=BTC, orderId=number) == -2011
    found = rig.ask("GET", f"/{product}/order", symbol=BTC, orderId=number)
    assert found["status"] == "FILLED"
    fills = rig.truth("futures" if product == "fapi/v1" else "spot")["fills"]
    assert sum(float(each["size"]) for each in fills) == 0.01


def test_an_order_that_ends_at_a_time() -> None:
    rig = Rig()
    until = rig.now_ms + 700_000
    placed = rig.limit(-0.05, timeInForce="GTD", goodTillDate=until)
    assert placed["goodTillDate"] == until // 1000 * 1000
    rig.run(699)
    assert rig.ask("GET", ORDER, symbol=BTC, orderId=placed["orderId"])["status"] == "NEW"
    rig.run(2)
    assert rig.ask("GET", ORDER, symbol=BTC, orderId=placed["orderId"])["status"] == "EXPIRED"


def test_spot_stops_wait_and_then_work() -> None:
    rig = Rig()
    rig.run(5)
    base = {"symbol": BTC, "side": "SELL", "quantity": "0.01"}
    down, up = rig.price(-0.0003, product="api/v3"), rig.price(0.05, product="api/v3")
    assert rig.refused("POST", "/api/v3/order", **base, type="STOP_LOSS", stopPrice=up) == -2010
    waiting = rig.ask("POST", "/api/v3/order", **base, type="TAKE_PROFIT", stopPrice=up)["orderId"]
    stop = rig.ask("POST", "/api/v3/order", **base, type="STOP_LOSS", stopPrice=down)["orderId"]
    assert rig.ask("GET", "/api/v3/order", symbol=BTC, orderId=stop)["isWorking"] is False
    rig.run(300)
    found = rig.ask("GET", "/api/v3/order", symbol=BTC, orderId=stop)
    assert (found["status"], found["isWorking"]) == ("FILLED", True)
    assert rig.ask("DELETE", "/api/v3/order", symbol=BTC, orderId=waiting)["status"] == "CANCELED"


def test_a_stop_that_cannot_be_paid_expires_when_it_is_reached() -> None:
    rig = Rig()
    rig.run(5)
    down = rig.price(-0.0003, product="api/v3")
    stop = rig.ask("POST", "/api/v3/order", symbol=BTC, side="SELL", quantity="0.9", type="STOP_LOSS", stopPrice=down)
    rig.spot_market("0.5", side="SELL")
    rig.run(300)
    assert rig.ask("GET", "/api/v3/order", symbol=BTC, orderId=stop["orderId"])["status"] == "EXPIRED"


def test_own_orders_do_not_meet() -> None:
    rig = Rig()
    user = rig.user_stream()
    quote = rig.open("/fapi/v1/ticker/bookTicker", symbol="AVAXUSDT")
    bid, ask = float(quote["bidPrice"]), float(quote["askPrice"])
    assert ask - bid > 0.0025, "there is room for an order of our own within the touch"
    base = {"symbol": "AVAXUSDT", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": f"{bid + 0.001:.3f}"}
    maker = rig.ask("POST", ORDER, **base, side="BUY")["orderId"]
    taker = rig.ask("POST", ORDER, **base, side="SELL")["orderId"]
    assert rig.ask("GET", ORDER, symbol="AVAXUSDT", orderId=maker)["status"] == "EXPIRED_IN_MATCH"
    assert rig.ask("GET", ORDER, symbol="AVAXUSDT", orderId=taker)["status"] == "NEW"
    ended = [each["o"] for each in user.events("ORDER_TRADE_UPDATE") if each["o"]["X"] == "EXPIRED_IN_MATCH"]
    assert [(each["i"], each["x"], each["er"]) for each in ended] == [(maker, "EXPIRED", "1")]
