"""Both clocks over one heap: due calls run in the order of their times, cancelled ones never, none is starved or early."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ctosd.kernel.clock import NEVER, VirtualClock, WallClock


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=30))
def test_virtual_timers_run_in_order_and_cancelled_ones_do_not(plan: list[tuple[int, bool]]) -> None:
    clock, ran = VirtualClock(10), []
    timers = [clock.call_at(when, lambda n=n: ran.append((clock.now_ns(), n))) for n, (when, _) in enumerate(plan)]
    for timer, (_, cancelled) in zip(timers, plan, strict=True):
        if cancelled:
            timer.cancel()
    while clock.next_ns < NEVER:
        clock.run_next()
    wanted = sorted((max(when, 10), n) for n, (when, cancelled) in enumerate(plan) if not cancelled)
    assert ran == wanted
    assert clock.pending() == 0


async def test_wall_timers_run_once_in_order_and_not_early() -> None:
    clock, ran = WallClock(), []
    start = clock.now_ns()
    clock.call_at(start + 30_000_000, lambda: ran.append(("late", clock.now_ns())))
    clock.call_at(start + 10_000_000, lambda: ran.append(("soon", clock.now_ns())))
    clock.call_at(start - 5, lambda: ran.append(("past", clock.now_ns())))
    dropped = clock.call_at(start + 15_000_000, lambda: ran.append(("never", 0)))
    dropped.cancel()
    await asyncio.sleep(0.08)
    assert [name for name, _ in ran] == ["past", "soon", "late"]
    assert ran[1][1] >= start + 10_000_000
    assert ran[2][1] >= start + 30_000_000


async def test_a_timer_that_sets_itself_again_does_not_starve_the_loop() -> None:
    clock, count = WallClock(), 0

    def again() -> None:
        nonlocal count
        count += 1
        clock.call_at(clock.now_ns(), again)

    again()
    for _ in range(5):
        await asyncio.sleep(0.001)
    assert count > 256


async def test_a_timer_that_raises_does_not_stop_the_others() -> None:
    clock, ran = WallClock(), []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: ran.append("reported"))

    def broken() -> None:
        raise RuntimeError("timer")

    now = clock.now_ns()
    clock.call_at(now + 1_000_000, broken)
    clock.call_at(now + 5_000_000, lambda: ran.append("after"))
    await asyncio.sleep(0.05)
    assert ran == ["reported", "after"]
