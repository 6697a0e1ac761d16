"""The order desk: what it refuses and why, amends in place, cancels."""

from decimal import Decimal as D

from ctosd.abi import REASONS, OrderUpdate
from tests.drivers.paper.matching.exchange import PERP, SPOT, A, B, Venue, venue


def test_an_accepted_order_has_a_venue_id_and_the_venues_time(v: Venue) -> None:
    name = v.place("buy", "1", "90")
    order = v.order(name)
    assert (order.venue_id, order.state, order.time_ns) == ("paper-o1", "open", v.now)
    assert v.engine.order(A, "", venue_id="paper-o1") == order


def test_an_order_that_comes_too_late_is_refused(v: Venue) -> None:
    v.place("buy", "1", "90", expires_ns=v.now)
    assert v.reason == "timestamp"
    v.place("buy", "1", "90", expires_ns=v.now + 1)
    assert v.accepted


def test_a_client_id_is_used_once_even_when_its_order_is_over(v: Venue) -> None:
    v.place("buy", "1", "90", client_id="same")
    v.place("buy", "1", "90", client_id="same")
    assert v.reason == "duplicate_client_id"
    v.cancel("same")
    v.place("buy", "1", "90", client_id="same")
    assert v.reason == "duplicate_client_id"
    v.place("buy", "1", "90", client_id="same", account=B)
    assert v.accepted


def test_unknown_symbols_and_accounts_are_refused(v: Venue) -> None:
    v.place("buy", "1", "90", symbol="DOGE/USDT")
    assert v.reason == "bad_symbol"
    v.place("buy", "1", "90", account="paper/nobody")
    assert v.reason == "permission"


def test_words_that_do_not_go_together_are_refused(v: Venue) -> None:
    for more in ({"post_only": True}, {"post_only": True, "tif": "ioc", "price": "90"}):
        v.place("buy", "1", **more)
        assert v.reason == "bad_request"


def test_open_orders_are_counted_by_account_and_symbol() -> None:
    v = venue(max_open_orders=2)
    v.quote(100, 5, 101, 5)
    v.place("buy", "1", "90")
    last = v.place("buy", "1", "91")
    v.place("buy", "1", "92")
    assert (v.reason, v.message) == (
        "order_count_limit",
        f"Reach max open order limit: 2 open orders in {PERP}",
    )
    v.place("buy", "1", "92", account=B)
    assert v.accepted
    v.cancel(last)
    v.place("buy", "1", "92")
    assert v.accepted


def test_a_refused_order_leaves_no_trace(v: Venue) -> None:
    before = (v.cash(), v.available())
    name = v.place("buy", "99999", "101")
    assert v.reason in REASONS
    assert v.engine.order(A, name) is None
    assert (v.cash(), v.available()) == before
    assert not v.events


# -- reduce-only ------------------------------------------------------------------------------------------------------------


def test_reduce_only_needs_something_to_reduce(v: Venue) -> None:
    v.place("sell", "1", reduce_only=True)
    assert v.reason == "reduce_only"
    v.place("buy", "1")
    v.place("buy", "1", reduce_only=True)
    assert v.reason == "reduce_only"
    v.place("buy", "1", symbol=SPOT, reduce_only=True)
    assert v.reason == "unsupported"


def test_reduce_only_is_cut_to_the_position(v: Venue) -> None:
    v.place("buy", "2")
    name = v.place("sell", "5", reduce_only=True)
    assert v.order(name).size == 2
    assert v.size() == 0


def test_resting_reduce_only_orders_shrink_and_go_with_the_position(v: Venue) -> None:
    v.place("buy", "3")
    take, other = v.place("sell", "3", "105", reduce_only=True), v.place("sell", "2", "106", reduce_only=True)
    v.place("sell", "2")
    assert (v.order(take).size, v.order(other).size) == (1, 1)
    assert v.state(take) == "open"
    v.place("sell", "1")
    for name in (take, other):
        assert (v.state(name), v.order(name).reason) == ("cancelled", "reduce_only")


