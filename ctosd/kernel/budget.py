"""The venue's rate limits as one purse: whoever wants tokens takes them here, or stands in line.

Two lines for the whole venue, the urgent one first, each first come first served among those who want tokens of a common
limit; whoever wants other limits passes by. Orders take straight from `buckets` (`kernel.egress`), out of the same tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ctosd.abi.clock import Timer
from ctosd.abi.driver import Costs, Limit
from ctosd.abi.errors import InvariantBroken, NotReady
from ctosd.core.bucket import BucketSet
from ctosd.kernel.clock import NEVER, SECOND, SteadyClock

LEAST_NS = 1_000_000
"""The shortest wait: asyncio's own timers are no finer."""


class _Waiter:
    __slots__ = ("costs", "deadline_ns", "names", "since_ns", "turn", "urgent")

    def __init__(self, costs: Costs, urgent: bool, since_ns: int, deadline_ns: int, turn: asyncio.Future[None]) -> None:
        self.costs = costs
        self.names = frozenset(name for name, _ in costs)
        self.urgent = urgent
        self.since_ns = since_ns
        self.deadline_ns = deadline_ns
        self.turn = turn


class SharedBudget:
    """`abi.Budget` over one venue's buckets, for everybody who talks to it.

    It counts by the steady clock: one that is set would give an hour's tokens at once, or hold every cancel back for an hour.
    """

    def __init__(self, clock: SteadyClock, limits: Sequence[Limit] = ()) -> None:
        self._clock = clock
        self._limits = tuple(limits)
        self._buckets = BucketSet(limits, clock.steady_ns())
        self._urgent: list[_Waiter] = []
        self._patient: list[_Waiter] = []
        self._timer: Timer | None = None
        self._timer_ns = NEVER
        self._takes = 0
        self._waits = 0
        self._refused = 0
        self._longest_ns = 0

    @property
    def buckets(self) -> BucketSet:
        """The tokens themselves, for the egress. They are others after `declare`: ask here each time."""
        return self._buckets

    def declare(self, limits: Sequence[Limit]) -> None:
        """Replace the limits before anything was taken; the same limits again change nothing."""
        if tuple(limits) == self._limits:
            return
        if self._takes or self._urgent or self._patient:
            raise InvariantBroken("the limits of a venue were declared anew after tokens had been taken from them")
        self._limits = tuple(limits)
        self._buckets = BucketSet(limits, self._clock.steady_ns())

    async def take(self, costs: Costs, *, urgent: bool = False, patience_s: float = 30.0) -> None:
        """Return when `costs` are taken; at once, without a turn of the loop, when they lie there and nobody is before us.

        Raises:
            NotReady: that would take longer than `patience_s`; nothing was taken.
            Misconfigured: there is no such limit, or it never holds so much.
        """
        if not self.take_now(costs, urgent=urgent):
            await self.queue(costs, urgent=urgent, patience_s=patience_s)

    def take_now(self, costs: Costs, *, urgent: bool = False) -> bool:
        """Take `costs` if they lie there and nobody is before us. False: nothing was taken, and `queue` is what is left.

        Raises:
            Misconfigured: as `take`.
        """
        if (self._urgent or self._patient) and self._is_behind(costs, urgent):
            return False
        if not self._buckets.take(costs, self._clock.steady_ns(), urgent):
            return False
        self._takes += 1
        return True

    async def queue(self, costs: Costs, *, urgent: bool = False, patience_s: float = 30.0) -> None:
        """Stand in line and return when `costs` are taken. Raises as `take` does."""
        now_ns = self._clock.steady_ns()
        deadline_ns = now_ns + int(patience_s * SECOND)
        wait_ns = self._buckets.wait_ns(costs, now_ns, urgent)
        if now_ns + wait_ns > deadline_ns:
            raise self._refusal(costs, wait_ns)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line = self._urgent if urgent else self._patient
        waiter = _Waiter(costs, urgent, now_ns, deadline_ns, turn)
        line.append(waiter)
        self._waits += 1
        self._serve()
        try:
            await turn
        finally:
            if (
                waiter in line
            ):  # cancelled; tokens that were handed over in the same instant are lost, which errs on the safe side
                line.remove(waiter)
                self._serve()
            self._longest_ns = max(self._longest_ns, self._clock.steady_ns() - now_ns)

    def sync_used(self, name: str, used: float, allowed: float = 0.0) -> None:
        self._buckets.sync_used(name, used, self._clock.steady_ns(), allowed)

    def penalise(self, until_ns: int, name: str = "") -> None:
        self._buckets.penalise(until_ns + self._clock.steady_ns() - self._clock.now_ns(), name)

    def _is_behind(self, costs: Costs, urgent: bool) -> bool:
        """Whether somebody who comes first waits for one of the same limits."""
        names = {name for name, _ in costs}
        lines = (self._urgent,) if urgent else (self._urgent, self._patient)
        return any(not names.isdisjoint(waiter.names) for line in lines for waiter in line)

    def _serve(self) -> None:
        """Let everybody take whose turn it is and whose tokens are there; arm the timer for the next."""
        now_ns = self._clock.steady_ns()
        claimed: set[str] = set()  # limits that somebody further ahead waits for
        next_ns = NEVER
        for line in (self._urgent, self._patient):
            for waiter in tuple(line):
                if waiter.turn.done():  # cancelled, and not yet awake to leave by itself
                    line.remove(waiter)
                    continue
                free = claimed.isdisjoint(waiter.names)
                if free and self._buckets.take(waiter.costs, now_ns, waiter.urgent):
                    line.remove(waiter)
                    self._takes += 1
                    waiter.turn.set_result(None)
                    continue
                wait_ns = self._buckets.wait_ns(waiter.costs, now_ns, waiter.urgent)
                if now_ns + wait_ns > waiter.deadline_ns:
                    line.remove(waiter)
                    waiter.turn.set_exception(self._refusal(waiter.costs, wait_ns))
                    continue
                claimed |= waiter.names
                next_ns = min(next_ns, now_ns + max(wait_ns, LEAST_NS) if free else waiter.deadline_ns + 1)
        self._arm(next_ns)

    def _arm(self, when_ns: int) -> None:
        if self._timer is not None:
            if self._timer_ns == when_ns:
                return
            self._timer.cancel()
            self._timer = None
        self._timer_ns = when_ns
        if when_ns < NEVER:
            self._timer = self._clock.call_at(when_ns + self._clock.now_ns() - self._clock.steady_ns(), self._due)

    def _due(self) -> None:
        self._timer = None
        self._serve()

    def _refusal(self, costs: Costs, wait_ns: int) -> NotReady:
        self._refused += 1
        names = ", ".join(name for name, _ in costs)
        return NotReady(f"the venue's rate limit ({names}) would hold this back for {wait_ns / SECOND:.1f} s or more")

    def statistics(self) -> Mapping[str, Any]:
        return {
            "takes": self._takes,
            "waits": self._waits,
            "refused": self._refused,
            "waiting": len(self._urgent) + len(self._patient),
            "longest_wait_ms": self._longest_ns / 1e6,
            "buckets": self._buckets.statistics(),
        }
