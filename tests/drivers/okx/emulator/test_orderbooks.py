"""Books: states, differences, numbers."""

import pytest

from drivers.okx.emulator.orderbooks import OrderBook
from tests.drivers.okx.emulator.venue import SWAP, Venue


@pytest.fixture
def venue():
    found = Venue()
    found.clock.run(1)
    return found


@pytest.fixture
def book(venue):
    emulator = venue.emulator
    return OrderBook(emulator._listing.named(SWAP), emulator._stage, venue.clock.now_ns)


def apply(levels, changes):
    for price, size, *_ in changes:
        if size == "0":
            levels.pop(price, None)
        else:
            levels[price] = size


def test_updates_lead_from_one_state_to_the_next(venue, book):
    book.ready()
    first = book.snapshot()
    assert (first["prevSeqId"], first["checksum"]) == (-1, 0)
    bids, asks = ({row[0]: row[1] for row in first[side]} for side in ("bids", "asks"))
    last = first["seqId"]
    for _ in range(50):
        venue.clock.run(0.1)
        update = book.refresh()
        if update is not None:
            assert update["prevSeqId"] == last < update["seqId"]
            last = update["seqId"]
            apply(bids, update["bids"])
            apply(asks, update["asks"])
    now = book.snapshot()
    assert bids == {row[0]: row[1] for row in now["bids"]}
    assert asks == {row[0]: row[1] for row in now["asks"]}
    assert max(map(float, bids)) < min(map(float, asks))


def test_best_levels_come_first(book):
    book.ready()
    row = book.rest(400, numbered=True)
    assert [float(each[0]) for each in row["bids"]] == sorted((float(each[0]) for each in row["bids"]), reverse=True)
    assert [float(each[0]) for each in row["asks"]] == sorted(float(each[0]) for each in row["asks"])
    assert all(each[2] == "0" and int(each[3]) > 0 for each in row["bids"])
    assert len(book.top(5)["asks"]) == 5
    assert "seqId" not in book.rest(1, numbered=False)


def test_a_keepalive_says_the_same_number_twice(book):
    book.ready()
    row = book.keepalive()
    assert row["seqId"] == row["prevSeqId"] == book.sequence
    assert row["bids"] == row["asks"] == []


def test_a_stale_snapshot_is_the_state_before(venue, book):
    book.ready()
    before = book.sequence
    venue.clock.run(3)
    book.cached()
    assert book.snapshot()["seqId"] > before
    assert book.snapshot(stale=True)["seqId"] == before
    assert book.rest(1, numbered=True, stale=True)["seqId"] == before


def test_a_cached_state_is_fifty_milliseconds_old_at_most(venue, book):
    book.ready()
    at = book.time_ns
    venue.clock.run(0.04)
    book.cached()
    assert book.time_ns == at
    venue.clock.run(0.02)
    book.cached()
    assert book.time_ns > at
