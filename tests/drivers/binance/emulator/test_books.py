"""Books with ids: a snapshot and the differences after it are the book."""

import itertools
from random import Random
from typing import Any

import pytest

from drivers.binance.emulator.books import BookFeed, Books, Difference, Snapshot
from tests.drivers.binance.emulator.rig import BTC, Rig


def feed(product: str = "futures") -> tuple[BookFeed, Rig]:
    rig = Rig()
    branch = getattr(rig.emulator, product)
    return branch.books.of(branch.markets.find(BTC)), rig


def followed(it: BookFeed, rig: Rig, count: int) -> list[Difference]:
    found = []
    for _ in range(count):
        rig.run(0.1)
        difference = it.difference("x")
        if difference is not None:
            found.append(difference)
    return found


def applied(snapshot: Snapshot, differences: list[Difference]) -> tuple[dict[float, float], dict[float, float]]:
    sides = dict(snapshot.bids), dict(snapshot.asks)
    for each in differences:
        for side, changes in zip(sides, (each.bids, each.asks), strict=True):
            for price, size in changes:
                side.pop(price, None)
                if size:
                    side[price] = size
    return sides


@pytest.mark.parametrize("product", ["futures", "spot"])
def test_differences_lead_from_one_snapshot_to_the_next(product: str) -> None:
    it, rig = feed(product)
    it.follow("x")
    rig.run(0.1)
    it.difference("x")
    rig.run(0.35)
    first = it.snapshot(1000)
    found = followed(it, rig, 40)
    last = it.snapshot(1000)
    # The rules of the two products for the first difference that is used differ by one.
    next_id = first.last_id + (1 if product == "spot" else 0)
    usable = [each for each in found if each.last_id >= next_id]
    assert usable[0].first_id <= next_id <= usable[0].last_id
    assert applied(first, usable) == (dict(last.bids), dict(last.asks))
    assert usable[-1].last_id == last.last_id


def test_ids_of_futures_jump_and_are_tied_by_the_one_before() -> None:
    it, rig = feed("futures")
    it.follow("x")
    found = followed(it, rig, 30)
    pairs = list(itertools.pairwise(found))
    assert len(pairs) > 15
    assert all(after.prev_id == before.last_id < after.first_id <= after.last_id for before, after in pairs)
    assert any(after.first_id > before.last_id + 1 for before, after in pairs)


def test_ids_of_spot_have_no_holes() -> None:
    it, rig = feed("spot")
    it.follow("x")
    found = followed(it, rig, 30)
    assert all(after.first_id == before.last_id + 1 for before, after in itertools.pairwise(found))


def test_a_snapshot_between_two_differences_lies_in_the_second() -> None:
    it, rig = feed("futures")
    it.follow("x")
    for _ in range(20):
        rig.run(0.1)
        before = it.difference("x")
        rig.run(0.05)
        between = it.snapshot(5)
        rig.run(0.1)
        after = it.difference("x")
        if before is None or after is None or between.last_id == before.last_id:
            continue
        assert after.first_id <= between.last_id <= after.last_id


def test_a_touch_has_the_id_of_the_book_that_has_it() -> None:
    """A top that was told is the top of the book with the same id."""
    rig = Rig()
    socket = rig.socket("/public/ws")
    socket.subscribe("btcusdt@bookTicker", "btcusdt@depth@100ms")
    tops: dict[int, Any] = {}
    shown = rig.open("/fapi/v1/depth", symbol=BTC, limit=1000)
    compared = 0
    socket.clear()
    for _ in range(50):
        rig.run(0.05)
        tops |= {each["u"]: each for each in socket.events("bookTicker")}
        shown = rig.open("/fapi/v1/depth", symbol=BTC, limit=5)
        top = tops.get(shown["lastUpdateId"])
        if top is not None:
            compared += 1
            assert [top["b"], top["B"]] == shown["bids"][0]
            assert [top["a"], top["A"]] == shown["asks"][0]
        rig.clock.run(0.02)
    assert compared > 5


def test_a_stale_snapshot_is_older_than_what_was_told() -> None:
    it, rig = feed()
    it.snapshot(5)
    rig.run(10)
    fresh, stale = it.snapshot(5), it.snapshot(5, stale=True)
    assert stale.last_id < fresh.last_id
    assert stale.time_ns < fresh.time_ns


def test_a_book_that_nothing_stirred_keeps_its_id() -> None:
    it, _ = feed()
    assert it.snapshot(10).last_id == it.snapshot(10).last_id
    it.follow("x")
    assert it.difference("x") is None
    it.leave("x")
    assert it.channels == {}


def test_feeds_are_made_once() -> None:
    rig = Rig()
    books = Books(rig.emulator.stage, Random(1))
    market = rig.emulator.spot.markets.find(BTC)
    assert books.of(market) is books.of(market)
