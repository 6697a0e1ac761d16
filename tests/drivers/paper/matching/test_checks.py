"""Filters and funds: each refusal has the unified reason and the numbers that it is about."""

from decimal import Decimal as D

import pytest

from ctosd.abi import REASONS
from drivers.paper.matching.checks import LARGEST
from tests.drivers.paper.matching.exchange import SPOT, A, Venue, venue


@pytest.mark.parametrize(
    ("size", "price", "reason", "words"),
    [
        ("1", "90.5", "filter", ("PRICE_FILTER", "90.5", "1")),
        ("1", "0", "filter", ("PRICE_FILTER",)),
        ("1", "-3", "filter", ("PRICE_FILTER",)),
        ("1", "NaN", "filter", ("PRICE_FILTER",)),
        ("1", "Infinity", "filter", ("PRICE_FILTER",)),
        ("1", "1E+30", "filter", ("PRICE_FILTER",)),
        ("0.15", "90", "filter", ("LOT_SIZE", "0.15", "0.1")),
        ("0", "90", "filter", ("LOT_SIZE", "minimum")),
        ("-1", "90", "filter", ("LOT_SIZE", "minimum")),
        ("NaN", "90", "filter", ("LOT_SIZE",)),
        ("1E+40", "90", "filter", ("LOT_SIZE",)),
        ("10000.1", "90", "filter", ("LOT_SIZE", "10000.1", "10000")),
        ("1000.1", None, "filter", ("MARKET_LOT_SIZE", "1000.1", "1000")),
        ("0.1", "40", "filter", ("NOTIONAL", "4", "5")),
        ("1", "111", "price_band", ("PERCENT_PRICE", "111", "110.55", "100.5")),
        ("9000", "100", "insufficient_funds", ("90450", "USDT")),
    ],
)
def test_an_order_off_the_rules_is_refused_with_its_numbers(size, price, reason, words) -> None:
    v = venue(balances={"USDT": D(1000)})
    v.quote(100, 5, 101, 5)
    v.place("buy", size, price)
    assert v.reason == reason
    assert reason in REASONS
    for word in words:
        assert word in v.message


def test_a_sell_far_under_the_mark_is_out_of_the_band_and_one_far_over_is_not(v: Venue) -> None:
    v.place("sell", "1", "90")
    assert v.reason == "price_band"
    v.place("sell", "1", "900")
    assert v.accepted


def test_a_closing_order_needs_no_minimum_worth(v: Venue) -> None:
    v.place("buy", "0.1")
    v.place("sell", "0.1", "45", reduce_only=True)
    assert v.reason == "price_band"  # the band holds for everybody
    v.quote(40, 9, 41, 9)
    v.place("sell", "0.1", "45", reduce_only=True)
    assert v.accepted


def test_margin_is_needed_for_the_worse_side_only() -> None:
    """1,000 at tenfold leverage carries 10,000 a side, less the fees that are kept."""
    v = venue(balances={"USDT": D(1000)})
    v.quote(100, 5, 101, 5)
    v.place("buy", "90", "100")
    v.place("sell", "90", "105")
    assert v.accepted
    v.place("buy", "20", "100")
    assert v.reason == "insufficient_funds"


def test_an_order_that_closes_needs_no_margin() -> None:
    """All margin is used; selling what is held goes through all the same."""
    v = venue(balances={"USDT": D(54)})
    v.quote(100, 50, 101, 50)
    v.place("buy", "5")
    v.place("buy", "1", "100")
    assert v.reason == "insufficient_funds"
    v.place("sell", "5")
    assert v.accepted


def test_slippage_counts_against_the_margin() -> None:
    """Walking from 101 to 110 the account is at a loss at once: what covers margin alone is not enough."""
    v = venue(balances={"USDT": D(110)}, price_band=None)
    v.book([(100.0, 5.0)], [(101.0, 1.0), (120.0, 20.0)])
    v.place("buy", "9")
    assert v.reason == "insufficient_funds"


def test_a_position_has_a_limit() -> None:
    v = venue(max_position_notional=D(500))
    v.quote(100, 50, 101, 50)
    v.place("buy", "4", "100")
    v.place("buy", "2", "100")
    assert v.reason == "position_limit"
    assert "600" in v.message
    v.place("sell", "4", "105")
    assert v.accepted


def test_spot_needs_what_it_pays_with() -> None:
    v = venue(balances={"USDT": D(1000), "BTC": D(2)})
    v.quote(100, 50, 101, 50, symbol=SPOT)
    v.place("buy", "10", "100", symbol=SPOT)
    assert v.reason == "insufficient_funds"  # 1,000 and the fee
    v.place("sell", "2.1", "105", symbol=SPOT)
    assert v.reason == "insufficient_funds"
    assert "BTC" in v.message
    v.place("buy", "9", "100", symbol=SPOT)
    v.place("sell", "2", "105", symbol=SPOT)
    assert v.accepted
    v.place("buy", "1", "100", symbol=SPOT)
    assert v.reason == "insufficient_funds"


def test_unrealised_profit_buys_no_coins() -> None:
    """It carries margin, but spot is paid in cash."""
    v = venue(balances={"USDT": D(1000)})
    v.quote(100, 50, 100, 50)
    v.quote(100, 50, 101, 50, symbol=SPOT)
    v.place("buy", "50")
    v.quote(200, 50, 200, 50)
    assert v.available() > 1000
    v.place("buy", "10", "101", symbol=SPOT)
    assert v.reason == "insufficient_funds"


def test_the_largest_number_is_beyond_every_market() -> None:
    v = venue()
    v.place("buy", str(LARGEST), "90")
    assert v.reason == "filter"
    assert not v.engine.open_orders(A)
