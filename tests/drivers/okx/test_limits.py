"""The bucket table: never more than the venue allows, in whatever window, and cancels go first."""

import pytest

from ctosd.core.bucket import Bucket, BucketSet
from drivers.okx.limits import SHARE, TABLE, limits, scope

SECOND = 1_000_000_000


@pytest.mark.parametrize("limit", limits(), ids=lambda limit: limit.name)
def test_no_window_of_the_venue_can_be_passed(limit) -> None:
    """Whole calls in any window: at most the published count, and 80 % of it where it is more than a few."""
    count, window_s = TABLE[limit.name]
    most = int(limit.capacity + limit.rate * window_s + 1e-9)
    assert most <= count
    if count >= 10:
        assert limit.capacity + limit.rate * window_s <= count * SHARE + 1e-9
    assert limit.reserve < limit.capacity


@pytest.mark.parametrize("limit", limits(), ids=lambda limit: limit.name)
def test_a_greedy_caller_stays_below_in_every_window(limit) -> None:
    count, window_s = TABLE[limit.name]
    bucket = Bucket(limit.capacity, limit.rate, limit.reserve)
    taken: list[int] = []
    step = int(window_s * SECOND / 97)
    for now in range(0, int(6 * window_s * SECOND), step):
        while bucket.take(1, now, urgent=True):
            taken.append(now)
    for start in taken:
        assert sum(start <= each < start + window_s * SECOND for each in taken) <= count


def test_scopes_are_counted_apart() -> None:
    """One account's bucket for one instrument is its own."""
    buckets = BucketSet(limits(), 0)
    first = scope("trd.place", "okx/main", "BTC-USDT-SWAP")
    assert first == "trd.place@okx/main:BTC-USDT-SWAP"
    while buckets.take(((first, 1.0),), 0):
        pass
    assert buckets.take(((scope("trd.place", "okx/main", "ETH-USDT-SWAP"), 1.0),), 0)
    assert buckets.take(((scope("trd.place", "okx/other", "BTC-USDT-SWAP"), 1.0),), 0)
    assert buckets.take(((first, 1.0),), 0, urgent=True), "exits have a reserve"
