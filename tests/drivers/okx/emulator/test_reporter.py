"""The reporter: what happens to orders, told once each, with the money after."""

import pytest

from tests.drivers.okx.emulator.venue import ETH, SPOT, SWAP, Venue


@pytest.fixture
def venue():
    found = Venue()
    found.clock.run(2)
    return found


@pytest.fixture
def client(venue):
    return listen(venue)


def listen(venue):
    found = venue.login()
    found.subscribe(
        {"channel": "orders", "instType": "ANY"},
        {"channel": "account"},
        {"channel": "positions", "instType": "SWAP"},
        {"channel": "balance_and_position"},
    )
    found.got.clear()
    return found


def states(client):
    return [(row["clOrdId"], row["state"], row["accFillSz"]) for row in client.rows("orders")]


def test_the_life_of_an_order(venue, client):
    venue.order("buy", "2", venue.below(), clOrdId="a")
    venue.row("trade/amend-order", {"instId": SWAP, "clOrdId": "a", "newSz": "3", "reqId": "r9"})
    venue.row("trade/cancel-order", {"instId": SWAP, "clOrdId": "a"})
    assert states(client) == [("a", "live", "0"), ("a", "live", "0"), ("a", "canceled", "0")]
    rows = client.rows("orders")
    assert (rows[1]["sz"], rows[1]["reqId"], rows[1]["amendResult"]) == ("3", "r9", "0")
    assert (rows[0]["reqId"], rows[2]["reqId"], rows[2]["cancelSource"]) == ("", "", "1")
    assert not client.told("positions")


def test_each_fill_is_told_once(venue, client):
    venue.order("buy", "300", clOrdId="big", instId="DOGE-USDT-SWAP")
    fills = [row for row in client.rows("orders") if row["tradeId"]]
    assert len(fills) == len({row["tradeId"] for row in fills}) == len(venue.get("trade/fills"))
    assert fills[-1]["state"] == "filled"
    assert sum(float(row["fillSz"]) for row in fills) == 300
    assert sum(float(row["fillFee"]) for row in fills) == pytest.approx(float(fills[-1]["fee"]))


def test_orders_come_before_what_they_did(venue, client):
    venue.order("buy", "1")
    channels = [push["arg"]["channel"] for push in client.told()]
    assert channels == ["orders", "orders", "positions", "balance_and_position", "account", "balance_and_position"]
    (position,) = client.rows("positions")
    assert position["pos"] == "1"
    brief = client.rows("balance_and_position")
    assert brief[0]["trades"] == [{"instId": SWAP, "tradeId": position["tradeId"]}]
    assert brief[1]["balData"][0]["ccy"] == "USDT"


def test_a_position_that_is_closed_is_told_with_size_zero(venue, client):
    venue.order("buy", "1")
    client.got.clear()
    venue.order("sell", "1")
    (position,) = client.rows("positions")
    assert (position["pos"], position["avgPx"]) == ("0", "")
    assert venue.get("account/positions") == []


@pytest.mark.parametrize(
    ("fault", "share", "category"),
    [("adl", 0.5, "adl"), ("liquidation", 1, "full_liquidation"), ("liquidation", 0.5, "partial_liquidation")],
)
def test_the_venue_closes_positions_by_itself(venue, client, fault, share, category):
    venue.order("sell", "4", instId=ETH)
    client.got.clear()
    venue.emulator.set_fault(fault, share)
    (row,) = client.rows("orders")
    assert (row["category"], row["state"], row["side"], row["instId"]) == (category, "filled", "buy", ETH)
    assert row["fillSz"] == ("4" if share == 1 else "2")
    assert row["clOrdId"] == ""
    assert client.rows("positions")[0]["pos"] == ("0" if share == 1 else "-2")


def test_funding_is_paid_and_billed(venue):
    venue.order("buy", "50")
    venue.jump(28_800 - 30)
    client = listen(venue)
    before = float(venue.get("account/balance")[0]["details"][0]["cashBal"])
    venue.clock.run(40)
    (bill,) = venue.get("account/bills", type="8")
    assert bill["subType"] in ("173", "174")
    assert (bill["subType"] == "173") == (float(bill["balChg"]) < 0)
    after = float(venue.get("account/balance")[0]["details"][0]["cashBal"])
    assert after - before == pytest.approx(float(bill["balChg"]))
    assert float(bill["bal"]) == pytest.approx(after)
    assert float(venue.get("account/positions")[0]["fundingFee"]) == pytest.approx(float(bill["balChg"]))
    assert "funding_fee" in [row["eventType"] for row in client.rows("balance_and_position")]


def test_each_leg_pays_its_own_funding(venue):
    """The price of its bill is the mark price, and what both pay is what the net position pays."""
    venue.post("account/set-position-mode", {"posMode": "long_short_mode"})
    venue.order("buy", "50", posSide="long")
    venue.order("sell", "20", posSide="short")
    venue.jump(28_800 - 30)
    venue.clock.run(40)
    bills = {bill["subType"]: bill for bill in venue.get("account/bills", type="8")}
    assert set(bills) == {"173", "174"}
    assert {bill["sz"] for bill in bills.values()} == {"50", "20"}
    (rate,) = venue.get("public/funding-rate-history", instId="BTC-USDT-SWAP", limit=1)
    for bill in bills.values():
        paid = float(bill["sz"]) * 0.01 * float(bill["px"]) * abs(float(rate["realizedRate"]))
        assert abs(float(bill["pnl"])) == pytest.approx(paid, rel=1e-4)
        assert (bill["balChg"], bill["fillMarkPx"]) == (bill["pnl"], "")
    funding = {row["posSide"]: float(row["fundingFee"]) for row in venue.get("account/positions")}
    assert sum(funding.values()) == pytest.approx(sum(float(bill["pnl"]) for bill in bills.values()))


def test_bills_follow_the_balance(venue):
    venue.order("buy", "3")
    venue.order("sell", "3")
    venue.order("buy", "50", instId=SPOT)
    cash = float(next(row for row in venue.get("account/balance")[0]["details"] if row["ccy"] == "USDT")["cashBal"])
    bills = venue.get("account/bills")
    assert float(bills[0]["bal"]) == pytest.approx(cash)
    assert 10_000 + sum(float(bill["balChg"]) for bill in bills) == pytest.approx(cash)


def test_the_self_trade_rule_cancels_the_maker(venue, client):
    bid, ask = venue.touch()
    while ask - bid < 0.15:  # until there is room inside the spread
        venue.clock.run(0.5)
        bid, ask = venue.touch()
    venue.order("sell", "1", f"{ask - 0.1:.1f}", clOrdId="maker")
    client.got.clear()
    venue.order("buy", "1", clOrdId="taker")
    cancelled = [row for row in client.rows("orders") if row["clOrdId"] == "maker"]
    assert [(row["state"], row["cancelSource"]) for row in cancelled] == [("canceled", "32")]
    assert [row["side"] for row in venue.get("trade/fills")] == ["buy"]
