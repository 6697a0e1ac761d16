"""Orders over both ways: batches, buckets, expiry."""

import pytest

from tests.drivers.okx.emulator.venue import ETH, SPOT, SWAP, Venue


@pytest.fixture
def venue():
    found = Venue()
    found.clock.run(2)
    return found


def resting(venue, name, **more):
    return {
        "instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "0.01", "px": venue.below(),
        "clOrdId": name, **more,
    }  # fmt: skip


def limit(venue, name):
    return venue.emulator.statistics()["limits"][name]


def test_a_batch_is_judged_one_by_one(venue):
    rows = [resting(venue, "a"), resting(venue, "b", sz="0"), resting(venue, "c", instId="NO")]
    told = venue.post("trade/batch-orders", rows)
    assert (told["code"], [row["sCode"] for row in told["data"]]) == ("2", ["0", "51000", "51001"])
    assert [row["clOrdId"] for row in told["data"]] == ["a", "b", "c"]
    assert int(told["outTime"]) > int(told["inTime"])
    amended = venue.post("trade/amend-batch-orders", [{"instId": SWAP, "clOrdId": "a", "newSz": "0.02"}])
    assert amended["code"] == "0"
    cancelled = venue.post("trade/cancel-batch-orders", [{"instId": SWAP, "clOrdId": name} for name in "ab"])
    assert [row["sCode"] for row in cancelled["data"]] == ["0", "51400"]
    assert venue.post("trade/batch-orders", [resting(venue, "d", sz="0")])["code"] == "1"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("trade/batch-orders", [{}] * 21, "51111"),
        ("trade/batch-orders", [], "50000"),
        ("trade/batch-orders", {"instId": SWAP}, "50002"),
        ("trade/batch-orders", ["x"], "50002"),
        ("trade/order", [{}], "50002"),
        ("trade/order", {"tdMode": "cross"}, "50014"),
        ("trade/order", {"instId": SWAP, "tdMode": "cross"}, "50014"),
        ("trade/amend-batch-orders", [{"instId": SWAP, "clOrdId": "a"}] * 2, "51512"),
        ("trade/order-algo", [], "50002"),
        ("trade/cancel-algos", {}, "50002"),
    ],
)
def test_a_request_can_be_refused_whole(venue, path, body, code):
    told = venue.post(path, body)
    assert (told["code"], told["data"]) == (code, [])


def test_single_orders_and_batches_have_buckets_of_their_own(venue):
    for each in range(60):
        assert venue.order(size="0.01", price="55000")["sCode"] == "0", each
    reply = venue.send("POST", "trade/order", resting(venue, "x"))
    assert reply.status == 429
    assert venue.order(size="0.01", price="2900", instId=ETH)["sCode"] == "0"
    assert venue.order("buy", "50", instId=SPOT)["sCode"] == "0"
    assert venue.post("trade/batch-orders", [resting(venue, "one")])["code"] == "50011"  # one is no batch
    assert venue.post("trade/batch-orders", [resting(venue, "two"), resting(venue, "three")])["code"] == "0"
    assert venue.row("trade/cancel-order", {"instId": SWAP, "clOrdId": "two"})["sCode"] == "0"
    assert limit(venue, f"trd.place@okx/main+{SWAP}") == {"used": 60, "allowed": 60, "peak": 60, "refused": 2}
    assert limit(venue, f"trd.batch_place@okx/main+{SWAP}")["used"] == 2
    venue.clock.run(2.01)
    assert venue.order(size="0.01", price="55000")["sCode"] == "0"


def test_both_ways_share_a_bucket(venue):
    client, code = venue.login(), venue.code()
    for each in range(60):
        if each % 2:
            venue.order(size="0.01", price="55000")
        else:
            args = resting(venue, f"w{each}", instIdCode=code) if each < 10 else {
                "instIdCode": code, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "0.01", "px": "55000",
            }  # fmt: skip
            assert client.say(id=str(each), op="order", args=[args])[-1]["code"] == "0"
    told = client.say(id="x", op="order", args=[resting(venue, "late", instIdCode=code)])[-1]
    assert (told["code"], told["data"]) == ("50011", [])


def test_an_account_has_a_thousand_in_two_seconds(venue):
    """Spot does not count among them."""
    symbols = [row["instId"] for row in venue.get("public/instruments", instType="SWAP")]
    sent = 0
    for instrument in symbols:
        for _ in range(3):
            if sent == 1000:
                break
            count = min(20, 1000 - sent)
            body = [{"instId": instrument, "tdMode": "cross", "side": "x", "ordType": "limit", "sz": "1"}] * count
            assert venue.post("trade/batch-orders", body)["code"] == "1"
            sent += count
    assert sent == 1000
    assert venue.post("trade/order", {"instId": SWAP})["code"] == "50061"
    assert venue.order("buy", "50", instId=SPOT)["sCode"] == "0"
    assert venue.post("trade/order", {"instId": SWAP}, key="emulator2")["code"] == "50014"


@pytest.mark.parametrize(("shift", "code"), [(1_000, "0"), (0, "0"), (-1, "50037")])
def test_what_comes_too_late_is_refused(venue, shift, code):
    expires = str(venue.clock.now_ns() // 1_000_000 + shift)
    assert venue.post("trade/order", resting(venue, "a"), exptime=expires)["code"] == code
    client, instrument = venue.login(), venue.code()
    told = client.say(id="1", op="order", args=[resting(venue, "b", instIdCode=instrument)], expTime=expires)[-1]
    assert told["code"] == code
    assert venue.truth()["placed"] == ({"a": 1, "b": 1} if code == "0" else {})


def test_a_cancel_never_expires(venue):
    venue.order(price=venue.below(), clOrdId="a")
    told = venue.post("trade/cancel-order", {"instId": SWAP, "clOrdId": "a"}, exptime="1000000000000")
    assert told["code"] == "0"


def test_an_expiry_that_is_no_time(venue):
    assert venue.post("trade/order", resting(venue, "a"), exptime="soon")["code"] == "50036"
