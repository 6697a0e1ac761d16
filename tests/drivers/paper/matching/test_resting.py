"""Orders that rest: the queue before them, partial fills, quotes that cross, bars that run through."""

from decimal import Decimal as D

import pytest

from tests.drivers.paper.matching.exchange import A, B, Venue, venue


def test_a_trade_at_the_price_eats_the_queue_first(v: Venue) -> None:
    """Five stand before us: of trades of 3 and 4 two reach us."""
    name = v.place("buy", "3", "100")
    assert v.trade(100, 3, "sell") == []
    v.trade(100, 4, "sell")
    assert v.fills() == [(name, D(100), D(2))]
    assert v.state(name) == "partially_filled"


def test_a_maker_pays_the_maker_fee(v: Venue) -> None:
    v.place("buy", "1", "100")
    v.trade(99, 1, "sell")
    assert v.cash() == D(100_000) - D(100) * D("0.0001")


def test_a_trade_of_the_same_side_does_not_reach_us(v: Venue) -> None:
    """Somebody bought at 100: the queue of buyers there is as it was."""
    v.place("buy", "1", "100")
    assert v.trade(100, 50, "buy") == []


def test_a_trade_through_the_price_fills_as_much_as_traded(v: Venue) -> None:
    name = v.place("buy", "3", "100")
    v.trade(99, 2, "sell")
    assert v.fills() == [(name, D(100), D(2))]


def test_the_queue_shrinks_to_what_is_shown(v: Venue) -> None:
    """Strangers ahead cancelled: one is left, and a trade of two fills one of ours."""
    name = v.place("buy", "3", "100")
    v.quote(100, 1, 101, 5)
    v.quote(100, 9, 101, 5)  # who joins later stands behind
    v.trade(100, 2, "sell")
    assert v.fills() == [(name, D(100), D(1))]


def test_inside_the_spread_nobody_stands_before_us(v: Venue) -> None:
    v.quote(100, 5, 105, 5)
    name = v.place("buy", "1", "102")
    v.trade(102, 1, "sell")
    assert v.fills() == [(name, D(102), D(1))]


def test_behind_the_touch_the_queue_is_modelled() -> None:
    """Twice the touch's five stand before an order behind it, until the touch says otherwise."""
    v = venue(queue_fraction=2.0)
    v.quote(100, 5, 101, 5)
    name = v.place("buy", "1", "99")
    v.trade(99, 9, "sell")
    assert not v.fills()
    v.trade(99, 2, "sell")
    assert v.fills() == [(name, D(99), D(1))]


def test_a_known_book_gives_the_queue_behind_the_touch(v: Venue) -> None:
    v.book([(100.0, 1.0), (99.0, 7.0), (98.0, 1.0)], [(101.0, 1.0)])
    name = v.place("buy", "1", "99")
    v.book([(99.0, 2.0)], [], snapshot=False)
    v.trade(99, 2, "sell")
    assert not v.fills()
    v.trade(99, 1, "sell")
    assert v.fills() == [(name, D(99), D(1))]


def test_an_empty_price_within_a_book_has_no_queue(v: Venue) -> None:
    v.book([(100.0, 1.0), (97.0, 7.0)], [(101.0, 1.0)])
    name = v.place("buy", "1", "98")
    v.trade(98, 1, "sell")
    assert v.fills() == [(name, D(98), D(1))]


def test_with_the_fraction_model_a_share_of_each_trade_is_ours() -> None:
    v = venue(queue_model="fraction", trade_share=0.5)
    v.quote(100, 5, 101, 5)
    name = v.place("buy", "3", "100")
    v.trade(100, 2, "sell")
    assert v.fills() == [(name, D(100), D(1))]


def test_a_quote_that_crosses_fills_what_it_shows(v: Venue) -> None:
    """Two offered at 99 would have met our buy at 100; they are gone until the quote changes."""
    name = v.place("buy", "5", "100")
    v.quote(98, 5, 99, 2)
    assert v.fills() == [(name, D(100), D(2))]
    assert v.quote(98, 4, 99, 2) == []
    v.quote(98, 4, 99, 3)
    assert v.fills() == [(name, D(100), D(3))]
    assert v.state(name) == "filled"


def test_a_book_that_crosses_fills_what_it_shows(v: Venue) -> None:
    v.book([(90.0, 1.0)], [(110.0, 1.0)])
    name = v.place("buy", "5", "100")
    v.book([], [(98.0, 1.0), (99.0, 2.0), (101.0, 9.0)], snapshot=False)
    assert v.fills() == [(name, D(100), D(1)), (name, D(100), D(2))]


