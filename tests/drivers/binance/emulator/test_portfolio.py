"""Futures accounts as they are told."""

from decimal import Decimal as D

import pytest

from tests.drivers.binance.emulator.documented import fixture, has_keys, reply
from tests.drivers.binance.emulator.rig import BTC, ETH, Rig


@pytest.mark.parametrize(
    ("path", "name", "without"),
    [
        ("/v2/balance", "futures_account_balance_v2_success", ()),
        ("/v3/balance", "futures_account_balance_v3_success", ()),
        ("/v2/account", "account_information_v2_success", ("feeBurn",)),
        ("/v3/account", "account_information_v3_success", ()),
        ("/v2/positionRisk", "position_information_v2_success", ()),
        ("/v3/positionRisk", "position_information_v3_success", ()),
        ("/v1/symbolConfig", "symbol_configuration_success", ()),
        ("/v1/accountConfig", "futures_account_configuration_success", ()),
        ("/v1/leverageBracket", "notional_and_leverage_brackets_success", ("notionalCoef",)),
        ("/v1/income", "get_income_history_success", ()),
    ],
)
def test_answers_have_the_keys_that_are_documented(path: str, name: str, without: tuple[str, ...]) -> None:
    rig = Rig()
    rig.market()
    has_keys(rig.ask("GET", f"/fapi{path}"), reply("usds_futures", name), *without)


def test_version_two_has_the_keys_of_a_real_account() -> None:
    rig = Rig()
    rig.market()
    has_keys(rig.ask("GET", "/fapi/v2/account"), fixture("nautilus/binance/futures/http_json/account_info_v2.json"))
    has_keys(rig.ask("GET", "/fapi/v2/positionRisk"), fixture("nautilus/binance/futures/http_json/position_risk.json"))


def test_version_three_leaves_flat_symbols_out() -> None:
    rig = Rig()
    assert rig.ask("GET", "/fapi/v3/positionRisk") == []
    assert rig.ask("GET", "/fapi/v3/account")["positions"] == []
    rig.limit()
    assert [(each["symbol"], each["positionAmt"]) for each in rig.ask("GET", "/fapi/v3/positionRisk")] == [
        (BTC, "0.000")
    ]
    rig.market(side="SELL")
    row = rig.ask("GET", "/fapi/v3/positionRisk", symbol=BTC)[0]
    assert (row["positionAmt"], D(row["notional"]) < 0, D(row["liquidationPrice"]) > 60_000) == ("-0.010", True, True)
    assert not row.keys() & {"leverage", "marginType"}
    assert rig.ask("GET", "/fapi/v3/positionRisk", symbol=ETH) == []
    assert len(rig.ask("GET", "/fapi/v2/positionRisk")) > 10
    assert rig.ask("GET", "/fapi/v2/positionRisk", symbol=ETH)[0]["positionAmt"] == "0.000"


def test_money_adds_up() -> None:
    rig = Rig()
    rig.market("0.1")
    rig.limit(-0.05, size="0.1")
    account = rig.ask("GET", "/fapi/v3/account")
    asset = account["assets"][0]
    assert D(asset["walletBalance"]) == D(rig.truth()["balances"]["USDT"]).quantize(D("1e-8"))
    assert D(asset["marginBalance"]) == D(asset["walletBalance"]) + D(asset["unrealizedProfit"])
    assert D(asset["initialMargin"]) == D(asset["positionInitialMargin"]) + D(asset["openOrderInitialMargin"])
    assert D(account["totalWalletBalance"]) == D(asset["walletBalance"])
    assert 0 < D(asset["availableBalance"]) < D(asset["walletBalance"]) - 500
    position = account["positions"][0]
    assert D(position["unrealizedProfit"]) == D(asset["unrealizedProfit"])


def test_fees_are_those_of_the_instrument() -> None:
    found = Rig().ask("GET", "/fapi/v1/commissionRate", symbol=BTC)
    has_keys(found, reply("usds_futures", "user_commission_rate_success"))
    assert (found["makerCommissionRate"], found["takerCommissionRate"]) == ("0.0002", "0.0005")
