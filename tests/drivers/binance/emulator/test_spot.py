"""Operations of spot: cancels with ids, replace, amend, account."""

import pytest

from tests.drivers.binance.emulator.documented import has_keys, reply
from tests.drivers.binance.emulator.rig import BTC, ETH, Answered, Rig

ORDER, REPLACE, AMEND = "/api/v3/order", "/api/v3/order/cancelReplace", "/api/v3/order/amend/keepPriority"
NEW = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "58000"}


def test_a_cancel_has_an_id_of_its_own() -> None:
    rig = Rig()
    rig.spot_limit(newClientOrderId="a")
    gone = rig.ask("DELETE", ORDER, symbol=BTC, origClientOrderId="a", newClientOrderId="c")
    assert (gone["origClientOrderId"], gone["clientOrderId"], gone["status"]) == ("a", "c", "CANCELED")
    assert rig.ask("GET", ORDER, symbol=BTC, origClientOrderId="a")["status"] == "CANCELED"
    assert rig.refused("DELETE", ORDER, symbol=BTC, origClientOrderId="a") == -2011


def test_ids_that_do_not_belong_together_are_refused() -> None:
    rig = Rig()
    number = rig.spot_limit(newClientOrderId="a")["orderId"]
    assert rig.refused("DELETE", ORDER, symbol=BTC, orderId=number, origClientOrderId="b") == -2039
    assert rig.refused("GET", ORDER, symbol=BTC, orderId=1) == -2013


def test_an_id_in_use_is_a_duplicate() -> None:
    rig = Rig()
    rig.spot_limit(newClientOrderId="a")
    with pytest.raises(Answered, match=r"Duplicate order sent\.") as caught:
        rig.spot_limit(newClientOrderId="a")
    assert caught.value.code == -2010
    assert rig.refused("POST", "/api/v3/order/test", **NEW, newClientOrderId="a") == -2010


def test_a_cancel_may_be_restricted() -> None:
    rig = Rig()
    number = rig.spot_limit()["orderId"]
    base = {"symbol": BTC, "orderId": number}
    assert rig.refused("DELETE", ORDER, **base, cancelRestrictions="ONLY_PARTIALLY_FILLED") == -2011
    assert rig.ask("DELETE", ORDER, **base, cancelRestrictions="ONLY_NEW")["status"] == "CANCELED"


def test_all_of_a_symbol_are_cancelled_and_none_is_an_error() -> None:
    rig = Rig()
    rig.spot_limit()
    rig.spot_limit(-0.03)
    gone = rig.ask("DELETE", "/api/v3/openOrders", symbol=BTC)
    has_keys(gone, reply("spot", "delete_open_orders_success"))
    assert [each["status"] for each in gone] == ["CANCELED", "CANCELED"]
    assert rig.refused("DELETE", "/api/v3/openOrders", symbol=BTC) == -2011
    assert rig.refused("DELETE", "/api/v3/openOrders") == -1102


