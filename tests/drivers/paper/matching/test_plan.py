"""Orders that take: market, limit through the touch, IOC, FOK, post-only, and what takers leave behind."""

from decimal import Decimal as D

from ctosd.abi import OrderUpdate
from tests.drivers.paper.matching.exchange import PERP, A, B, Venue, venue


def test_a_market_order_takes_the_touch_at_the_taker_fee(v: Venue) -> None:
    """Two lots of the ask; the fee is 5 basis points of the notional, from the cash."""
    name = v.place("buy", "2")
    assert v.fills() == [(name, D(101), D(2))]
    assert v.state(name) == "filled"
    assert v.cash() == D(100_000) - D(202) * D("0.0005")
    assert v.size() == D(2)


def test_every_act_of_an_order_is_told_in_order(v: Venue) -> None:
    """Open, fill, filled, then the position and the balance."""
    v.place("buy", "2")
    assert [type(event).__name__ for event in v.events] == ["OrderUpdate", "Fill", "OrderUpdate", "Position", "Balance"]
    assert [event.state for event in v.events if isinstance(event, OrderUpdate)] == ["open", "filled"]


def test_behind_the_touch_stands_the_stated_model(v: Venue) -> None:
    """Each further level is a tick away with the touch's size."""
    name = v.place("buy", "12")
    assert v.fills() == [(name, D(101), D(5)), (name, D(102), D(5)), (name, D(103), D(2))]


def test_a_book_is_walked_level_by_level(v: Venue) -> None:
    v.book([(100.0, 1.0)], [(101.0, 1.0), (104.0, 2.0), (109.0, 9.0)])
    name = v.place("buy", "4")
    assert v.fills() == [(name, D(101), D(1)), (name, D(104), D(2)), (name, D(109), D(1))]


def test_behind_a_book_nothing_is_modelled(v: Venue) -> None:
    v.book([(100.0, 1.0)], [(101.0, 1.0), (102.0, 1.0)])
    name = v.place("buy", "4")
    assert v.fills() == [(name, D(101), D(1)), (name, D(102), D(1))]
    assert v.state(name) == "cancelled"


def test_what_was_taken_is_gone_until_the_venue_tells_of_it_again(v: Venue) -> None:
    """The same touch again restores nothing; a changed one does."""
    v.place("buy", "5")
    second = v.place("buy", "1")
    assert v.fills() == [(second, D(102), D(1))]
    v.quote(100, 5, 101, 5)
    third = v.place("buy", "1")
    assert v.fills() == [(third, D(102), D(1))]
    v.quote(100, 5, 101, 4)
    fourth = v.place("buy", "1")
    assert v.fills() == [(fourth, D(101), D(1))]


def test_a_book_gives_back_level_by_level(v: Venue) -> None:
    v.book([(100.0, 1.0)], [(101.0, 1.0), (102.0, 1.0)])
    v.place("buy", "2")
    v.book([], [(102.0, 1.0)], snapshot=False)
    name = v.place("buy", "1")
    assert v.fills() == [(name, D(102), D(1))]


def test_a_newer_quote_hides_the_books_better_levels(v: Venue) -> None:
    """The touch moved to 103: the older book's 101 and 102 are gone."""
    v.book([(100.0, 1.0)], [(101.0, 1.0), (102.0, 1.0), (103.0, 7.0), (104.0, 2.0)])
    v.quote(102, 1, 103, 2)
    name = v.place("buy", "3")
    assert v.fills() == [(name, D(103), D(2)), (name, D(104), D(1))]


def test_a_market_order_that_runs_dry_is_cancelled_for_the_rest() -> None:
    v = venue(depth_levels=0)
    v.quote(100, 5, 101, 5)
    name = v.place("buy", "7")
    assert v.fills() == [(name, D(101), D(5))]
    assert (v.state(name), v.order(name).reason) == ("cancelled", "not_filled")


def test_a_market_order_does_not_walk_out_of_the_price_band() -> None:
    """The band is 2 % of 100.5: 102 is the last price."""
    v = venue(price_band=D("0.02"))
    v.quote(100, 5, 101, 5)
    name = v.place("buy", "100")
    assert v.fills() == [(name, D(101), D(5)), (name, D(102), D(5))]
    assert v.state(name) == "cancelled"


def test_a_market_order_without_any_price_is_refused() -> None:
    v = venue()
    v.place("buy", "1")
    assert v.reason == "market_closed"


