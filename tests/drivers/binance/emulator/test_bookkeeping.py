"""What the stage tells becomes orders, fills and reports of one act."""

from decimal import Decimal as D

import pytest

from drivers.paper.config import MarketConfig, PaperConfig
from tests.drivers.binance.emulator.rig import BTC, Rig


def test_the_money_of_an_act_is_told_once() -> None:
    rig = Rig(PaperConfig(balances={"USDT": D(10_000_000)}, market=MarketConfig(seed=7)))
    user = rig.user_stream()
    rig.market("12")
    kinds = [each["e"] for each in user.heard]
    assert kinds.count("ACCOUNT_UPDATE") == 1
    fills = [each["o"] for each in user.events("ORDER_TRADE_UPDATE") if each["o"]["x"] == "TRADE"]
    assert len(fills) > 1, "a large order takes several levels"
    assert [each["X"] for each in fills] == ["PARTIALLY_FILLED"] * (len(fills) - 1) + ["FILLED"]
    done = D(0)
    for each in fills:
        done += D(each["l"])
        assert D(each["z"]) == done
    assert [(each["i"], each["t"]) for each in user.events("TRADE_LITE")] == [(each["i"], each["t"]) for each in fills]
    assert len({each["t"] for each in fills}) == len(fills)


def test_what_a_fill_realises_adds_up_to_the_engines_sum() -> None:
    rig = Rig()
    for size, side in (("0.03", "BUY"), ("0.01", "SELL"), ("0.05", "SELL"), ("0.02", "BUY"), ("0.01", "BUY")):
        rig.market(size, side)
        rig.run(20)
    told = sum((D(each["realizedPnl"]) for each in rig.ask("GET", "/fapi/v1/userTrades", symbol=BTC)), D(0))
    fees = sum((D(each["fee"]) for each in rig.truth()["fills"]), D(0))
    assert rig.truth()["positions"] == {}
    assert D(rig.truth()["balances"]["USDT"]) == pytest.approx(D(10_000) + told - fees, abs=D("1e-7"))
    assert told != 0


def test_a_resting_order_fills_as_maker_when_the_market_comes() -> None:
    rig = Rig()
    user = rig.user_stream()
    number = rig.limit(-0.0002)["orderId"]
    for _ in range(60):
        rig.run(10)
        if rig.ask("GET", "/fapi/v1/order", symbol=BTC, orderId=number)["status"] == "FILLED":
            break
    fills = [each["o"] for each in user.events("ORDER_TRADE_UPDATE") if each["o"]["x"] == "TRADE"]
    assert fills
    assert all(each["m"] for each in fills)
    assert fills[-1]["X"] == "FILLED"


def test_funding_is_told_as_money_alone() -> None:
    rig = Rig()
    rig.market("0.1")
    next_ms = rig.open("/fapi/v1/premiumIndex", symbol=BTC)["nextFundingTime"]
    rig.clock.time_ns = (next_ms - 2_000) * 1_000_000
    user = rig.user_stream()
    rig.run(8)
    found = [each["a"] for each in user.events("ACCOUNT_UPDATE") if each["a"]["m"] == "FUNDING_FEE"]
    assert len(found) == 1
    assert found[0]["P"] == []
    income = rig.ask("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
    assert len(income) == 1
    assert income[0]["income"] == found[0]["B"][0]["bc"]
    assert D(income[0]["income"]) != 0
    (settled,) = rig.open("/fapi/v1/fundingRate", symbol=BTC, startTime=next_ms, limit=1)
    assert settled["fundingTime"] == income[0]["time"] == next_ms
    paid = -D("0.1") * D(settled["fundingRate"]) * D(settled["markPrice"])
    assert abs(D(income[0]["income"]) - paid) < D("1E-7"), "the rate and the mark price that were paid on"


@pytest.mark.parametrize(("fault", "head"), [("liquidation", "autoclose-"), ("adl", "adl_autoclose")])
def test_the_venue_closes_positions_under_a_name_of_its_own(fault: str, head: str) -> None:
    rig = Rig()
    rig.market("0.02", "SELL")
    user = rig.user_stream()
    rig.emulator.set_fault(fault, 0.5)
    found = [each["o"] for each in user.events("ORDER_TRADE_UPDATE")]
    assert [each["x"] for each in found] == ["NEW", "CALCULATED"]
    assert found[-1]["c"].startswith(head)
    assert (found[-1]["X"], found[-1]["S"], found[-1]["l"]) == ("FILLED", "BUY", "0.010")
    assert rig.truth()["positions"] == {"BTC/USDT:USDT": "-0.01"}
    assert rig.truth()["fills"][-1]["cause"] == fault
    kind = "ADL" if fault == "adl" else "LIQUIDATION"
    assert [each["clientOrderId"] for each in rig.ask("GET", "/fapi/v1/forceOrders", autoCloseType=kind)] == [
        found[-1]["c"]
    ]
    assert rig.truth(account="second")["fills"] == []


def test_reduce_only_orders_go_with_the_position() -> None:
    rig = Rig()
    rig.market("0.02")
    number = rig.limit(0.05, side="SELL", size="0.02", reduceOnly="true")["orderId"]
    user = rig.user_stream()
    rig.market("0.01", "SELL")
    trimmed = [each["o"] for each in user.events("ORDER_TRADE_UPDATE") if each["o"]["i"] == number]
    assert [(each["x"], each["q"]) for each in trimmed] == [("AMENDMENT", "0.010")]
    rig.market("0.01", "SELL")
    found = rig.ask("GET", "/fapi/v1/order", symbol=BTC, orderId=number)
    assert found["status"] == "EXPIRED"
    assert user.events("ORDER_TRADE_UPDATE")[-1]["o"]["er"] in ("0", "4")


def test_accounts_do_not_see_each_other() -> None:
    rig = Rig()
    user = rig.user_stream()
    rig.key = rig.secret = "emulator2"
    rig.market()
    assert user.heard == []
    assert rig.truth()["fills"] == []
    assert len(rig.truth(account="second")["fills"]) == 1
