"""How often a thing is repeated that harms when it is repeated."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ctosd.core.patience import Patience

SECOND = 1_000_000_000
T0 = 1_767_225_600 * SECOND


def asked(patience: Patience, at_s: float) -> float:
    """Ask, and do it when it is due: how many seconds later."""
    now_ns = T0 + int(at_s * SECOND)
    assert patience.plan(now_ns)
    due_ns = patience.due_ns
    assert patience.is_due(due_ns)
    patience.done(due_ns)
    return (due_ns - now_ns) / SECOND


def test_first_is_at_once_and_the_next_ones_wait_longer_each_time() -> None:
    patience = Patience()
    at, waits = 0.0, []
    for _ in range(9):
        waits.append(asked(patience, at))
        at += waits[-1]
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_minute_of_calm_forgets() -> None:
    patience = Patience()
    asked(patience, 0)
    assert asked(patience, 0) == 1
    assert asked(patience, 100) == 0


def test_what_is_planned_is_not_planned_twice() -> None:
    patience = Patience()
    asked(patience, 0)
    assert patience.plan(T0)
    assert not patience.plan(T0)
    assert not patience.is_due(T0)
    patience.done(patience.due_ns)
    assert not patience.is_due(T0 + 1000 * SECOND)


@given(st.lists(st.integers(-3600, 3600), max_size=30))
def test_clock_that_is_set_makes_no_wait_longer_than_the_longest(steps: list[int]) -> None:
    patience, now_ns = Patience(), T0
    for step in steps:
        now_ns += step * SECOND
        if patience.plan(now_ns):
            assert now_ns <= patience.due_ns <= now_ns + 60 * SECOND
        if step % 2:
            patience.done(now_ns)
