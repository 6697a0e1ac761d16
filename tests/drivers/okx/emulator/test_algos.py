"""Conditional orders."""

import pytest

from tests.drivers.okx.emulator.venue import SPOT, SWAP, Venue


@pytest.fixture
def venue():
    found = Venue()
    found.clock.run(5)
    return found


def algo(venue, **terms):
    return venue.row("trade/order-algo", {"instId": SWAP, "tdMode": "cross", "side": "buy", "sz": "1", **terms})


def near(venue, factor):
    return f"{float(venue.get('market/ticker', instId=SWAP)[0]['last']) * factor:.1f}"


def test_a_trigger_order_waits_and_becomes_an_order(venue):
    client, orders = venue.login("business"), venue.login()
    client.subscribe({"channel": "orders-algo", "instType": "ANY"})
    orders.subscribe({"channel": "orders", "instType": "ANY"})
    row = algo(venue, ordType="trigger", triggerPx=near(venue, 1.00005), orderPx="-1", algoClOrdId="t1", tag="x")
    assert (row["sCode"], row["algoClOrdId"]) == ("0", "t1")
    (waiting,) = venue.get("trade/orders-algo-pending", ordType="trigger")
    assert (waiting["algoId"], waiting["state"], waiting["ordPx"]) == (row["algoId"], "live", "-1")
    venue.clock.run(900)
    assert venue.get("trade/orders-algo-pending", ordType="trigger") == []
    states = [each["state"] for each in client.rows("orders-algo")]
    assert states == ["live", "effective"]
    (done,) = venue.get("trade/orders-algo-history", ordType="trigger", state="effective")
    order = venue.state(done["ordId"])
    assert (order["state"], order["algoId"], order["algoClOrdId"], order["tag"]) == ("filled", row["algoId"], "t1", "x")
    assert {each["ordId"] for each in orders.rows("orders")} == {done["ordId"]}
    assert venue.get("trade/order-algo", algoClOrdId="t1")[0]["state"] == "effective"


def test_one_of_two_takes_the_other_away(venue):
    venue.order("buy", "1")
    row = algo(
        venue, side="sell", ordType="oco", reduceOnly=True,
        tpTriggerPx=near(venue, 1.0002), tpOrdPx="-1", slTriggerPx=near(venue, 0.5), slOrdPx="-1",
    )  # fmt: skip
    assert row["sCode"] == "0", row
    venue.clock.run(900)
    (done,) = venue.get("trade/orders-algo-history", ordType="oco", state="effective")
    assert done["actualSide"] == "tp"
    assert venue.get("account/positions") == []
    assert venue.emulator._stage.statistics()["waiting"] == 0


def test_a_reduce_only_one_without_a_position_fails(venue):
    algo(venue, ordType="trigger", triggerPx=near(venue, 1.00005), orderPx="-1", reduceOnly=True)
    venue.clock.run(900)
    (done,) = venue.get("trade/orders-algo-history", ordType="trigger", state="order_failed")
    assert (done["failCode"], done["ordId"]) == ("51169", "")


def test_cancelling(venue):
    row = algo(venue, ordType="conditional", side="sell", slTriggerPx=near(venue, 0.9), slOrdPx="-1")
    assert row["sCode"] == "0", row
    told = venue.post("trade/cancel-algos", [{"algoId": row["algoId"], "instId": SWAP}])
    assert (told["code"], told["data"][0]["sCode"]) == ("0", "0")
    assert venue.post("trade/cancel-algos", [{"algoId": row["algoId"], "instId": SWAP}])["data"][0]["sCode"] == "51400"
    assert venue.post("trade/cancel-algos", [])["code"] == "50025"
    assert venue.truth()["algos"][0]["state"] == "canceled"
    assert venue.get("trade/orders-algo-history", ordType="conditional", state="canceled")


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"ordType": "twap"}, "50062"),
        ({"ordType": ""}, "50014"),
        ({"ordType": "x"}, "51000"),
        ({"ordType": "conditional"}, "50015"),
        ({"ordType": "trigger"}, "51000"),
        ({"ordType": "trigger", "triggerPx": "1"}, "50014"),
        ({"ordType": "trigger", "triggerPx": "1", "orderPx": "x"}, "51000"),
        ({"ordType": "trigger", "triggerPx": "1", "orderPx": "-1", "triggerPxType": "x"}, "51000"),
        ({"ordType": "trigger", "triggerPx": "1", "orderPx": "-1", "sz": "0.001"}, "51020"),
        ({"ordType": "conditional", "side": "sell", "slTriggerPx": "90000", "slOrdPx": "-1"}, "51280"),
        ({"ordType": "conditional", "side": "buy", "slTriggerPx": "30000", "slOrdPx": "-1"}, "51278"),
        ({"ordType": "conditional", "side": "sell", "tpTriggerPx": "30000", "tpOrdPx": "-1"}, "51279"),
        ({"ordType": "conditional", "side": "buy", "tpTriggerPx": "90000", "tpOrdPx": "-1"}, "51277"),
        ({"instId": "NO", "ordType": "trigger"}, "51001"),
    ],
)
def test_what_is_refused(venue, terms, code):
    assert algo(venue, **terms)["sCode"] == code


def test_names_are_unique_and_questions_need_words(venue):
    terms = {"ordType": "trigger", "triggerPx": "30000", "orderPx": "-1", "algoClOrdId": "same"}
    assert algo(venue, **terms)["sCode"] == "0"
    assert algo(venue, **terms)["sCode"] == "51065"
    assert venue.ask("trade/orders-algo-pending")["code"] == "50014"
    assert venue.ask("trade/orders-algo-history", ordType="trigger")["code"] == "50015"
    assert venue.ask("trade/order-algo")["code"] == "50015"
    assert venue.ask("trade/order-algo", algoId="1")["code"] == "51603"


def test_spot_too(venue):
    terms = {
        "instId": SPOT,
        "tdMode": "cash",
        "sz": "0.001",
        "ordType": "trigger",
        "triggerPx": "30000",
        "orderPx": "30000",
    }
    assert algo(venue, **terms)["sCode"] == "0"
