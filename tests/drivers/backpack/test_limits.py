"""The limits never let more through in one of the venue's minutes than four fifths of what it publishes."""

import pytest

from ctosd.core.bucket import BucketSet
from drivers.backpack.limits import HISTORY, LIMITS, MINUTE_NS, PUBLIC, REST, cost, penalty_until_ns

PUBLISHED = {REST: 2_000, HISTORY: 30}


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_fixed_minutes_hold(limit) -> None:
    """A full bucket and a minute of refill together stay within the venue's count, wherever its minute begins."""
    assert limit.capacity + limit.rate * 60 <= PUBLISHED[limit.name] * 0.8
    buckets, sent = BucketSet(LIMITS, 0), []
    for ns in range(0, 3 * MINUTE_NS, 20_000_000):
        while buckets.take(((limit.name, 1.0),), ns, True):
            sent.append(ns)
    for start in range(0, 2 * MINUTE_NS, 500_000_000):
        assert sum(start <= ns < start + MINUTE_NS for ns in sent) <= PUBLISHED[limit.name] * 0.8


def test_cancels_have_a_reserve() -> None:
    """When places have used up theirs, cancels still leave."""
    buckets = BucketSet(LIMITS, 0)
    while buckets.take(cost("backpack/main"), 0):
        pass
    assert buckets.take(cost("backpack/main"), 0, True)
    assert buckets.take(cost("backpack/other"), 0)  # each subaccount has its own
    assert cost(PUBLIC, history=True) == (("bp.rest@public", 1.0), ("bp.hist@public", 1.0))


def test_penalty_lasts_to_the_next_minute() -> None:
    """With jitter after it, and longer when the venue asks for longer."""
    now_ns = 7 * MINUTE_NS + 59_999_123_456
    until_ns = penalty_until_ns(now_ns, "")
    assert 8 * MINUTE_NS <= until_ns < 8 * MINUTE_NS + 2_000_000_000
    assert penalty_until_ns(now_ns, "300") == now_ns + 300 * 10**9
    assert penalty_until_ns(now_ns, "soon") == until_ns
    assert len({penalty_until_ns(now_ns + us * 1_000, "") for us in range(50)}) > 40
