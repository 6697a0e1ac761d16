"""The shared budget: the window law for any schedule, urgent before patient, first come first served, nobody lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import Limit, Misconfigured, NotReady
from ctosd.abi.errors import InvariantBroken
from ctosd.kernel.budget import SharedBudget
from ctosd.kernel.clock import VirtualClock
from ctosd.kernel.loop import VirtualLoop

MS = 1_000_000
SECOND = 1_000_000_000
T0 = 1_000_000 * SECOND
LIMITS = (Limit("weight", 10, 2, 3), Limit("orders", 4, 1, 1), Limit("scoped", 2, 1))


def run(main: Callable[[SharedBudget, VirtualClock], Coroutine[Any, Any, None]]) -> None:
    clock = VirtualClock(T0)

    async def inside() -> None:
        await asyncio.wait_for(main(SharedBudget(clock, LIMITS), clock), 86_400)
        assert clock.pending() == 0, "a timer is left"

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        runner.run(inside())


def at_once(coro: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that must not suspend."""
    try:
        coro.send(None)
    except StopIteration:
        return
    coro.close()
    raise AssertionError("it suspended")


def test_tokens_that_are_there_are_taken_without_a_turn_of_the_loop() -> None:
    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        at_once(budget.take([("weight", 7), ("orders", 1)]))
        at_once(budget.take([("weight", 3)], urgent=True))
        assert budget.buckets.bucket("weight", T0).tokens(T0) == 0
        with pytest.raises(AssertionError, match="suspended"):
            at_once(budget.take([("weight", 1)]))

    run(main)


def test_whoever_waits_is_let_in_when_the_tokens_are_there() -> None:
    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        await budget.take([("weight", 7)])
        await asyncio.wait_for(budget.take([("weight", 4)]), 60)
        assert 0 <= clock.now_ns() - T0 - 2 * SECOND < 10 * MS
        told = budget.statistics()
        assert (told["takes"], told["waits"], told["waiting"]) == (2, 1, 0)
        assert 2_000 <= told["longest_wait_ms"] < 2_010

    run(main)


def test_small_one_does_not_slip_past_a_big_one_of_its_limit_but_others_do() -> None:
    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        done: list[str] = []

        async def want(name: str, costs: Sequence[tuple[str, float]], urgent: bool = False) -> None:
            await budget.take(costs, urgent=urgent)
            done.append(name)

        await budget.take([("weight", 5)])
        async with asyncio.TaskGroup() as group:
            for name, costs, urgent in (
                ("big", [("weight", 7.0)], False),
                ("small", [("weight", 1.0)], False),
                ("other", [("orders", 1.0)], False),
                ("urgent", [("weight", 1.0)], True),
            ):
                group.create_task(want(name, costs, urgent))
            await asyncio.sleep(20)
        assert done == ["other", "urgent", "big", "small"]

    run(main)


def test_patience_is_not_overdrawn() -> None:
    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        await budget.take([("weight", 7)])
        with pytest.raises(NotReady, match=r"rate limit \(weight\) would hold this back for 3\.5 s"):
            at_once(budget.take([("weight", 7)], patience_s=3.4))
        first = asyncio.get_running_loop().create_task(budget.take([("weight", 6)]))
        await asyncio.sleep(0)
        with pytest.raises(NotReady):  # alone it would have had its token, behind the other one it does not in time
            await budget.take([("weight", 1)], patience_s=2)
        assert 0 <= clock.now_ns() - T0 - 2 * SECOND < 10 * MS
        await asyncio.wait_for(first, 60)
        assert budget.statistics()["refused"] == 2

    run(main)


