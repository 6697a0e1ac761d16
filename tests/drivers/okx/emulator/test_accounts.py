"""Settings of accounts."""

import pytest

from tests.drivers.okx.emulator.venue import ETH, SPOT, SWAP, Venue


@pytest.fixture
def venue():
    return Venue()


def test_leverage_is_read_and_set(venue):
    (row,) = venue.get("account/leverage-info", instId=SWAP, mgnMode="cross")
    assert (row["lever"], row["posSide"]) == ("5", "net")
    told = venue.post("account/set-leverage", {"instId": SWAP, "lever": "10", "mgnMode": "cross"})
    assert told["data"] == [{"lever": "10", "mgnMode": "cross", "instId": SWAP, "posSide": "net"}]
    rows = venue.get("account/leverage-info", instId=f"{SWAP},{ETH}", mgnMode="cross")
    assert [row["lever"] for row in rows] == ["10", "5"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lever": "101"}, "59102"),
        ({"lever": "x"}, "51000"),
        ({"lever": "0.5"}, "51000"),
        ({"mgnMode": ""}, "50014"),
        ({"mgnMode": "all"}, "51000"),
        ({"posSide": "long"}, "51000"),
        ({"instId": SPOT}, "51000"),
        ({"instId": "NO"}, "51001"),
    ],
)
def test_leverage_that_is_refused(venue, changes, code):
    assert (
        venue.post("account/set-leverage", {"instId": SWAP, "lever": "10", "mgnMode": "cross"} | changes)["code"]
        == code
    )


def test_leverage_stays_while_orders_wait(venue):
    venue.order(price=venue.below())
    body = {"instId": SWAP, "mgnMode": "cross"}
    assert venue.post("account/set-leverage", body | {"lever": "5"})["code"] == "0"
    assert venue.post("account/set-leverage", body | {"lever": "10"})["code"] == "59107"
    venue.order("buy", "70", instId="ETH-USDT-SWAP")
    body["instId"] = ETH
    assert venue.post("account/set-leverage", body | {"lever": "1"})["code"] == "59108"


def test_the_long_short_mode_has_two_isolated_leverages(venue):
    venue.post("account/set-position-mode", {"posMode": "long_short_mode"})
    rows = venue.get("account/leverage-info", instId=SWAP, mgnMode="isolated")
    assert [row["posSide"] for row in rows] == ["long", "short"]


def test_the_configuration_of_an_account(venue):
    (row,) = venue.get("account/config")
    assert (row["acctLv"], row["posMode"], row["perm"], row["ip"]) == ("2", "net_mode", "read_only,trade", "")
    (other,) = venue.get("account/config", key="emulator2")
    assert other["uid"] != row["uid"]


@pytest.mark.parametrize(
    ("mode", "code"), [("", "50014"), ("both", "51000"), ("net_mode", "0"), ("long_short_mode", "0")]
)
def test_position_modes(venue, mode, code):
    assert venue.post("account/set-position-mode", {"posMode": mode})["code"] == code
    if code == "0":
        assert venue.get("account/config")[0]["posMode"] == mode


def test_the_position_mode_stays_while_orders_wait(venue):
    venue.order(price=venue.below())
    assert venue.post("account/set-position-mode", {"posMode": "long_short_mode"})["code"] == "59000"


def test_fees_that_are_paid_are_negative(venue):
    (row,) = venue.get("account/trade-fee", instType="SWAP")
    assert row["feeGroup"][0] | {"groupId": "4", "maker": "-0.0002", "taker": "-0.0005"} == row["feeGroup"][0]
    assert venue.get("account/trade-fee", instType="SPOT", instId=SPOT)[0]["taker"] == "-0.001"
    assert venue.ask("account/trade-fee")["code"] == "50014"
    assert venue.ask("account/trade-fee", instType="X")["code"] == "51000"


def test_how_much_could_be_traded(venue):
    (row,) = venue.get("account/max-size", instId=SWAP, tdMode="cross")
    most = float(row["maxBuy"])
    assert 70 < most < 90  # 10 000 USDT, five times, of contracts of 0.01 BTC at about 60 000
    assert venue.order("buy", f"{most * 0.98:.2f}")["sCode"] == "0"
    venue.order("buy", "100", instId=SPOT)
    (spot,) = venue.get("account/max-avail-size", instId=SPOT, tdMode="cash")
    assert float(spot["availSell"]) > 0
    assert venue.get("account/max-size", instId=SPOT, tdMode="cash")[0]["maxSell"] == spot["availSell"]
    assert venue.ask("account/max-size", instId=SWAP)["code"] == "50014"
    assert venue.ask("account/max-size", instId=SWAP, tdMode="x")["code"] == "51000"


def test_what_an_account_may_trade(venue):
    assert [row["instId"] for row in venue.get("account/instruments", instType="SPOT", instId=SPOT)] == [SPOT]
    assert len(venue.get("public/instruments", instType="SWAP")) == 17
    assert venue.get("public/instruments", instType="FUTURES") == []
    for params, code in (
        ({}, "50014"),
        ({"instType": "X"}, "51000"),
        ({"instType": "OPTION"}, "50015"),
        ({"instType": "SPOT", "instId": SWAP}, "51015"),
        ({"instType": "SPOT", "instId": "NO"}, "51001"),
    ):
        assert venue.ask("public/instruments", **params)["code"] == code
