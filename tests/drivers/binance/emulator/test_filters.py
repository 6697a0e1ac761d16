"""Prices and sizes that a product refuses, by code."""

import pytest

from tests.drivers.binance.emulator.rig import BTC, Answered, Rig


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": "0.01234"}, -1111),
        ({"quantity": "0.0105"}, -4023),
        ({"quantity": "0"}, -4003),
        ({"quantity": "-1"}, -4003),
        ({"quantity": "1001"}, -4005),
        ({"price": "58000.123"}, -1111),
        ({"price": "58000.15"}, -4014),
        ({"price": "0"}, -4001),
        ({"price": "10000000.1"}, -4002),
        ({"quantity": "0.001", "price": "4000"}, -4164),
        ({"price": "90000"}, -4016),
        ({"price": "30000", "side": "SELL"}, -4024),
    ],
)
def test_futures(changes: dict[str, str], code: int) -> None:
    rig = Rig()
    with pytest.raises(Answered) as caught:
        rig.limit(**changes)
    assert caught.value.code == code
    assert rig.truth()["orders"] == []


def test_the_smallest_order_is_what_the_filter_says() -> None:
    rig = Rig()
    assert rig.refused("POST", "/fapi/v1/order", symbol="XRPUSDT", side="BUY", type="MARKET", quantity="0.05") == -4004
    assert rig.refused("POST", "/fapi/v1/order", symbol=BTC, side="BUY", type="MARKET", quantity="121") == -4005


def test_the_least_worth_is_waived_for_reduce_only() -> None:
    rig = Rig()
    small = {"symbol": "XRPUSDT", "type": "MARKET", "quantity": "1"}
    assert rig.refused("POST", "/fapi/v1/order", **small, side="SELL") == -4164
    rig.ask("POST", "/fapi/v1/order", **{**small, "quantity": "20"}, side="BUY")
    rig.ask("POST", "/fapi/v1/order", **small, side="SELL", reduceOnly="true")


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"quantity": "0.000000001"}, -1111, "too much precision"),
        ({"quantity": "0.000001"}, -1013, "LOT_SIZE"),
        ({"quantity": "0.000015"}, -1013, "LOT_SIZE"),
        ({"quantity": "11"}, -1013, "LOT_SIZE"),
        ({"quantity": "0"}, -1013, "Invalid quantity"),
        ({"price": "58000.001"}, -1013, "PRICE_FILTER"),
        ({"price": "1000001"}, -1013, "PRICE_FILTER"),
        ({"price": "58000.000000001"}, -1111, "too much precision"),
        ({"price": "0"}, -1013, "Invalid price"),
        ({"quantity": "0.00005"}, -1013, "NOTIONAL"),
        ({"price": "90000"}, -1013, "PERCENT_PRICE_BY_SIDE"),
    ],
)
def test_spot(changes: dict[str, str], code: int, text: str) -> None:
    rig = Rig()
    with pytest.raises(Answered) as caught:
        rig.spot_limit(**changes)
    assert caught.value.code == code
    assert text in caught.value.body["msg"]


def test_a_market_order_has_a_filter_of_its_own() -> None:
    with pytest.raises(Answered, match="MARKET_LOT_SIZE"):
        Rig().spot_market("1.5")
