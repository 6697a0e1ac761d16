"""Endpoints of futures with their weights."""

import pytest

from drivers.binance.emulator import futures_tables
from tests.drivers.binance.emulator.documented import reply
from tests.drivers.binance.emulator.rig import BTC, Rig


def weight(rig: Rig) -> int:
    return int(rig.emulator.statistics()["limits"]["futures.weight"]["used"])


@pytest.mark.parametrize(
    ("path", "params", "cost"),
    [
        ("/v1/depth", {"symbol": BTC, "limit": 50}, 2),
        ("/v1/depth", {"symbol": BTC, "limit": 100}, 5),
        ("/v1/depth", {"symbol": BTC}, 10),
        ("/v1/depth", {"symbol": BTC, "limit": 1000}, 20),
        ("/v1/klines", {"symbol": BTC, "interval": "1m", "limit": 99}, 1),
        ("/v1/klines", {"symbol": BTC, "interval": "1m", "limit": 499}, 2),
        ("/v1/klines", {"symbol": BTC, "interval": "1m"}, 5),
        ("/v1/klines", {"symbol": BTC, "interval": "1m", "limit": 1500}, 10),
        ("/v1/markPriceKlines", {"symbol": BTC, "interval": "1m", "limit": 5}, 1),
        ("/v1/premiumIndex", {"symbol": BTC}, 1),
        ("/v1/premiumIndex", {}, 10),
        ("/v1/ticker/24hr", {}, 40),
        ("/v2/ticker/price", {}, 2),
        ("/v1/ticker/bookTicker", {"symbol": BTC}, 2),
        ("/v1/ticker/bookTicker", {}, 5),
        ("/v1/trades", {"symbol": BTC}, 5),
        ("/v1/aggTrades", {"symbol": BTC}, 20),
        ("/v1/fundingRate", {"symbol": BTC}, 0),
        ("/v1/fundingInfo", {}, 0),
        ("/v1/exchangeInfo", {}, 1),
    ],
)
def test_public_weights(path: str, params: dict[str, object], cost: int) -> None:
    rig = Rig()
    rig.open("/fapi" + path, **params)
    assert weight(rig) == cost


@pytest.mark.parametrize(
    ("path", "params", "cost"),
    [
        ("/v1/openOrders", {}, 40),
        ("/v1/openOrders", {"symbol": BTC}, 1),
        ("/v1/allOrders", {"symbol": BTC}, 5),
        ("/v1/userTrades", {"symbol": BTC}, 5),
        ("/v3/account", {}, 5),
        ("/v3/positionRisk", {}, 5),
        ("/v1/positionSide/dual", {}, 30),
        ("/v1/multiAssetsMargin", {}, 30),
        ("/v1/commissionRate", {"symbol": BTC}, 20),
        ("/v1/leverageBracket", {}, 1),
        ("/v1/income", {}, 30),
        ("/v1/rateLimit/order", {}, 1),
        ("/v1/openAlgoOrders", {}, 40),
    ],
)
def test_signed_weights(path: str, params: dict[str, object], cost: int) -> None:
    rig = Rig()
    rig.ask("GET", "/fapi" + path, **params)
    assert weight(rig) == cost


def test_orders_have_no_weight_and_count_in_both_pools() -> None:
    rig = Rig()
    price = rig.price(-0.02)
    before = weight(rig)
    rig.limit(price=price)
    assert weight(rig) == before + 2, "the price was asked for again"
    pools = {each["interval"]: each["count"] for each in rig.ask("GET", "/fapi/v1/rateLimit/order")}
    assert pools == {"SECOND": 1, "MINUTE": 1}
    assert len(reply("usds_futures", "query_user_rate_limit_success")) == 1


def test_the_socket_has_neither_batches_nor_a_cancel_of_all() -> None:
    it = Rig().emulator.futures
    names = futures_tables.socket(it).keys()
    assert not [name for name in names if "batch" in name.lower() or "all" in name.lower().split(".")]
    assert futures_tables.socket(it)["order.place"] is not None
    assert it.rest.keys() == futures_tables.rest(it).keys()
