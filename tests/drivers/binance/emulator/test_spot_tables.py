"""Endpoints of spot with their weights."""

import pytest

from drivers.binance.emulator.params import Params
from drivers.binance.emulator.spot_tables import day_weight, socket, trades_weight
from drivers.binance.emulator.spot_tables import test_weight as weight_of_a_test
from tests.drivers.binance.emulator.rig import BTC, Answered, Rig


def weight(rig: Rig) -> int:
    return int(rig.emulator.statistics()["limits"]["spot.weight"]["used"])


@pytest.mark.parametrize(
    ("path", "params", "cost"),
    [
        ("depth", {"symbol": BTC}, 5),
        ("depth", {"symbol": BTC, "limit": 500}, 25),
        ("depth", {"symbol": BTC, "limit": 1000}, 50),
        ("depth", {"symbol": BTC, "limit": 5000}, 250),
        ("exchangeInfo", {"symbol": BTC}, 20),
        ("trades", {"symbol": BTC}, 25),
        ("aggTrades", {"symbol": BTC}, 4),
        ("klines", {"symbol": BTC, "interval": "1m"}, 2),
        ("ticker/24hr", {"symbol": BTC}, 2),
        ("ticker/24hr", {}, 80),
        ("ticker/price", {}, 4),
        ("ticker/bookTicker", {"symbol": BTC}, 2),
        ("avgPrice", {"symbol": BTC}, 2),
        ("time", {}, 1),
    ],
)
def test_public_weights(path: str, params: dict[str, object], cost: int) -> None:
    rig = Rig()
    rig.open(f"/api/v3/{path}", **params)
    assert weight(rig) == cost


@pytest.mark.parametrize(
    ("path", "params", "cost"),
    [
        ("openOrders", {"symbol": BTC}, 6),
        ("openOrders", {}, 80),
        ("allOrders", {"symbol": BTC}, 20),
        ("myTrades", {"symbol": BTC}, 20),
        ("myTrades", {"symbol": BTC, "orderId": 1}, 5),
        ("account", {}, 20),
        ("account/commission", {"symbol": BTC}, 20),
        ("rateLimit/order", {}, 40),
        ("myFilters", {"symbol": BTC}, 40),
    ],
)
def test_signed_weights(path: str, params: dict[str, object], cost: int) -> None:
    rig = Rig()
    rig.ask("GET", f"/api/v3/{path}", **params)
    assert weight(rig) == cost


def test_order_commands_cost_only_when_they_fail() -> None:
    rig = Rig()
    number = rig.spot_limit(price="58000")["orderId"]
    rig.ask("DELETE", "/api/v3/order", symbol=BTC, orderId=number)
    asked = weight(rig)
    assert rig.refused("DELETE", "/api/v3/order", symbol=BTC, orderId=number) == -2011
    assert weight(rig) == asked + 1
    with pytest.raises(Answered):
        rig.spot_limit(price="90000", quantity="0.01")
    assert weight(rig) == asked + 1 + 2 + 1, "the price, and the failure"


def test_some_weights_depend_on_what_is_asked() -> None:
    assert [day_weight(Params({"symbols": ",".join("x" * count)})) for count in (20, 21, 101)] == [2, 40, 80]
    assert (weight_of_a_test(Params({})), weight_of_a_test(Params({"computeCommissionRates": "true"}))) == (1, 20)
    assert trades_weight(Params({"orderId": "1"})) == 5


def test_listen_keys_are_gone() -> None:
    rig = Rig()
    with pytest.raises(Answered) as caught:
        rig.open("/api/v3/userDataStream", "POST")
    assert caught.value.status == 410


def test_the_socket_has_what_rest_has() -> None:
    names = socket(Rig().emulator.spot).keys()
    assert names >= {"order.place", "order.cancelReplace", "openOrders.cancelAll", "myTrades", "account.status"}
