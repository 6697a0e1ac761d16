"""The dead-man switch."""

from tests.drivers.binance.emulator.documented import has_keys, reply
from tests.drivers.binance.emulator.rig import BTC, ETH, Rig

PATH = "/fapi/v1/countdownCancelAll"


def open_symbols(rig: Rig) -> list[str]:
    return [each["symbol"] for each in rig.ask("GET", "/fapi/v1/openOrders")]


def prepared() -> Rig:
    rig = Rig()
    rig.limit()
    rig.ask(
        "POST", "/fapi/v1/order", symbol=ETH, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.1", price="2900"
    )
    return rig


def test_it_fires_for_one_symbol() -> None:
    rig = prepared()
    user = rig.user_stream()
    answer = rig.ask("POST", PATH, symbol=BTC, countdownTime=10_000)
    has_keys(answer, reply("usds_futures", "auto_cancel_all_open_orders_success"))
    rig.run(9.9)
    assert open_symbols(rig) == [BTC, ETH]
    rig.run(0.2)
    assert open_symbols(rig) == [ETH]
    assert user.events("ORDER_TRADE_UPDATE")[-1]["o"]["X"] == "CANCELED"
    assert rig.emulator.statistics()["dead_man"] == {"armed": 0, "fired": 1}


def test_it_is_put_off_and_disarmed() -> None:
    rig = prepared()
    for _ in range(5):
        rig.ask("POST", PATH, symbol=BTC, countdownTime=3_000)
        rig.run(2)
    assert open_symbols(rig) == [BTC, ETH]
    assert rig.ask("POST", PATH, symbol=BTC, countdownTime=0)["countdownTime"] == "0"
    rig.run(10)
    assert open_symbols(rig) == [BTC, ETH]
    assert rig.refused("POST", PATH, symbol=BTC) == -1102
    assert rig.refused("POST", PATH, symbol=BTC, countdownTime=-5) == -1130


def test_conditional_orders_are_left_alone() -> None:
    rig = prepared()
    rig.ask(
        "POST", "/fapi/v1/algoOrder", algoType="CONDITIONAL", symbol=BTC, side="SELL", type="STOP_MARKET",
        quantity="0.01", triggerPrice=rig.price(-0.05),
    )  # fmt: skip
    rig.ask("POST", PATH, symbol=BTC, countdownTime=1_000)
    rig.run(2)
    assert open_symbols(rig) == [ETH]
    assert len(rig.ask("GET", "/fapi/v1/openAlgoOrders")) == 1


def test_it_ends_with_the_emulator() -> None:
    rig = prepared()
    rig.ask("POST", PATH, symbol=BTC, countdownTime=1_000)
    rig.emulator.stop()
    rig.run(5)
    assert rig.emulator.statistics()["dead_man"]["fired"] == 0
