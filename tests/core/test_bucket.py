"""Token buckets: the window law, exactly, whatever is called when."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ctosd.abi import Limit, Misconfigured
from ctosd.core.bucket import Bucket, BucketSet

SECOND = 1_000_000_000
TOKENS = st.sampled_from([0.0, 0.1, 0.3, 1.0, 2.0, 5.0, 7.7])
STEPS = st.one_of(st.integers(0, 20), st.integers(0, 3 * SECOND))


def written(value: float) -> Fraction:
    """The number that a person wrote, as `0.1` is a tenth."""
    return Fraction(Decimal(repr(value)))


class Window(RuleBasedStateMachine):
    """Any schedule of takes, corrections, penalties and returns, against the law itself."""

    @initialize(
        capacity=st.sampled_from([8.0, 10.0, 33.3]),
        rate=st.sampled_from([0.1, 0.3, 1.0, 12.5]),
        reserve=st.sampled_from([0.0, 0.1, 0.25]),
    )
    def begin(self, capacity: float, rate: float, reserve: float) -> None:
        self.capacity, self.rate, self.reserve = capacity, rate, reserve
        self.bucket = Bucket(capacity, rate, reserve, 0)
        self.now_ns = self.seen_ns = self.blocked_ns = 0
        self.taken: list[tuple[int, Fraction, bool]] = []

    @rule(ns=STEPS)
    def time_passes(self, ns: int) -> None:
        self.now_ns += ns

    @rule(ns=st.integers(0, SECOND))
    def the_clock_is_set_back(self, ns: int) -> None:
        self.now_ns = max(0, self.now_ns - ns)

    @rule(tokens=TOKENS, urgent=st.booleans())
    def take(self, tokens: float, urgent: bool) -> None:
        wait_ns = self.bucket.wait_ns(tokens, self.now_ns, urgent)
        before = self.bucket.tokens(self.now_ns)
        took = self.bucket.take(tokens, self.now_ns, urgent)
        self.seen_ns = max(self.seen_ns, self.now_ns)
        assert took is (wait_ns == 0)
        if not took:
            assert self.bucket.tokens(self.now_ns) == before
            return
        assert self.now_ns >= self.blocked_ns
        self.taken.append((self.seen_ns, written(tokens), urgent))

    @rule(tokens=TOKENS, urgent=st.booleans())
    def wait_and_take(self, tokens: float, urgent: bool) -> None:
        """The wait that was told is enough, and one nanosecond less is not."""
        wait_ns = self.bucket.wait_ns(tokens, self.now_ns, urgent)
        if wait_ns:
            assert not self.bucket.take(tokens, self.now_ns + wait_ns - 1, urgent)
        self.now_ns += wait_ns
        assert self.bucket.take(tokens, self.now_ns, urgent)
        self.seen_ns = max(self.seen_ns, self.now_ns)
        self.taken.append((self.seen_ns, written(tokens), urgent))

    @rule(used=st.floats(-5, 100), allowed=st.sampled_from([0.0, 5.0, 50.0]))
    def the_venue_counts(self, used: float, allowed: float) -> None:
        before = self.bucket.tokens(self.now_ns)
        self.bucket.sync_used(used, self.now_ns, allowed)
        self.seen_ns = max(self.seen_ns, self.now_ns)
        after = self.bucket.tokens(self.now_ns)
        assert 0 <= after <= before
        assert after <= max(0, (allowed or self.capacity) - used) + 1e-6

    @rule(ns=st.integers(-SECOND, SECOND))
    def the_venue_is_angry(self, ns: int) -> None:
        self.bucket.penalise(self.now_ns + ns)
        self.blocked_ns = max(self.blocked_ns, self.now_ns + ns)

    @invariant()
    def the_law_holds_in_every_window(self) -> None:
        """Taken in [t, t + w] <= capacity + rate x w, for all windows that begin and end with a take."""
        taken = getattr(self, "taken", [])[-40:]
        capacity, rate, reserve = (written(x) for x in (self.capacity, self.rate, self.reserve)) if taken else (0, 0, 0)
        for start in range(len(taken)):
            total, others = Fraction(0), Fraction(0)
            for at, tokens, urgent in taken[start:]:
                total += tokens
                others += 0 if urgent else tokens
                refill = rate * Fraction(at - taken[start][0], SECOND)
                assert total <= capacity + refill
                if not urgent:
                    assert others <= capacity - reserve + refill


Window.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestWindow = Window.TestCase


def test_the_reserve_is_for_urgent_takers_only() -> None:
    """Entries stop at the reserve, cancels go on to the last token."""
    bucket = Bucket(10, 1, 3, 0)
    assert bucket.take(7, 0)
    assert not bucket.take(1, 0)
    assert bucket.wait_ns(1, 0) == SECOND
    assert all(bucket.take(1, 0, urgent=True) for _ in range(3))
    assert not bucket.take(1, 0, urgent=True)
    assert bucket.wait_ns(1, 0, urgent=True) == SECOND
    assert bucket.wait_ns(1, 0) == 4 * SECOND


def test_a_penalty_blocks_everybody_and_loses_nothing() -> None:
    """Urgent or not, nothing leaves before the time; then the bucket is as full as it would have been."""
    bucket = Bucket(10, 1, 2, 0)
    bucket.take(8, 0)
    bucket.penalise(5 * SECOND)
    bucket.penalise(3 * SECOND)
    assert not bucket.take(1, 4 * SECOND, urgent=True)
    assert bucket.wait_ns(1, 4 * SECOND, urgent=True) == SECOND
    assert bucket.tokens(5 * SECOND) == 7
    assert bucket.take(5, 5 * SECOND)


def test_the_venues_counter_makes_us_careful_and_time_heals() -> None:
    """A high counter empties the bucket, a low or a late one changes nothing, the refill brings it back."""
    bucket = Bucket(100, 10, 0, 0)
    bucket.sync_used(95, 0)
    assert bucket.tokens(0) == 5
    bucket.sync_used(10, 0)
    assert bucket.tokens(0) == 5
    bucket.sync_used(1e6, 0)
    assert bucket.tokens(0) == 0
    assert bucket.tokens(10 * SECOND) == 100
    bucket.sync_used(10, 10 * SECOND, allowed=50)
    assert bucket.tokens(10 * SECOND) == 40
    assert bucket.statistics()["corrections"] == 3


def test_a_cost_that_can_never_be_paid_names_limit_and_remedy() -> None:
    """Waiting for ever would lose the order in silence."""
    bucket = Bucket(10, 1, 3, 0, name="orders")
    for ask in (bucket.take, bucket.wait_ns):
        with pytest.raises(Misconfigured, match=r"8 tokens of limit 'orders', which holds 10 with 3 in reserve"):
            ask(8, 0)
    assert bucket.take(8, 0, urgent=True)


@pytest.mark.parametrize(
    "figures", [(0, 1, 0), (1, 0, 0), (1, 1, 1), (1, 1, -1), (float("nan"), 1, 0), (1, float("inf"), 0)]
)
def test_limits_that_make_no_sense_are_refused(figures: tuple[float, float, float]) -> None:
    """A bucket that can never give is a mistake of its table."""
    with pytest.raises(Misconfigured, match="capacity"):
        Bucket(*figures, 0)


@pytest.mark.parametrize("tokens", [-1.0, float("nan"), float("inf")])
def test_costs_that_are_no_costs_are_refused(tokens: float) -> None:
    """A negative cost would fill the bucket."""
    with pytest.raises(Misconfigured, match="0 or more"):
        Bucket(10, 1, 0, 0).take(tokens, 0)


def levels(buckets: BucketSet, now_ns: int = 0) -> dict[str, float]:
    return {name: buckets.bucket(name, now_ns).tokens(now_ns) for name in ("weight", "orders")}


@given(
    costs=st.lists(st.tuples(st.sampled_from(["weight", "orders"]), st.sampled_from([1.0, 2.0, 4.0])), max_size=4),
    urgent=st.booleans(),
)
def test_a_set_takes_all_or_nothing(costs: list[tuple[str, float]], urgent: bool) -> None:
    """The wait is the longest of all, and a refusal leaves every bucket as it was, even when a limit is named twice."""
    buckets = BucketSet([Limit("weight", 17, 5, 1), Limit("orders", 18, 1, 2)], 0)
    buckets.take([("weight", 10.0), ("orders", 8.0)], 0)
    before = levels(buckets)
    try:
        wait_ns = buckets.wait_ns(costs, 0, urgent)
    except Misconfigured:
        wait_ns = -1
    took = False if wait_ns < 0 else buckets.take(costs, 0, urgent)
    if took:
        assert wait_ns == 0
        for name, tokens in before.items():
            assert levels(buckets)[name] == tokens - sum(cost for limit, cost in costs if limit == name)
    else:
        assert wait_ns != 0
        assert levels(buckets) == before
        if wait_ns > 0:
            assert buckets.take(costs, wait_ns, urgent)


def test_an_unknown_limit_takes_nothing_and_tells_the_known_ones() -> None:
    """What the others gave already is given back."""
    buckets = BucketSet([Limit("orders", 10, 1)], 0)
    with pytest.raises(Misconfigured, match="known: orders"):
        buckets.take([("orders", 3.0), ("order", 1.0)], 0)
    assert buckets.bucket("orders", 0).tokens(0) == 10


def test_scopes_of_a_limit_are_counted_apart_and_punished_together() -> None:
    """`orders@BTC` and `orders@ETH` are two buckets of one limit; a ban of the venue holds both, and a third one."""
    buckets = BucketSet([Limit("orders", 2, 1)], 0)
    assert buckets.take([("orders@BTC", 2.0)], 0)
    assert not buckets.take([("orders@BTC", 1.0)], 0)
    assert buckets.take([("orders@ETH", 2.0)], 0)
    buckets.penalise(9 * SECOND)
    for scope in ("BTC", "ETH", "SOL"):
        assert not buckets.take([(f"orders@{scope}", 1.0)], 8 * SECOND, urgent=True)
        assert buckets.take([(f"orders@{scope}", 1.0)], 9 * SECOND)
    assert set(buckets.statistics()) == {"orders", "orders@BTC", "orders@ETH", "orders@SOL"}


def test_one_limit_can_be_punished_and_corrected_alone() -> None:
    """The others go on."""
    buckets = BucketSet([Limit("a", 5, 1), Limit("b", 5, 1)], 0)
    buckets.penalise(SECOND, "a")
    buckets.sync_used("b", 4, 0)
    assert not buckets.take([("a", 1.0)], 0)
    assert buckets.take([("b", 1.0)], 0)
    assert not buckets.take([("b", 1.0)], 0)
