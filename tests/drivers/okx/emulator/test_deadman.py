"""Cancel-all-after."""

import pytest

from tests.drivers.okx.emulator.venue import SWAP, Venue


@pytest.fixture
def venue():
    return Venue()


def arm(venue, seconds, **more):
    venue.clock.run(1.01)
    return venue.post("trade/cancel-all-after", {"timeOut": str(seconds), **more})


def open_ids(venue):
    return {row["clOrdId"] for row in venue.get("trade/orders-pending")}


def test_it_cancels_everything_when_nobody_comes_back(venue):
    row = venue.order(price=venue.below(), clOrdId="a")
    told = arm(venue, 10)
    assert int(told["data"][0]["triggerTime"]) == int(told["data"][0]["ts"]) + 10_000
    venue.clock.run(8)
    assert open_ids(venue) == {"a"}
    arm(venue, 10)
    venue.clock.run(9.9)
    assert open_ids(venue) == {"a"}
    venue.clock.run(0.2)
    assert open_ids(venue) == set()
    assert venue.state(row["ordId"])["cancelSource"] == "20"
    assert venue.emulator.statistics()["dead_man"] == {"armed": [], "fired": 1}


def test_it_is_disarmed_with_zero(venue):
    venue.order(price=venue.below(), clOrdId="a")
    arm(venue, 10)
    assert arm(venue, 0)["data"][0]["triggerTime"] == "0"
    venue.clock.run(30)
    assert open_ids(venue) == {"a"}


def test_a_tag_has_its_own_timer(venue):
    venue.order(price=venue.below(), clOrdId="mine", tag="ctos")
    venue.order(price=venue.below(), clOrdId="other")
    arm(venue, 10, tag="ctos")
    venue.clock.run(11)
    assert open_ids(venue) == {"other"}


def test_accounts_do_not_share_it(venue):
    venue.order(price=venue.below(), clOrdId="a", key="emulator2")
    arm(venue, 10)
    venue.clock.run(11)
    assert venue.get("trade/orders-pending", key="emulator2")[0]["clOrdId"] == "a"


@pytest.mark.parametrize(
    ("body", "code"),
    [({}, "50014"), ({"timeOut": "9"}, "51000"), ({"timeOut": "121"}, "51000"), ({"timeOut": "x"}, "51000"),
     ({"timeOut": "10", "tag": "a-b"}, "51000"), ({"timeOut": 60}, "0")],
)  # fmt: skip
def test_what_it_takes(venue, body, code):
    assert venue.post("trade/cancel-all-after", body)["code"] == code


def test_once_a_second_and_twenty_tags(venue):
    for each in range(20):
        assert venue.post("trade/cancel-all-after", {"timeOut": "120", "tag": f"t{each}"})["code"] == "0"
    assert venue.post("trade/cancel-all-after", {"timeOut": "120", "tag": "more"})["code"] == "51071"
    assert venue.post("trade/cancel-all-after", {"timeOut": "120", "tag": "t3"})["code"] == "50011"
    assert venue.order(price=venue.below(), instId=SWAP)["sCode"] == "0"
