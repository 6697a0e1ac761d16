"""What both products are built of: names of orders, and the truth inside."""

from decimal import Decimal as D

from tests.drivers.binance.emulator.rig import BTC, Rig


def test_the_truth_is_all_there_is() -> None:
    rig = Rig()
    rig.limit(newClientOrderId="a")
    rig.market("0.02", newClientOrderId="b")
    rig.refused("POST", "/fapi/v1/order", symbol=BTC, side="SELL", type="MARKET", quantity="50", newClientOrderId="c")
    truth = rig.truth()
    assert [(each["client_id"], each["state"], each["filled"]) for each in truth["orders"]] == [
        ("a", "NEW", "0"),
        ("b", "FILLED", "0.02"),
    ]
    assert sum((D(each["size"]) for each in truth["fills"]), D(0)) == D("0.02")
    assert truth["positions"] == {"BTC/USDT:USDT": "0.02"}
    assert D(truth["balances"]["USDT"]) < 10_000
    assert truth["client_ids"] == {
        "a": {"received": 1, "processed": 1},
        "b": {"received": 1, "processed": 1},
        "c": {"received": 1, "processed": 0},
    }


def test_products_do_not_share_orders_or_money() -> None:
    rig = Rig()
    rig.spot_market()
    assert rig.truth()["orders"] == []
    assert rig.truth("spot")["balances"]["BTC"] == "1.01"
    assert "BTC" not in rig.truth()["balances"]
    assert rig.truth("spot", "second")["balances"] == {"BTC": "1", "USDT": "10000"}


def test_usage_is_of_the_account() -> None:
    rig = Rig()
    rig.spot_limit()
    assert [each["count"] for each in rig.ask("GET", "/api/v3/rateLimit/order")] == [1, 1]
    rig.key = rig.secret = "emulator2"
    assert [each["count"] for each in rig.ask("GET", "/api/v3/rateLimit/order")] == [0, 0]
