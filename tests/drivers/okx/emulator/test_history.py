"""Orders, fills and bills, page by page."""

import pytest

from tests.drivers.okx.emulator.venue import ETH, SPOT, SWAP, Venue


@pytest.fixture
def venue():
    found = Venue()
    found.clock.run(1)
    return found


def test_one_order_by_either_id(venue):
    row = venue.order(price=venue.below(), clOrdId="a")
    assert venue.get("trade/order", instId=SWAP, clOrdId="a")[0]["ordId"] == row["ordId"]
    for params, code in (
        ({"instId": SWAP}, "51003"),
        ({"instId": SWAP, "clOrdId": "b"}, "51603"),
        ({"instId": SWAP, "clOrdId": "A"}, "51603"),
        ({"instId": ETH, "clOrdId": "a"}, "51603"),
        ({"clOrdId": "a"}, "50014"),
    ):
        assert venue.ask("trade/order", **params)["code"] == code


def test_a_cancelled_order_is_unknown_after_two_hours(venue):
    gone = venue.order(price=venue.below(), clOrdId="a")
    venue.row("trade/cancel-order", {"instId": SWAP, "clOrdId": "a"})
    done = venue.order()
    ids = [row["ordId"] for row in venue.get("trade/orders-history", instType="SWAP")]
    assert ids == [done["ordId"], gone["ordId"]]
    venue.jump(7_201)
    assert [row["ordId"] for row in venue.get("trade/orders-history", instType="SWAP")] == [done["ordId"]]
    assert venue.ask("trade/order", instId=SWAP, clOrdId="a")["code"] == "51603"
    assert [row["ordId"] for row in venue.get("trade/orders-history-archive", instType="SWAP")] == [done["ordId"]]


def test_pages_of_pending_orders(venue):
    ids = [venue.order(size="0.01", price=venue.below(100 + each))["ordId"] for each in range(5)]
    newest = list(reversed(ids))
    assert [row["ordId"] for row in venue.get("trade/orders-pending", limit=2)] == newest[:2]
    assert [row["ordId"] for row in venue.get("trade/orders-pending", limit=2, after=newest[1])] == newest[2:4]
    assert [row["ordId"] for row in venue.get("trade/orders-pending", before=newest[2])] == newest[:2]
    assert venue.get("trade/orders-pending", instType="SPOT") == []
    assert venue.get("trade/orders-pending", ordType="post_only") == []
    assert len(venue.get("trade/orders-pending", ordType="limit,post_only", instFamily="BTC-USDT", state="live")) == 5
    for params, code in (
        ({"instType": "X"}, "51000"),
        ({"state": "open"}, "51000"),
        ({"instType": "SPOT", "instId": SWAP}, "51015"),
        ({"after": "x"}, "51000"),
    ):
        assert venue.ask("trade/orders-pending", **params)["code"] == code


def test_history_wants_a_type(venue):
    for path in ("trade/orders-history", "trade/orders-history-archive", "trade/fills-history"):
        assert venue.ask(path)["code"] == "50014"
    assert venue.ask("trade/fills")["code"] == "0"


def test_fills_by_instrument_order_and_time(venue):
    first = venue.order("buy", "1")
    venue.clock.run(10)
    venue.order("buy", "100", instId=SPOT)
    moment = venue.clock.now_ns() // 1_000_000
    assert {row["instId"] for row in venue.get("trade/fills")} == {SWAP, SPOT}
    assert {row["ordId"] for row in venue.get("trade/fills", ordId=first["ordId"])} == {first["ordId"]}
    assert {row["instId"] for row in venue.get("trade/fills", begin=moment)} == {SPOT}
    assert {row["instId"] for row in venue.get("trade/fills", end=moment - 1)} == {SWAP}
    (newest, *_) = venue.get("trade/fills")
    assert newest["billId"] not in [row["billId"] for row in venue.get("trade/fills", after=newest["billId"])]
    venue.jump(3 * 86_400)
    assert venue.get("trade/fills") == []
    assert len(venue.get("trade/fills-history", instType="SPOT")) == 1


def test_bills_by_type(venue):
    venue.order("buy", "1")
    assert {row["type"] for row in venue.get("account/bills", instType="SWAP")} == {"2"}
    assert venue.get("account/bills", type="8") == []


def test_bills_are_told_for_seven_days_and_in_the_archive_for_three_months(venue):
    venue.order("buy", "1")
    venue.jump(8 * 86_400)
    assert venue.get("account/bills", type="2") == []
    assert len(venue.get("account/bills-archive", type="2")) == 1
    venue.jump(90 * 86_400)
    assert venue.get("account/bills-archive", type="2") == []