def test_penalty_holds_everybody_and_may_come_while_they_wait() -> None:
    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        await budget.take([("weight", 7)])
        waiting = asyncio.get_running_loop().create_task(budget.take([("weight", 1)], patience_s=60))
        await asyncio.sleep(0.1)
        budget.penalise(T0 + 20 * SECOND)
        with pytest.raises(NotReady):
            at_once(budget.take([("orders", 1)], urgent=True, patience_s=10))
        await asyncio.wait_for(budget.take([("scoped@new", 1)], urgent=True), 60)
        await asyncio.wait_for(waiting, 60)
        assert 20 * SECOND <= clock.now_ns() - T0 < 20 * SECOND + 10 * MS

    run(main)


def test_venues_own_counter_makes_us_wait() -> None:
    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        budget.sync_used("weight", 9)
        await asyncio.wait_for(budget.take([("weight", 1)]), 60)
        assert 1.5 * SECOND <= clock.now_ns() - T0 < 1.51 * SECOND
        budget.penalise(clock.now_ns() + 5 * SECOND, "orders")
        at_once(budget.take([("scoped", 1)]))

    run(main)


def test_whoever_gives_up_leaves_the_line_and_takes_nothing() -> None:
    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        await budget.take([("weight", 5)])
        loop = asyncio.get_running_loop()
        big = loop.create_task(budget.take([("weight", 7)]))
        small = loop.create_task(budget.take([("weight", 1)]))
        await asyncio.sleep(0.01)
        big.cancel()
        await asyncio.wait_for(small, 1)
        assert clock.now_ns() - T0 < SECOND
        assert big.cancelled()
        at_once(budget.take([("weight", 1)]))

    run(main)


def test_what_can_never_be_is_said_at_once() -> None:
    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        for costs in ([("weight", 8.0)], [("wieght", 1.0)]):
            with pytest.raises(Misconfigured):
                at_once(budget.take(costs))
        await budget.take([("weight", 7)])
        waiting = asyncio.get_running_loop().create_task(budget.take([("weight", 1)]))
        await asyncio.sleep(0)
        with pytest.raises(Misconfigured):
            at_once(budget.take([("weight", 8)]))
        await asyncio.wait_for(waiting, 10)

    run(main)


def test_limits_are_declared_before_use() -> None:
    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        before = budget.buckets
        budget.declare(LIMITS)
        assert budget.buckets is before
        budget.declare([Limit("weight", 100, 2)])
        at_once(budget.take([("weight", 50)]))
        budget.declare([Limit("weight", 100, 2)])
        with pytest.raises(InvariantBroken):
            budget.declare(LIMITS)

    run(main)


# -- any schedule -------------------------------------------------------------------------------------------------------


@dataclass
class Wish:
    """One taker: when it came, what it wanted, when it was let in, and as the how manieth of all."""

    at_ms: int
    costs: tuple[tuple[str, float], ...]
    urgent: bool
    cancel_ms: int
    came: int = 0
    done_ns: int = 0
    place: int = 0


names = st.sampled_from(["weight", "orders", "scoped@a", "scoped@b"])
costs = st.dictionaries(names, st.sampled_from([0.0, 0.3, 1.0, 2.0]), min_size=1, max_size=2).map(
    lambda each: tuple(each.items())
)
wishes = st.lists(
    st.builds(
        Wish,
        at_ms=st.integers(0, 40).map(lambda each: each * 100),
        costs=costs,
        urgent=st.booleans(),
        cancel_ms=st.sampled_from([0, 0, 0, 700]),
    ),
    max_size=40,
)
penalties = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 6_000)), max_size=3)