def test_a_reduce_only_maker_never_opens_a_position(v: Venue) -> None:
    """Two reduce-only asks of 2 against a long of 2: the second goes when the first filled."""
    v.place("buy", "2")
    v.quote(90, 1, 120, 9)
    one, two = v.place("sell", "2", "105", reduce_only=True), v.place("sell", "2", "106", reduce_only=True)
    taker = v.place("buy", "4", "106", account=B)
    assert [fill for fill in v.fills() if fill[0] != taker] == [(one, D(105), D(2))]
    assert v.state(two) == "cancelled"
    assert v.size() == 0
    assert v.order(taker, B).filled == 2


# -- amend --------------------------------------------------------------------------------------------------------------------


def test_a_smaller_size_keeps_the_place_in_the_queue(v: Venue) -> None:
    name = v.place("buy", "3", "100")
    v.quote(100, 50, 101, 5)
    v.amend(name, size="2")
    assert v.accepted
    v.trade(100, 7, "sell")
    assert v.fills() == [(name, D(100), D(2))]
    assert v.state(name) == "filled"


def test_a_larger_size_and_a_new_price_go_to_the_end(v: Venue) -> None:
    v.quote(90, 1, 110, 1)
    first, second = v.place("buy", "1", "100"), v.place("buy", "1", "100", account=B)
    v.amend(first, size="2")
    v.trade(100, 2, "sell")
    assert [fill[0] for fill in v.fills()] == [second, first]


def test_an_amend_is_told_with_the_new_terms_and_the_same_ids(v: Venue) -> None:
    name = v.place("buy", "1", "90")
    venue_id = v.order(name).venue_id
    told = [event for event in v.amend(name, price="91", size="2") if isinstance(event, OrderUpdate)]
    assert [(event.price, event.size, event.state, event.venue_id) for event in told] == [
        (D(91), D(2), "open", venue_id)
    ]


def test_an_amend_that_crosses_takes(v: Venue) -> None:
    name = v.place("buy", "1", "90")
    v.amend(name, price="101")
    assert v.fills() == [(name, D(101), D(1))]


def test_an_amend_that_crosses_is_refused_when_post_only_and_the_order_stays(v: Venue) -> None:
    name = v.place("buy", "1", "90", post_only=True)
    other = v.place("buy", "1", "91")
    held = v.available()
    v.amend(name, price="101")
    assert v.reason == "post_only"
    assert (v.state(name), v.order(name).price) == ("open", D(90))
    assert v.available() == held
    assert [order.client_id for order in v.engine.open_orders(A)] == [name, other]


def test_an_amend_to_no_more_than_what_filled_cancels(v: Venue) -> None:
    """As Binance does it: the new size is below what was executed."""
    name = v.place("buy", "12", "102")
    v.amend(name, size="10")
    assert v.accepted
    assert (v.state(name), v.order(name).reason, v.order(name).filled) == ("cancelled", "amend_reject", D(10))


def test_an_amend_is_checked_like_an_order(v: Venue) -> None:
    name = v.place("buy", "1", "90")
    for price, size, reason in (
        ("90.5", None, "filter"),
        ("200", None, "price_band"),
        (None, "0.05", "filter"),
        ("100", "9999.9", "insufficient_funds"),
    ):
        v.amend(name, price=price, size=size)
        assert v.reason == reason
    assert (v.order(name).price, v.order(name).size) == (D(90), D(1))
    v.amend("nobody", price="91")
    assert v.reason == "order_not_found"


# -- cancel -------------------------------------------------------------------------------------------------------------------


def test_a_cancel_ends_an_order_and_tells(v: Venue) -> None:
    name = v.place("buy", "1", "90")
    told = v.cancel(name)
    assert v.accepted
    assert [event.state for event in told if isinstance(event, OrderUpdate)] == ["cancelled"]
    assert v.available() == 100_000


def test_a_second_cancel_says_how_the_order_ended(v: Venue) -> None:
    name = v.place("buy", "1")
    v.cancel(name)
    assert v.reason == "order_not_found"
    assert "filled" in v.message
    v.cancel("nobody")
    assert v.reason == "order_not_found"


def test_cancel_all_takes_one_symbol_or_everything(v: Venue) -> None:
    v.place("buy", "1", "90")
    v.place("buy", "1", "90", symbol=SPOT)
    v.place("buy", "1", "90", account=B)
    v.engine.cancel_all(A, SPOT, v.now)
    assert [order.symbol for order in v.engine.open_orders(A)] == [PERP]
    v.engine.cancel_all(A, "", v.now)
    assert not v.engine.open_orders(A)
    assert v.engine.open_orders(B)
