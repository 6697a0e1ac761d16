"""What clients write in orders, judged before the market is looked at."""

from decimal import Decimal as D

import pytest

from drivers.okx.emulator import terms
from drivers.okx.emulator.ledger import Book
from drivers.okx.emulator.refusals import Refusal
from tests.drivers.okx.emulator.venue import SPOT, SWAP, Venue

GOOD = {"tdMode": "cross", "side": "buy", "ordType": "limit", "px": "60000", "sz": "1"}
CASH = {"tdMode": "cash", "side": "buy", "ordType": "limit", "px": "60000", "sz": "0.1"}


@pytest.fixture(scope="module")
def listing():
    return Venue().emulator._listing


@pytest.fixture
def book():
    return Book("okx/main", "1")


def test_an_order_is_read(listing, book):
    found = terms.read(GOOD | {"clOrdId": "aB3", "tag": "t", "reduceOnly": "true"}, listing.named(SWAP), book)
    assert (found.price, found.size, found.side, found.pos_side, found.reduce_only) == (60000, 1, "buy", "net", True)
    assert (found.client_id, found.tag, found.target, found.stp) == ("aB3", "t", "", "cancel_maker")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sz": ""}, "50014"),
        ({"ordType": None}, "50014"),
        ({"sz": "abc"}, "51000"),
        ({"sz": "0"}, "51000"),
        ({"sz": "-1"}, "51000"),
        ({"sz": "1.005"}, "51121"),
        ({"sz": "0.005"}, "51020"),
        ({"sz": "100000001"}, "51101"),
        ({"ordType": "market", "sz": "12001"}, "51202"),
        ({"px": "60000.05"}, "51150"),
        ({"px": ""}, "51204"),
        ({"px": "x"}, "51000"),
        ({"side": "long"}, "51000"),
        ({"ordType": "stop"}, "51000"),
        ({"tdMode": "cash"}, "51000"),
        ({"tdMode": "all"}, "51000"),
        ({"posSide": "long"}, "51000"),
        ({"clOrdId": "with-dash"}, "51000"),
        ({"clOrdId": "a" * 33}, "51000"),
        ({"tag": "a" * 17}, "51000"),
        ({"reduceOnly": "perhaps"}, "51000"),
        ({"stpMode": "nobody"}, "51000"),
    ],
)
def test_what_is_wrong_has_its_code(listing, book, changes, code):
    with pytest.raises(Refusal) as caught:
        terms.read(GOOD | changes, listing.named(SWAP), book)
    assert caught.value.code == code


def test_the_long_short_mode_wants_a_side(listing, book):
    book.hedged = True
    with pytest.raises(Refusal, match="posSide"):
        terms.read(GOOD, listing.named(SWAP), book)
    found = terms.read(GOOD | {"posSide": "short", "reduceOnly": True}, listing.named(SWAP), book)
    assert found.closes
    assert not found.reduce_only  # the sides decide


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"side": "buy"}, "quote_ccy"),
        ({"side": "sell"}, "base_ccy"),
        ({"side": "buy", "tgtCcy": "base_ccy"}, "base_ccy"),
    ],
)
def test_a_spot_buy_at_the_market_counts_in_quote_money(listing, book, changes, target):
    found = terms.read(CASH | {"ordType": "market", "sz": "100"} | changes, listing.named(SPOT), book)
    assert found.target == target


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"tdMode": "cross"}, "51010"), ({"posSide": "long"}, "51000"), ({"ordType": "market", "tgtCcy": "x"}, "51000")],
)
def test_spot_has_its_own_rules(listing, book, changes, code):
    with pytest.raises(Refusal) as caught:
        terms.read(CASH | changes, listing.named(SPOT), book)
    assert caught.value.code == code


def test_a_flag_may_be_bare_or_a_word():
    assert [terms.flag({"x": value}, "x") for value in (True, "true", False, "false", "")] == [True, True] + [False] * 3


@pytest.mark.parametrize(
    ("value", "code"),
    [("", None), (None, None), ("1767225600000", None), ("1767225599999", "50037"), ("5", "50036"), ("soon", "50036")],
)
def test_an_order_can_expire_on_its_way(value, code):
    now = 1_767_225_600_000_000_000
    if code is None:
        terms.expiry(value, now)
    else:
        with pytest.raises(Refusal) as caught:
            terms.expiry(value, now)
        assert caught.value.code == code


def test_an_amendment_is_read():
    venue = Venue()
    resting = venue.order(price=venue.below(), clOrdId="a")
    listing, book = venue.emulator._listing, venue.emulator._books["okx/main"]
    market = listing.named(SWAP)
    change = terms.read_change({"clOrdId": "a", "newSz": "2", "reqId": "r1", "cxlOnFail": True}, market, book)
    assert (change.ticket.id, change.size, change.price, change.request_id) == (resting["ordId"], D(2), None, "r1")
    assert change.cancel_on_failure
    for given, code in (
        ({"newSz": "2"}, "51003"),
        ({"clOrdId": "a"}, "51500"),
        ({"clOrdId": "a", "newSz": "x"}, "51000"),
        ({"clOrdId": "a", "newSz": "0"}, "51000"),
        ({"clOrdId": "a", "newSz": "2", "reqId": "no-dash"}, "51000"),
        ({"clOrdId": "b", "newSz": "2"}, "51503"),
    ):
        with pytest.raises(Refusal) as caught:
            terms.read_change(given, market, book)
        assert caught.value.code == code


def test_pending_orders_are_counted():
    """500 of an instrument and no more."""
    venue = Venue()
    market, book = venue.emulator._listing.named(SWAP), venue.emulator._books["okx/main"]
    price = venue.below()
    for each in range(500):
        if each % 60 == 0:
            venue.clock.run(2.1)
        assert venue.order(size="0.01", price=price)["sCode"] == "0"
    with pytest.raises(Refusal, match="51102"):
        terms.read(GOOD, market, book)