@settings(max_examples=200, deadline=None)
@given(wishes=wishes, penalties=penalties)
def test_laws_hold_for_any_schedule(wishes: list[Wish], penalties: list[tuple[int, int]]) -> None:
    wishes.sort(key=lambda wish: (wish.at_ms, not wish.urgent))

    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        places = iter(range(1, 10_000))

        async def want(wish: Wish) -> None:
            await asyncio.sleep(wish.at_ms / 1000)
            wish.came = next(places)
            await budget.take(wish.costs, urgent=wish.urgent, patience_s=3600)
            wish.done_ns, wish.place = clock.now_ns(), next(places)

        async def limited(wish: Wish) -> None:
            try:
                await asyncio.wait_for(want(wish), (wish.at_ms + wish.cancel_ms) / 1000 if wish.cancel_ms else None)
            except TimeoutError:
                return

        async def punish(at_ms: int, for_ms: int) -> None:
            await asyncio.sleep(at_ms / 1000)
            budget.penalise(clock.now_ns() + for_ms * MS)

        async with asyncio.TaskGroup() as group:
            for wish in wishes:
                group.create_task(limited(wish))
            for at_ms, for_ms in penalties:
                group.create_task(punish(at_ms, for_ms))
            await asyncio.sleep(600)

    run(main)
    assert all(wish.done_ns or wish.cancel_ms for wish in wishes), "somebody was forgotten"
    for limit in LIMITS:
        for name in {name for wish in wishes for name, _ in wish.costs if name.partition("@")[0] == limit.name}:
            _window_law(wishes, name, limit)
    for at_ms, for_ms in penalties:
        inside = [wish for wish in wishes if T0 + (at_ms + 1) * MS < wish.done_ns < T0 + (at_ms + for_ms) * MS]
        assert inside == [], "let in during a penalty"
    _order(wishes)


def _window_law(wishes: list[Wish], name: str, limit: Limit) -> None:
    taken = sorted(
        (wish.done_ns, tokens) for wish in wishes if wish.done_ns for each, tokens in wish.costs if each == name
    )
    for first, (begin_ns, _) in enumerate(taken):
        total = 0.0
        for end_ns, tokens in taken[first:]:
            total += tokens
            assert total <= limit.capacity + limit.rate * (end_ns - begin_ns) / SECOND + 1e-6


def _order(wishes: list[Wish]) -> None:
    """Of two who wanted a common limit: first come first served in a class, the urgent one not after the other."""
    let_in = [wish for wish in wishes if wish.done_ns]
    for one in let_in:
        for other in let_in:
            common = {name for name, _ in one.costs} & {name for name, _ in other.costs}
            if common and one.came < other.came and (one.urgent or not other.urgent):
                assert one.place < other.place


def test_taking_now_takes_nothing_when_it_cannot_and_lets_nobody_overtake() -> None:
    async def main(budget: SharedBudget, clock: VirtualClock) -> None:
        assert budget.take_now([("weight", 6)])
        assert not budget.take_now([("weight", 2), ("orders", 1)])
        assert budget.buckets.bucket("orders", T0).tokens(T0) == 4
        waiting = asyncio.get_running_loop().create_task(budget.take([("weight", 2)]))
        await asyncio.sleep(0)
        assert not budget.take_now([("weight", 1)])  # one lies there, but somebody waits for it
        assert budget.take_now([("weight", 1)], urgent=True)
        assert budget.take_now([("orders", 1)])
        await waiting
        assert budget.statistics()["takes"] == 4

    run(main)


class SetClock(VirtualClock):
    """A wall clock that somebody sets; the steady one goes on from a start of its own."""

    offset_ns = 7 * SECOND

    def now_ns(self) -> int:
        return self.time_ns + self.offset_ns

    def call_at(self, when_ns: int, call: Callable[[], None]) -> Any:
        return super().call_at(when_ns - self.offset_ns, call)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_set_gives_no_token_and_holds_none_back(hours: int) -> None:
    clock = SetClock(T0)

    async def main() -> None:
        budget = SharedBudget(clock, LIMITS)
        await budget.take([("orders", 3)])
        budget.penalise(clock.now_ns() + 3 * SECOND, "scoped")
        clock.offset_ns += hours * 3_600 * SECOND
        began_ns = clock.time_ns
        await budget.take([("orders", 2)], patience_s=5.0)
        assert SECOND <= clock.time_ns - began_ns < 3 * SECOND
        await budget.take([("scoped", 1)], patience_s=5.0)
        assert 3 * SECOND <= clock.time_ns - began_ns < 4 * SECOND

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        runner.run(main())
