"""Orders and events of futures have the keys that are documented, and no others where that matters."""

import pytest

from tests.drivers.binance.emulator.documented import fixture, has_keys, reply
from tests.drivers.binance.emulator.rig import BTC, Rig

TRAILING = ("activatePrice", "priceRate")


def test_commands_are_answered_without_an_average_price() -> None:
    rig = Rig()
    placed = rig.limit()
    changed = rig.ask(
        "PUT",
        "/fapi/v1/order",
        symbol=BTC,
        side="BUY",
        orderId=placed["orderId"],
        quantity="0.02",
        price=placed["price"],
    )
    cancelled = rig.ask("DELETE", "/fapi/v1/order", symbol=BTC, orderId=placed["orderId"])
    has_keys(placed, reply("usds_futures", "new_order_success"))
    has_keys(changed, reply("usds_futures", "modify_order_success"), "pair", "modifyId")
    has_keys(cancelled, reply("usds_futures", "cancel_order_success"), *TRAILING)
    for answer in (placed, changed, cancelled, rig.market()):
        assert not answer.keys() & {"avgPrice", "cumQuote", "fills"}


def test_the_average_price_is_in_queries() -> None:
    rig = Rig()
    number = rig.market()["orderId"]
    found = rig.ask("GET", "/fapi/v1/order", symbol=BTC, orderId=number)
    has_keys(found, reply("usds_futures", "query_order_success"), *TRAILING)
    fill = rig.ask("GET", "/fapi/v1/userTrades", symbol=BTC)[0]
    has_keys(fill, reply("usds_futures", "account_trade_list_success")[0], "baseQty", "marginAsset", "pair")
    assert found["avgPrice"] == fill["price"]
    assert found["cumQuote"] == fill["quoteQty"]
    listed = rig.ask("GET", "/fapi/v1/allOrders", symbol=BTC)
    has_keys(listed, reply("usds_futures", "all_orders_success"), "cumBase", "pair", *TRAILING)


@pytest.mark.parametrize("name", ["order_update_trade", "order_update_calculated", "order_update_adl"])
def test_order_events_have_the_keys_of_real_ones(name: str) -> None:
    rig = Rig()
    user = rig.user_stream()
    rig.market()
    if name != "order_update_trade":
        rig.emulator.set_fault("adl" if name.endswith("adl") else "liquidation", 1)
    message = user.events("ORDER_TRADE_UPDATE")[-1]
    real = fixture(f"nautilus/binance/futures/user_data_json/{name}.json")
    has_keys(message, real, "AP", "cr")
    assert message["o"]["x"] == real["o"]["x"]


def test_the_account_event_tells_only_what_changed() -> None:
    rig = Rig()
    user = rig.user_stream()
    rig.market()
    message = user.events("ACCOUNT_UPDATE")[0]
    has_keys(message, fixture("nautilus/binance/futures/user_data_json/account_update.json"))
    assert [row["s"] for row in message["a"]["P"]] == [BTC]
    assert [row["a"] for row in message["a"]["B"]] == ["USDT"]
    user.clear()
    rig.limit()
    assert [each["e"] for each in user.heard] == ["ORDER_TRADE_UPDATE"], "a resting order changes no wallet"


def test_a_fill_is_told_shortly_first() -> None:
    rig = Rig()
    user = rig.user_stream()
    rig.market()
    lite = user.events("TRADE_LITE")[0]
    order = user.events("ORDER_TRADE_UPDATE")[-1]["o"]
    assert lite.keys() == set("EsqpmcSLlti") | {"e", "T"}
    assert {name: lite[name] for name in "sqcSLlti"} == {name: order[name] for name in "sqcSLlti"}


def test_an_expired_order_says_why() -> None:
    rig = Rig()
    user = rig.user_stream()
    rig.limit(-0.01, timeInForce="IOC")
    final = user.events("ORDER_TRADE_UPDATE")[-1]["o"]
    assert (final["x"], final["X"], final["er"]) == ("EXPIRED", "EXPIRED", "2")
