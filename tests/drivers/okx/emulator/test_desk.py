"""Orders: every rule of the sheet's section 7, on the running emulator."""

import pytest

from tests.drivers.okx.emulator.venue import ETH, MAIN, SPOT, SWAP, Venue


@pytest.fixture
def venue():
    found = Venue()
    found.clock.run(2)
    return found


def cancel(venue, **ids):
    return venue.row("trade/cancel-order", {"instId": SWAP, **ids})


def amend(venue, **terms):
    return venue.row("trade/amend-order", {"instId": SWAP, **terms})


# -- placing ---------------------------------------------------------------------------------------------------------------


def test_a_market_order_fills_and_moves_the_position(venue):
    row = venue.order("buy", "5", clOrdId="m1")
    assert (row["sCode"], row["clOrdId"]) == ("0", "m1")
    order = venue.state(row["ordId"])
    assert (order["state"], order["accFillSz"], order["posSide"], order["sz"]) == ("filled", "5", "net", "5")
    assert float(order["fee"]) < 0
    assert order["feeCcy"] == "USDT"
    (position,) = venue.get("account/positions")
    assert (position["pos"], position["posSide"], position["mgnMode"]) == ("5", "net", "cross")
    fills = venue.get("trade/fills")
    assert sum(float(fill["fillSz"]) for fill in fills) == 5
    assert {fill["execType"] for fill in fills} == {"T"}


def test_a_limit_order_rests_as_a_maker(venue):
    row = venue.order("buy", "5", venue.below())
    assert venue.state(row["ordId"])["state"] == "live"
    assert [each["ordId"] for each in venue.get("trade/orders-pending")] == [row["ordId"]]


def test_a_post_only_order_that_would_take_is_accepted_and_cancelled(venue):
    row = venue.order("buy", "1", venue.above(), ordType="post_only")
    assert row["sCode"] == "0"
    order = venue.state(row["ordId"])
    assert (order["state"], order["cancelSource"], order["accFillSz"]) == ("canceled", "31", "0")
    assert not venue.get("account/positions")
    good = venue.order("buy", "1", venue.below(), ordType="post_only")
    assert venue.state(good["ordId"])["state"] == "live"


def test_the_rest_of_an_ioc_order_is_cancelled(venue):
    nothing = venue.state(venue.order("buy", "1", venue.below(), ordType="ioc")["ordId"])
    assert (nothing["state"], nothing["cancelSource"], nothing["accFillSz"]) == ("canceled", "14", "0")
    venue.emulator.set_fault("partial", 0.5)
    half = venue.state(venue.order("buy", "1", venue.above(), ordType="ioc")["ordId"])
    assert (half["state"], half["cancelSource"], half["accFillSz"]) == ("canceled", "14", "0.5")


def test_a_fok_order_fills_whole_or_not_at_all(venue):
    gone = venue.state(venue.order("buy", "1", venue.below(), ordType="fok")["ordId"])
    assert (gone["state"], gone["cancelSource"]) == ("canceled", "13")
    assert venue.state(venue.order("buy", "1", venue.above(), ordType="fok")["ordId"])["state"] == "filled"


def test_a_spot_buy_at_the_market_is_sized_in_quote_money(venue):
    row = venue.order("buy", "120", instId=SPOT)
    order = venue.state(row["ordId"], SPOT)
    assert (order["state"], order["sz"], order["tgtCcy"]) == ("filled", "120", "quote_ccy")
    spent = float(order["accFillSz"]) * float(order["avgPx"])
    assert 119.9 < spent <= 120
    held = {each["ccy"]: float(each["cashBal"]) for each in venue.get("account/balance")[0]["details"]}
    assert held["BTC"] == float(order["accFillSz"])
    base = venue.order("sell", order["accFillSz"], instId=SPOT)
    assert venue.state(base["ordId"], SPOT)["state"] == "filled"
    assert venue.order("buy", "0.1", instId=SPOT)["sCode"] == "51020"


@pytest.mark.parametrize(
    ("instrument", "price", "side", "code"),
    [(SWAP, "70000", "buy", "51137"), (SWAP, "50000", "sell", "51138"), (SPOT, "70000", "buy", "51006")],
)
def test_prices_stay_within_the_limits(venue, instrument, price, side, code):
    size = "1" if instrument == SWAP else "0.001"
    assert venue.order(side, size, price, instId=instrument)["sCode"] == code


def test_what_cannot_be_paid_is_refused(venue):
    row = venue.order("buy", "1000")
    assert (row["sCode"], row["subCode"]) == ("51008", "1000")
    assert "USDT" in row["sMsg"]
    assert venue.order("sell", "1", instId=SPOT)["sCode"] == "51008"
    assert venue.truth()["orders"] == []


def test_reduce_only(venue):
    assert venue.order("sell", "1", reduceOnly=True)["sCode"] == "51169"
    venue.order("buy", "2")
    assert venue.order("buy", "1", reduceOnly=True)["sCode"] == "51170"
    venue.order("sell", "5", reduceOnly=True)
    assert not venue.get("account/positions")


def test_a_client_id_is_unique_among_pending_orders_only(venue):
    first = venue.order("buy", "1", venue.below(), clOrdId="same")
    assert venue.order("buy", "1", venue.below(), clOrdId="same")["sCode"] == "51016"
    cancel(venue, clOrdId="same")
    again = venue.order("buy", "1", venue.below(), clOrdId="same")
    assert again["sCode"] == "0"
    assert again["ordId"] != first["ordId"]
    assert venue.get("trade/order", instId=SWAP, clOrdId="same")[0]["ordId"] == again["ordId"]
    truth = venue.truth()
    assert (truth["received"], truth["placed"]) == ({"same": 3}, {"same": 2})


