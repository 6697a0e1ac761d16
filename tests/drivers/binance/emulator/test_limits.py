"""Rate limits: fixed windows, pools, and bans."""

import pytest

from drivers.binance.emulator.limits import Limits, Window
from drivers.binance.emulator.products import FUTURES, SPOT
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.venuetime import VenueTime
from tests.drivers.paper.clockwork import SECOND, HeapClock

START = 1_795_341_600 * SECOND  # a full minute


def limits(product: object = FUTURES) -> tuple[Limits, HeapClock]:
    clock = HeapClock(START)
    return Limits(product, VenueTime(clock)), clock  # type: ignore[arg-type]


def test_windows_are_aligned_to_the_clock_and_do_not_slide() -> None:
    window = Window(2, 1_000)
    assert window.add("a", 2, 1_900)
    assert not window.add("a", 1, 1_999)
    assert window.add("a", 2, 2_000), "the next second begins at once"
    assert window.add("b", 2, 2_000), "another key counts apart"
    assert window.statistics(2_000) == {"used": 2, "allowed": 2, "peak": 3, "refused": 1}
    assert window.left_ms(2_250) == 750


def refused(it: Limits, weight: int = 1, remote: str = "a") -> Refusal:
    with pytest.raises(Refusal) as caught:
        it.admit(remote, weight)
    return caught.value


def test_too_much_weight_is_429_until_the_minute_ends() -> None:
    it, clock = limits()
    it.admit("a", 2400)
    clock.run(10)
    found = refused(it)
    assert (found.status, found.code) == (429, -1003)
    assert found.headers == (("Retry-After", "50"),)
    assert found.data["retryAfter"] == found.data["serverTime"] + 50_000
    it.admit("b", 1)
    clock.run(50)
    it.admit("a", 1)


def test_orders_without_weight_are_held_too() -> None:
    it, _ = limits()
    it.admit("a", 2400)
    it.admit("a", 0)
    refused(it, 1)
    assert refused(it, 0).status == 429


def test_going_on_is_answered_with_a_ban_that_grows() -> None:
    it, clock = limits()
    it.admit("a", 2400)
    assert [refused(it).status for _ in range(6)] == [429] * 5 + [418]
    clock.run(100)
    banned = refused(it)
    assert (banned.status, banned.headers) == (418, (("Retry-After", "20"),))
    clock.run(20)
    it.admit("a", 2400)
    assert [refused(it).status for _ in range(6)][-1] == 418
    assert refused(it).headers == (("Retry-After", "240"),)
    assert it.banned == 2


def test_order_pools_are_of_the_account() -> None:
    it, clock = limits()
    for _ in range(300):
        it.order("main", {"10S": 1, "1M": 1})
    with pytest.raises(Refusal) as caught:
        it.order("main", {"10S": 1, "1M": 1})
    assert (caught.value.code, caught.value.status) == (-1015, 429)
    it.order("second", {"10S": 5, "1M": 1})
    assert dict(it.headers("a", "second"))["x-mbx-order-count-10s"] == "5"
    clock.run(10)
    it.order("main", {"10S": 1, "1M": 1})
    assert it.statistics()["futures.orders.10s"] == {"used": 1, "allowed": 300, "peak": 301, "refused": 1}


def test_a_first_fill_gives_a_spot_order_back() -> None:
    it, _ = limits(SPOT)
    it.order("main", {"10S": 1, "1D": 1})
    it.give_back("main")
    it.give_back("main")
    assert [each["count"] for each in it.orders("main")] == [0, 0]
    assert it.statistics()["spot.orders.1d"]["peak"] == 1


def test_funding_has_a_pool_of_its_own() -> None:
    it, _ = limits()
    for _ in range(500):
        it.admit("a", 0, funding=True)
    with pytest.raises(Refusal):
        it.admit("a", 0, funding=True)
    it.admit("a", 1)


def test_sockets_are_counted_by_address_and_their_messages_by_connection() -> None:
    it, clock = limits(SPOT)
    assert all(it.connect("a") for _ in range(300))
    assert not it.connect("a")
    assert [it.hear("c1") for _ in range(6)] == [True] * 5 + [False]
    assert it.hear("c2")
    clock.run(1)
    assert it.hear("c1")


def test_what_is_declared_is_what_is_counted() -> None:
    it, _ = limits(SPOT)
    kinds = [(each["rateLimitType"], each["interval"], each["intervalNum"]) for each in it.declared()]
    assert kinds == [
        ("REQUEST_WEIGHT", "MINUTE", 1),
        ("ORDERS", "SECOND", 10),
        ("ORDERS", "DAY", 1),
        ("RAW_REQUESTS", "MINUTE", 5),
    ]
    it.admit("a", 20)
    it.charge("a", 1)
    usage = it.usage("a", "main")
    assert [each["count"] for each in usage] == [0, 0, 21]
    assert dict(it.headers("a", None)) == {"x-mbx-used-weight": "21", "x-mbx-used-weight-1m": "21"}


def test_a_fault_demands_a_refusal() -> None:
    it, _ = limits()
    assert (it.demand(418).status, it.demand(429).headers[0][0]) == (418, "Retry-After")