def test_a_replacement() -> None:
    rig = Rig()
    number = rig.spot_limit()["orderId"]
    done = rig.ask(
        "POST", REPLACE, **NEW, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=number, newClientOrderId="n"
    )
    has_keys(done, reply("spot", "order_cancel_replace_success"), "fills", *OPTIONAL)
    assert (done["cancelResult"], done["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert [each["clientOrderId"] for each in rig.ask("GET", "/api/v3/openOrders")] == ["n"]


OPTIONAL = (
    "icebergQty", "preventedMatchId", "preventedQuantity", "stopPrice", "strategyId", "strategyType", "trailingDelta",
    "trailingTime", "usedSor", "workingFloor", "pegPriceType", "pegOffsetType", "pegOffsetValue", "peggedPrice",
    "expiryReason", "listStatus",
)  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "cancels", "price", "status", "code", "results"),
    [
        ("STOP_ON_FAILURE", False, "58000", 400, -2022, ("FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", False, "58000", 409, -2021, ("FAILURE", "SUCCESS")),
        ("ALLOW_FAILURE", False, "90000", 400, -2022, ("FAILURE", "FAILURE")),
        ("STOP_ON_FAILURE", True, "90000", 409, -2021, ("SUCCESS", "FAILURE")),
    ],
)
def test_a_replacement_that_fails_by_half(
    mode: str, cancels: bool, price: str, status: int, code: int, results: tuple[str, str]
) -> None:
    rig = Rig()
    number = rig.spot_limit(-0.03)["orderId"] if cancels else 1
    with pytest.raises(Answered) as caught:
        rig.ask("POST", REPLACE, **{**NEW, "price": price}, cancelReplaceMode=mode, cancelOrderId=number)
    data = caught.value.body["data"]
    assert (caught.value.status, caught.value.code) == (status, code)
    assert (data["cancelResult"], data["newOrderResult"]) == results
    assert data["newOrderResponse"] is None if results[1] == "NOT_ATTEMPTED" else data["newOrderResponse"]
    assert len(rig.ask("GET", "/api/v3/openOrders")) == (1 if results[1] == "SUCCESS" else 0)


def test_an_amend_shrinks_and_takes_another_id() -> None:
    rig = Rig()
    placed = rig.spot_limit(size="0.02", newClientOrderId="a")
    base = {"symbol": BTC, "orderId": placed["orderId"]}
    done = rig.ask("PUT", AMEND, **base, newQty="0.01")
    has_keys(done, reply("spot", "order_amend_keep_priority_success"), *OPTIONAL)
    fresh = done["amendedOrder"]["clientOrderId"]
    assert (done["amendedOrder"]["origClientOrderId"], fresh != "a", done["amendedOrder"]["qty"]) == (
        "a",
        True,
        "0.01000000",
    )
    assert rig.refused("GET", ORDER, symbol=BTC, origClientOrderId="a") == -2013
    kept = rig.ask("PUT", AMEND, **base, newQty="0.005", newClientOrderId=fresh)
    assert kept["amendedOrder"]["clientOrderId"] == fresh
    assert rig.ask("GET", ORDER, symbol=BTC, origClientOrderId=fresh)["origQty"] == "0.00500000"
    for size, code in (("0.005", -2038), ("0.006", -2038), ("0.000015", -1013)):
        assert rig.refused("PUT", AMEND, **base, newQty=size) == code
    assert rig.refused("PUT", AMEND, **base) == -1102
    assert rig.refused("PUT", AMEND, **{**base, "orderId": 1}, newQty="0.001") == -2013
    rig.ask("DELETE", ORDER, **base)
    assert rig.refused("PUT", AMEND, **base, newQty="0.001") == -2011


def test_only_ten_amends() -> None:
    rig = Rig()
    placed = rig.spot_limit(size="0.02")
    for count in range(10):
        rig.ask("PUT", AMEND, symbol=BTC, orderId=placed["orderId"], newQty=f"{0.019 - count * 0.001:.3f}")
    with pytest.raises(Answered, match="MAX_NUM_ORDER_AMENDS"):
        rig.ask("PUT", AMEND, symbol=BTC, orderId=placed["orderId"], newQty="0.005")


def test_an_amend_may_not_take_an_id_in_use() -> None:
    rig = Rig()
    rig.spot_limit(newClientOrderId="b")
    number = rig.spot_limit(size="0.02", newClientOrderId="a")["orderId"]
    assert rig.refused("PUT", AMEND, symbol=BTC, orderId=number, newQty="0.01", newClientOrderId="b") == -2010


def test_the_account_locks_what_orders_may_pay() -> None:
    rig = Rig()
    rig.spot_limit(-0.02)
    account = rig.ask("GET", "/api/v3/account")
    has_keys(account, reply("spot", "get_account_success"))
    money = {each["asset"]: (float(each["free"]), float(each["locked"])) for each in account["balances"]}
    assert money["USDT"][1] == pytest.approx(588.6, rel=0.01)
    assert sum(money["USDT"]) == pytest.approx(10_000)
    assert money["BTC"] == (1.0, 0.0)
    rig.spot_market("1", side="SELL")
    bare = rig.ask("GET", "/api/v3/account", omitZeroBalances="true")
    assert [each["asset"] for each in bare["balances"]] == ["USDT"]


def test_filters_of_the_account() -> None:
    found = Rig().ask("GET", "/api/v3/myFilters", symbol=ETH)
    assert {each["filterType"] for each in found["symbolFilters"]} >= {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL"}


def test_a_test_order_tells_fees_when_asked() -> None:
    found = Rig().ask("POST", "/api/v3/order/test", **NEW, computeCommissionRates="true")
    assert found["standardCommissionForOrder"] == {"maker": "0.00080000", "taker": "0.00100000"}