def test_users_fill_by_price_then_time(v: Venue) -> None:
    v.quote(90, 1, 110, 1)
    late = v.place("buy", "1", "100", account=B)
    later = v.place("buy", "1", "100")
    best = v.place("buy", "1", "101", account=B)
    v.trade(99, 3, "sell")
    assert [fill[0] for fill in v.fills()] == [best, late, later]


def test_users_at_one_price_share_the_queue(v: Venue) -> None:
    """Five strangers, then B, then two more strangers who joined, then A."""
    first = v.place("buy", "1", "100", account=B)
    v.quote(100, 7, 101, 5)
    second = v.place("buy", "1", "100")
    v.trade(100, 6, "sell")
    assert v.fills() == [(first, D(100), D(1))]
    v.trade(100, 2, "sell")
    assert not v.fills()
    v.trade(100, 1, "sell")
    assert v.fills() == [(second, D(100), D(1))]


def test_a_taker_who_eats_the_strangers_moves_the_queue_up(v: Venue) -> None:
    maker = v.place("buy", "1", "100", account=B)
    v.place("sell", "5")
    v.trade(100, 1, "sell")
    assert v.fills() == [(maker, D(100), D(1))]


# -- bars -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def b() -> Venue:
    """Only bars, closed at 100."""
    made = venue()
    made.bar(100, 100, 100, 100)
    return made


def test_a_bar_must_go_through_the_price(b: Venue) -> None:
    name = b.place("buy", "1", "95")
    assert b.bar(100, 101, 95, 100) == []
    b.bar(100, 101, 94, 100)
    assert b.fills() == [(name, D(95), D(1))]


def test_a_bar_that_touches_fills_where_the_rules_say_so() -> None:
    b = venue(bar_touch_fills=True)
    b.bar(100, 100, 100, 100)
    name = b.place("buy", "1", "95")
    b.bar(100, 101, 95.00000000000001, 100)
    assert b.fills() == [(name, D(95), D(1))]


def test_float_noise_under_the_price_is_no_trade_through_it(b: Venue) -> None:
    b.place("buy", "1", "95")
    assert b.bar(100, 101, 94.99999999999999, 100) == []


def test_the_nearer_extreme_comes_first(b: Venue) -> None:
    """Open 100, low 97, high 110: down first, so the buy is first; the other way round the sell."""
    buy, sell = b.place("buy", "1", "98"), b.place("sell", "1", "108")
    b.bar(100, 110, 97, 100)
    assert [fill[0] for fill in b.fills()] == [buy, sell]
    buy, sell = b.place("buy", "1", "92"), b.place("sell", "1", "102")
    b.bar(100, 103, 90, 100)
    assert [fill[0] for fill in b.fills()] == [sell, buy]


def test_a_bar_that_opens_beyond_fills_at_the_limit(b: Venue) -> None:
    name = b.place("buy", "1", "95")
    b.bar(90, 96, 89, 91)
    assert b.fills() == [(name, D(95), D(1))]


def test_a_bars_volume_bounds_all_fills() -> None:
    b = venue(bar_volume_share=0.5)
    b.bar(100, 100, 100, 100)
    first, second = b.place("buy", "2", "96"), b.place("buy", "2", "95")
    b.bar(100, 100, 90, 95, volume=6)
    assert b.fills() == [(first, D(96), D(2)), (second, D(95), D(1))]


def test_a_moving_bar_without_volume_has_no_bound_and_a_flat_one_no_trade(b: Venue) -> None:
    name = b.place("buy", "2", "95")
    assert b.bar(90, 90, 90, 90, volume=0) == []
    b.bar(90, 91, 90, 90, volume=0)
    assert b.fills() == [(name, D(95), D(2))]


def test_bars_do_not_match_where_quotes_are_known(v: Venue) -> None:
    v.place("buy", "1", "95")
    assert v.bar(100, 100, 80, 100) == []


@pytest.mark.parametrize("price", [float("nan"), float("inf"), -1.0, 0.0])
def test_news_that_cannot_be_is_not_heard(v: Venue, price: float) -> None:
    name = v.place("buy", "1", "95")
    v.quote(price, 1, price, 1)
    v.trade(price, 1, "sell")
    v.bar(price, price, price, price)
    assert v.state(name) == "open"
    assert v.engine.open_orders(A)


def test_a_crossed_quote_is_not_heard(v: Venue) -> None:
    name = v.place("buy", "1", "95")
    v.quote(96, 1, 94, 1)
    assert v.state(name) == "open"


def test_strangers_symbols_are_not_heard(v: Venue) -> None:
    assert v.quote(1, 1, 2, 1, symbol="DOGE/USDT") == []
    assert v.trade(1, 1, "buy", symbol="DOGE/USDT") == []
