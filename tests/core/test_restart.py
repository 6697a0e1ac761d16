"""Restart policy: how long to wait, and when to give up."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ctosd.core.restart import Intensity, RestartPolicy, next_delay, next_failures, wants_restart

SECOND = 1_000_000_000


def test_the_delay_doubles_up_to_the_cap() -> None:
    """1, 2, 4 ... seconds, then the cap for ever, however many failures."""
    policy = RestartPolicy()
    assert [next_delay(policy, n, 0.0) for n in range(9)] == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert next_delay(policy, 10**9, 0.0) == 60


@given(
    failures=st.integers(0, 10**6),
    unit=st.floats(0, 1, exclude_max=True),
    cap=st.floats(0, 1e4),
    first=st.floats(0, 1e4),
)
def test_the_delay_is_bounded_and_never_shrinks(failures: int, unit: float, cap: float, first: float) -> None:
    """Jitter adds at most its share, one more failure never shortens the wait."""
    policy = RestartPolicy(backoff_s=first, cap_s=cap, jitter=0.1)
    delay = next_delay(policy, failures, unit)
    assert 0 <= delay <= cap * 1.1
    assert next_delay(policy, failures, 0.0) <= delay
    assert next_delay(policy, failures + 1, unit) >= delay


def test_a_good_run_forgets_the_failures_before_it() -> None:
    """A run of `reset_after_s` starts the row of failures again."""
    policy = RestartPolicy(reset_after_s=60)
    assert next_failures(policy, 4, ran_s=59.9) == 5
    assert next_failures(policy, 4, ran_s=60.0) == 1


@pytest.mark.parametrize(
    ("policy", "failed", "expected"),
    [("on-failure", True, True), ("on-failure", False, False), ("always", False, True), ("never", True, False)],
)
def test_the_policy_says_which_ends_are_restarted(policy: str, failed: bool, expected: bool) -> None:
    """An end of its own will is restarted by "always" only, a failure never by "never"."""
    assert wants_restart(RestartPolicy(policy=policy), failed) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"factor": 0.5}, {"max_restarts": -1}, {"within_s": 0.0}, {"cap_s": float("nan")}, {"policy": "no"}]
)
def test_figures_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    """The message names the key."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RestartPolicy(**wrong)  # type: ignore[arg-type]


def test_the_sixth_failure_within_the_window_parks() -> None:
    """Five restarts in 300 s are tolerated; the window slides."""
    intensity = Intensity(RestartPolicy(max_restarts=5, within_s=300))
    assert [intensity.record(n * SECOND) for n in range(6)] == [True] * 5 + [False]
    assert not intensity.record(299 * SECOND)
    assert intensity.record(300 * SECOND)
    assert not intensity.record(300 * SECOND)
    intensity.reset()
    assert intensity.left(300 * SECOND) == 5


class Supervisor(RuleBasedStateMachine):
    """A supervisor that obeys the policy, beside a model that keeps every restart ever granted."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = RestartPolicy(max_restarts=3, within_s=10)
        self.intensity = Intensity(self.policy)
        self.now_ns = 0
        self.granted: list[int] = []
        self.counted: deque[int] = deque()
        self.parked = False

    @rule(ns=st.integers(0, 6 * SECOND))
    def time_passes(self, ns: int) -> None:
        self.now_ns += ns

    @precondition(lambda self: not self.parked)
    @rule()
    def it_fails(self) -> None:
        recent = [at for at in self.counted if at > self.now_ns - 10 * SECOND]
        may = self.intensity.record(self.now_ns)
        assert may is (len(recent) < 3)
        if may:
            self.granted.append(self.now_ns)
            self.counted.append(self.now_ns)
        self.parked = not may

    @precondition(lambda self: self.parked)
    @rule()
    def a_person_starts_it(self) -> None:
        self.intensity.reset()
        self.counted.clear()
        self.parked = False

    @invariant()
    def never_more_than_the_intensity(self) -> None:
        for first in self.counted:
            assert sum(first <= at < first + 10 * SECOND for at in self.counted) <= 3
        assert self.intensity.statistics()["restarts"] == len(self.granted)


TestSupervisor = Supervisor.TestCase
