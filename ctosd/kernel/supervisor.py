"""The supervisor: starts, stops and restarts strategies, and fences those that misbehave.

Each strategy is supervised alone (Erlang's one-for-one): back-off with jitter between restarts, a bound on their
intensity after which it is parked for a person. Ending a strategy always begins by revoking its seat, because a task that
ignores its cancellation lives on: it becomes a `zombie` that can do no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from traceback import extract_tb
from typing import Any

from ctosd.abi.driver import Log
from ctosd.abi.errors import AuthFailed, CtosError, Fenced, InvariantBroken, Misconfigured
from ctosd.core.restart import next_delay, next_failures, wants_restart
from ctosd.kernel.clock import SECOND
from ctosd.kernel.desk import Desk
from ctosd.kernel.scheduler import Blocked
from ctosd.kernel.unit import ExitWord, Unit

STOP_S = 5.0
"""How long `on_stop` may take, and after it the cancellation."""


class Supervisor:
    """The process table of strategies. `ready(unit)` returns when the venues of a unit are up; `jitter()` is in [0, 1)."""

    def __init__(
        self, desk: Desk, ready: Callable[[Unit], Awaitable[None]], jitter: Callable[[], float], log: Log
    ) -> None:
        self._desk = desk
        self._ready = ready
        self._jitter = jitter
        self._log = log
        self.units: dict[str, Unit] = {}
        self.closing = False
        self.on_broken: Callable[[InvariantBroken], None] = lambda error: None

    def add(self, unit: Unit) -> None:
        """Put a unit into the table, stopped."""
        self.units[unit.name] = unit
        self._desk.blotter.owners.add(unit.name)
        unit.seat.on_fence = self._fenced
        unit.on_running = lambda: self._running(unit)  # type: ignore[method-assign]

    # -- start -------------------------------------------------------------------------------------------------------------

    def start(self, unit: Unit, reason: str = "") -> None:
        """Want the unit to run. Raises `CtosError` when its former self has not gone yet."""
        if unit.lingers():
            if unit.state in ("starting", "running"):
                return
            raise CtosError(f"{unit.name} is {unit.state}: {unit.reason or 'wait until it has ended'}")
        unit.wanted = "running"
        unit.failures = 0
        unit.intensity.reset()
        self._spawn(unit, reason)

    def _spawn(self, unit: Unit, reason: str) -> None:
        if unit.retry is not None:
            unit.retry.cancel()
            unit.retry = None
        unit.move("starting", reason)
        unit.remained = ()
        unit.task = asyncio.get_running_loop().create_task(self._life(unit), name=unit.name)
        unit.task.add_done_callback(lambda task: self._ended(unit, task))

    async def _life(self, unit: Unit) -> None:
        await self._ready(unit)
        unit.build()
        unit.seat.open()
        unit.started_ns = self._desk.clock.now_ns()
        await unit.live()

    def _running(self, unit: Unit) -> None:
        unit.move("running")
        self._log.info("strategy_running", strategy=unit.name, use=unit.recipe.use, account=unit.recipe.accounts[0])

    # -- the end of a task ------------------------------------------------------------------------------------------------------

    def _ended(self, unit: Unit, task: asyncio.Task[None]) -> None:
        """A strategy's task ended, for whatever reason: decide what becomes of the unit."""
        unit.seat.revoke("the strategy is not running")
        unit.deafen()
        if unit.state == "zombie":
            unit.move("stopped", "the zombie has ended at last")
            return
        if unit.state == "stopping" or task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._done(unit)
        else:
            self._failed(unit, error)

    def _done(self, unit: Unit) -> None:
        if wants_restart(unit.recipe.restart, failed=False):
            self._retry(unit, "it returned and its policy is always")
            return
        unit.wanted = "stopped"
        unit.move("stopped", "it has finished")
        self._log.info("strategy_finished", strategy=unit.name)
        self._leave(unit, unit.recipe.exit.stop)

    def _failed(self, unit: Unit, error: BaseException) -> None:
        unit.last_error = explain(error)
        self._log.error("strategy_failed", strategy=unit.name, reason=unit.last_error)
        if isinstance(error, InvariantBroken):
            self._park(unit, unit.last_error)
            self.on_broken(error)  # raised under its hands, but ours: the daemon must not go on
        elif isinstance(error, Blocked):
            self._park(unit, f"fenced: it blocked the loop ({error})")
        elif isinstance(error, AuthFailed | Misconfigured):
            self._park(unit, f"it cannot run as configured: {error}")
        elif isinstance(error, Fenced):
            self._park(unit, f"fenced: {unit.last_error}")
        elif not wants_restart(unit.recipe.restart, failed=True):
            self._park(unit, "it failed and its restart policy is never")
        else:
            self._retry(unit, unit.last_error)

    def _retry(self, unit: Unit, why: str) -> None:
        now_ns = self._desk.clock.now_ns()
        ran_s = (now_ns - unit.started_ns) / SECOND if unit.started_ns else 0.0
        unit.failures = next_failures(unit.recipe.restart, unit.failures, ran_s)
        if not unit.intensity.record(now_ns):
            policy = unit.recipe.restart
            self._park(unit, f"failed more than {policy.max_restarts} times in {policy.within_s:g} s, last: {why}")
            return
        unit.backoff_s = next_delay(unit.recipe.restart, unit.failures, self._jitter())
        unit.restarts += 1
        unit.move("backoff", why)
        self._log.warning("strategy_backoff", strategy=unit.name, delay_s=round(unit.backoff_s, 2), reason=why)
        self._leave(unit, unit.recipe.exit.fault)
        unit.retry = self._desk.clock.call_at(now_ns + int(unit.backoff_s * SECOND), lambda: self._again(unit))  # type: ignore[assignment]

    def _again(self, unit: Unit) -> None:
        unit.retry = None
        if unit.wanted == "running" and unit.state == "backoff" and not self.closing:
            self._spawn(unit, "")

    def _park(self, unit: Unit, reason: str) -> None:
        unit.move("parked", reason)
        self._log.error("strategy_parked", strategy=unit.name, reason=reason)
        self._leave(unit, unit.recipe.exit.park)

    def _leave(self, unit: Unit, policy: ExitWord) -> None:
        if policy != "keep" and not self.closing:
            self._desk.tasks.spawn(f"{unit.name}-leave", self._exit(unit, policy))

    async def _exit(self, unit: Unit, policy: ExitWord) -> None:
        try:
            remained = await self._desk.leave(unit.seat, policy)
        except CtosError as error:
            unit.remained = (f"{policy} failed: {error}",)
            self._log.error("exit_failed", strategy=unit.name, policy=policy, reason=str(error))
            return
        orders, positions = remained["orders"], remained["positions"] if policy == "flatten" else ()
        unit.remained = (*(f"order {client_id}" for client_id in orders), *positions)
        if unit.remained:
            self._log.warning("exit_incomplete", strategy=unit.name, policy=policy, **remained)

    # -- fences ------------------------------------------------------------------------------------------------------------

    def _fenced(self, name: str, reason: str) -> None:
        """The gate took a seat away; the strategy's own next syscall raises `Fenced`, which parks it."""
        unit = self.units[name]
        unit.reason = reason
        self._log.error("strategy_fenced", strategy=name, reason=reason)
        if unit.task is not None:
            unit.task.get_loop().call_soon(self._cancel_fenced, unit, reason)

    def _cancel_fenced(self, unit: Unit, reason: str) -> None:
        if unit.task is not None and not unit.task.done() and unit.state == "running":
            self._desk.tasks.spawn(f"{unit.name}-fence", self.park(unit, f"fenced: {reason}"))

    async def park(self, unit: Unit, reason: str) -> None:
        """Take a unit down and leave it for a person."""
        await self._take_down(unit, polite=False)
        if unit.state != "zombie":
            unit.move("parked", reason)
        unit.last_error = unit.last_error or reason
        self._log.error("strategy_parked", strategy=unit.name, reason=reason)
        await self._exit(unit, unit.recipe.exit.park)

    # -- stop --------------------------------------------------------------------------------------------------------------

    async def stop(self, unit: Unit, reason: str, policy: ExitWord | None = None) -> None:
        """Want the unit stopped: `on_stop` with a bound, its exit policy, then the end of its task."""
        unit.wanted = "stopped"
        if unit.retry is not None:
            unit.retry.cancel()
            unit.retry = None
        if unit.state in ("new", "stopped"):
            unit.move("stopped", reason)
            return
        await self._take_down(unit, polite=True)
        await self._exit(unit, policy or unit.recipe.exit.stop)
        if unit.state != "zombie":
            unit.move("stopped", reason)
        self._log.info("strategy_stopped", strategy=unit.name, reason=reason)

    async def _take_down(self, unit: Unit, polite: bool) -> None:
        task, lane, strategy = unit.task, unit.lane, unit.strategy
        was_running = unit.state == "running"
        unit.move("stopping", unit.reason)
        if task is None or task.done():
            return
        if polite and was_running and lane is not None and strategy is not None:
            await self._say_stop(unit)
        unit.seat.revoke("the strategy was stopped")
        for _ in range(3):
            task.cancel()
            await asyncio.wait({task}, timeout=STOP_S / 2)
            if not unit.lingers():
                return
        unit.move("zombie", "it ignores its cancellation; its handle is revoked, so it cannot trade")
        self._log.error("strategy_zombie", strategy=unit.name, reason=unit.reason)
        unit.deafen()

    async def _say_stop(self, unit: Unit) -> None:
        assert unit.lane is not None and unit.strategy is not None
        said = unit.lane.call(unit.strategy.on_stop)
        try:
            await asyncio.wait_for(said, STOP_S)
            unit.save()
        except TimeoutError:
            self._log.warning("on_stop_late", strategy=unit.name, seconds=STOP_S)
        except Exception as error:
            unit.last_error = explain(error)
            self._log.error("on_stop_failed", strategy=unit.name, reason=unit.last_error)

    async def stop_all(self, reason: str) -> None:
        """The daemon's end: every unit by its `shutdown` policy, all at once. What it wanted stays as it is."""
        self.closing = True
        wanted = {unit.name: unit.wanted for unit in self.units.values()}
        await asyncio.gather(*(self.stop(unit, reason, unit.recipe.exit.shutdown) for unit in self.units.values()))
        for unit in self.units.values():
            unit.wanted = wanted[unit.name]

    def statistics(self) -> Mapping[str, Any]:
        return {name: unit.statistics() for name, unit in self.units.items()}


def explain(error: BaseException) -> str:
    """An error as one line: what, and where in the strategy's own code."""
    places = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in extract_tb(error.__traceback__)]
    own = [place for place in places if not place.startswith(("scheduler.py", "supervisor.py", "unit.py", "guard.py"))]
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{text} ({own[-1]})" if own else text