def test_two_accounts_trade_with_each_other(venue):
    bid, ask = venue.touch()
    price = f"{(bid + ask) / 2:.1f}"
    maker = venue.order("buy", "1", f"{bid:.1f}" if float(price) >= ask else price)
    assert venue.state(maker["ordId"])["state"] == "live"
    venue.order("sell", "1", key="emulator2")
    assert venue.get("account/positions", key="emulator2")[0]["pos"] == "-1"


# -- long/short mode -----------------------------------------------------------------------------------------------------


def test_the_long_short_mode_keeps_two_legs(venue):
    assert venue.post("account/set-position-mode", {"posMode": "long_short_mode"})["code"] == "0"
    assert venue.order("buy", "1")["sCode"] == "51000"
    assert venue.order("sell", "1", posSide="long")["sCode"] == "51169"
    venue.order("buy", "3", posSide="long")
    venue.order("sell", "2", posSide="short")
    legs = {row["posSide"]: row["pos"] for row in venue.get("account/positions")}
    assert legs == {"long": "3", "short": "2"}
    assert venue.order("sell", "4", posSide="long")["sCode"] == "51112"
    venue.order("sell", "1", posSide="long")
    assert venue.post("account/set-position-mode", {"posMode": "net_mode"})["code"] == "59000"
    for side in ("long", "short"):
        body = {"instId": SWAP, "mgnMode": "cross", "posSide": side}
        assert venue.post("trade/close-position", body)["data"][0]["posSide"] == side
    assert venue.get("account/positions") == []


# -- amending --------------------------------------------------------------------------------------------------------------


def test_an_amended_size_is_the_new_total(venue):
    row = venue.order("buy", "5", venue.below(), clOrdId="a")
    done = amend(venue, clOrdId="a", newSz="3", reqId="r1")
    assert (done["sCode"], done["ordId"], done["reqId"]) == ("0", row["ordId"], "r1")
    price = venue.below(600)
    amend(venue, ordId=row["ordId"], newPx=price)
    order = venue.state(row["ordId"])
    assert (order["sz"], float(order["px"]), order["state"]) == ("3", float(price), "live")


def test_an_amendment_that_would_take(venue):
    row = venue.order("buy", "1", venue.below(), ordType="post_only", clOrdId="a")
    assert amend(venue, clOrdId="a", newPx=venue.above())["sCode"] == "51511"
    assert venue.state(row["ordId"])["state"] == "live"
    assert amend(venue, clOrdId="a", newPx=venue.above(), cxlOnFail=True)["sCode"] == "51511"
    assert venue.state(row["ordId"])["state"] == "canceled"


@pytest.mark.parametrize(
    ("terms", "code"),
    [({"newPx": "60000.05"}, "51150"), ({"newSz": "0.001"}, "51020"), ({"newPx": "90000"}, "51137"),
     ({"newSz": "9000"}, "51502"), ({}, "51500")],
)  # fmt: skip
def test_an_amendment_is_judged_like_an_order(venue, terms, code):
    venue.order("buy", "1", venue.below(), clOrdId="a")
    assert amend(venue, clOrdId="a", **terms)["sCode"] == code


def test_what_is_gone_cannot_be_amended_or_cancelled(venue):
    venue.order("buy", "1", clOrdId="filled")
    for name in ("filled", "never"):
        assert amend(venue, clOrdId=name, newSz="2")["sCode"] == "51503"
        assert cancel(venue, clOrdId=name)["sCode"] == "51400"
    assert cancel(venue)["sCode"] == "51003"


# -- cancelling ------------------------------------------------------------------------------------------------------------


def test_a_cancel_is_the_clients_doing(venue):
    row = venue.order("buy", "1", venue.below())
    assert cancel(venue, ordId=row["ordId"])["sCode"] == "0"
    order = venue.state(row["ordId"])
    assert (order["state"], order["cancelSource"]) == ("canceled", "1")
    assert cancel(venue, ordId=row["ordId"])["sCode"] == "51400"


def test_a_cancel_can_come_too_late(venue):
    row = venue.order("buy", "2", venue.below())
    venue.emulator.set_fault("cancel_fill_race", 1)
    assert cancel(venue, ordId=row["ordId"])["sCode"] == "51400"
    order = venue.state(row["ordId"])
    assert (order["state"], order["accFillSz"], order["cancelSource"]) == ("filled", "2", "")
    assert venue.get("trade/fills")[0]["execType"] == "M"


# -- closing ---------------------------------------------------------------------------------------------------------------


def test_a_position_is_closed_whole(venue):
    body = {"instId": ETH, "mgnMode": "cross"}
    assert venue.post("trade/close-position", body)["code"] == "51023"
    venue.order("sell", "3", instId=ETH)
    venue.order("buy", "1", venue.below(100, ETH), instId=ETH, reduceOnly=True)
    assert venue.post("trade/close-position", body)["code"] == "51115"
    told = venue.post("trade/close-position", body | {"autoCxl": True, "clOrdId": "c1"})
    assert told["data"] == [{"instId": ETH, "posSide": "net", "clOrdId": "c1", "tag": ""}]
    assert venue.get("account/positions") == []
    assert venue.get("trade/orders-pending") == []
    assert venue.post("trade/close-position", {"instId": ETH})["code"] == "50014"
    assert venue.post("trade/close-position", body | {"posSide": "long"})["code"] == "51000"
    assert venue.emulator.statistics()["accounts"][MAIN]["positions"] == {}
