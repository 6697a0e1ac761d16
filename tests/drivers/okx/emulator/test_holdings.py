"""Balances and positions in OKX's words."""

import pytest

from tests.drivers.okx.emulator.venue import ETH, SPOT, SWAP, Venue


@pytest.fixture
def venue():
    found = Venue()
    found.clock.run(2)
    return found


def test_a_balance_adds_up(venue):
    venue.order("buy", "10")
    venue.order("buy", "100", instId=SPOT)
    (row,) = venue.get("account/balance")
    held = {each["ccy"]: each for each in row["details"]}
    usdt = held["USDT"]
    assert float(usdt["eq"]) == pytest.approx(float(usdt["cashBal"]) + float(usdt["upl"]))
    assert float(usdt["availBal"]) + float(usdt["frozenBal"]) == pytest.approx(float(usdt["eq"]))
    assert float(row["totalEq"]) == pytest.approx(sum(float(each["eqUsd"]) for each in held.values()))
    assert float(row["imr"]) > float(row["mmr"]) > 0
    (only,) = venue.get("account/balance", ccy="BTC")[0]["details"]
    assert only["ccy"] == "BTC"
    assert venue.ask("account/balance", ccy=",".join(map(str, range(21))))["code"] == "50025"


def test_positions_are_filtered_and_signed(venue):
    venue.order("sell", "10")
    venue.order("buy", "4", instId=ETH)
    rows = {row["instId"]: row for row in venue.get("account/positions")}
    assert {name: row["pos"] for name, row in rows.items()} == {SWAP: "-10", ETH: "4"}
    short = rows[SWAP]
    assert float(short["liqPx"]) > float(short["markPx"])
    move = (float(short["avgPx"]) - float(short["markPx"])) * 0.1
    assert float(short["upl"]) == pytest.approx(move, abs=1e-6)
    assert float(short["notionalUsd"]) == pytest.approx(float(short["markPx"]) * 0.1)
    assert float(short["imr"]) == pytest.approx(float(short["notionalUsd"]) / float(short["lever"]))
    assert [row["instId"] for row in venue.get("account/positions", instId=ETH)] == [ETH]
    assert venue.get("account/positions", instType="MARGIN") == []
    assert venue.ask("account/positions", instType="SPOT")["code"] == "51000"
    assert venue.ask("account/positions", instId=",".join("abcdefghijk"))["code"] == "50025"


def test_coins_without_a_market_are_worth_nothing(venue):
    assert venue.emulator._holdings.dollars("NOSUCH") == 0
    assert venue.emulator._holdings.dollars("USDT") == 1
    assert venue.emulator._holdings.dollars("BTC") > 1_000