def test_a_limit_order_takes_up_to_its_price_and_rests_with_the_remainder(v: Venue) -> None:
    name = v.place("buy", "12", "102")
    assert v.fills() == [(name, D(101), D(5)), (name, D(102), D(5))]
    assert v.state(name) == "partially_filled"
    assert v.order(name).filled == 10


def test_an_ioc_order_leaves_nothing_behind(v: Venue) -> None:
    name = v.place("buy", "7", "101", tif="ioc")
    assert v.fills() == [(name, D(101), D(5))]
    assert (v.state(name), v.order(name).reason) == ("expired", "not_filled")
    assert not v.engine.open_orders(A)


def test_a_fok_order_is_all_or_nothing(v: Venue) -> None:
    v.place("buy", "7", "101", tif="fok")
    assert v.reason == "not_filled"
    assert not v.events
    name = v.place("buy", "5", "101", tif="fok")
    assert v.state(name) == "filled"


def test_a_post_only_order_that_would_take_is_refused_and_names_the_price(v: Venue) -> None:
    v.place("buy", "1", "101", post_only=True)
    assert v.reason == "post_only"
    assert "101" in v.message
    v.place("buy", "1", "100", post_only=True)
    assert v.accepted


def test_a_post_only_order_may_not_meet_a_users_order_either(v: Venue) -> None:
    v.quote(90, 1, 110, 1)
    v.place("sell", "1", "101", account=B)
    v.place("buy", "1", "102", post_only=True)
    assert v.reason == "post_only"


def test_users_trade_with_each_other_before_worse_strangers(v: Venue) -> None:
    """B's ask inside the spread is better than the market's."""
    v.quote(100, 5, 110, 5)
    maker = v.place("sell", "1", "105", account=B)
    taker = v.place("buy", "2", "110")
    assert v.fills() == [(maker, D(105), D(1)), (taker, D(105), D(1)), (taker, D(110), D(1))]
    assert v.size(B) == D(-1)


def test_strangers_that_came_first_are_taken_first(v: Venue) -> None:
    """B joins the ask behind five strangers: a buy of six takes those, then B."""
    maker = v.place("sell", "2", "101", account=B)
    taker = v.place("buy", "6")
    assert v.fills() == [(taker, D(101), D(5)), (maker, D(101), D(1)), (taker, D(101), D(1))]


def test_an_own_order_in_the_way_is_cancelled(v: Venue) -> None:
    v.quote(100, 5, 110, 5)
    own = v.place("sell", "1", "105")
    taker = v.place("buy", "1", "110")
    assert v.fills() == [(taker, D(110), D(1))]
    assert (v.state(own), v.order(own).reason) == ("cancelled", "self_trade")


def test_the_taker_is_cancelled_instead_where_the_rules_say_so() -> None:
    v = venue(self_trade="cancel_taker")
    v.quote(100, 5, 110, 5)
    own = v.place("sell", "1", "105")
    taker = v.place("buy", "1", "110")
    assert not v.fills()
    assert (v.state(taker), v.order(taker).reason) == ("cancelled", "self_trade")
    assert v.state(own) == "open"


def test_a_share_below_one_leaves_a_partial_fill(v: Venue) -> None:
    """A fault to inject: of four lots only half are had."""
    name = v.place("buy", "4", share=0.5)
    assert v.fills() == [(name, D(101), D(2))]
    assert v.state(name) == "cancelled"


def test_with_bars_alone_the_close_and_half_a_spread_is_paid() -> None:
    """Spread 2 % of 100: bought at 101, sold at 99, no more than the bar's volume."""
    v = venue(bar_spread=0.02)
    v.bar(100, 100, 100, 100, volume=3)
    name = v.place("buy", "5")
    assert v.fills() == [(name, D(101), D(3))]
    assert v.state(name) == "cancelled"
    v.bar(100, 100, 100, 100, volume=30)
    name = v.place("sell", "2")
    assert v.fills() == [(name, D(99), D(2))]


def test_with_trades_alone_the_last_price_is_the_touch() -> None:
    v = venue(bar_spread=0.02)
    v.trade(100, 5, "buy")
    name = v.place("buy", "1")
    assert v.fills() == [(name, D(101), D(1))]


def test_float_noise_is_read_as_the_price_that_was_meant() -> None:
    v = venue()
    v.quote(99.99999999999999, 5.000000000000001, 101.00000000000001, 0.30000000000000004)
    name = v.place("buy", "0.3")
    assert v.fills() == [(name, D(101), D("0.3"))]
    quote = v.engine.quote(PERP)
    assert quote is not None
    assert quote.ask_size == 0.30000000000000004
