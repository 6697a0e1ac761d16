"""The kernel, assembled: every part wired to every other, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ctosd.abi.driver import Driver, Log
from ctosd.abi.errors import InvariantBroken
from ctosd.core.gate import Limits
from ctosd.core.ids import ClientIds
from ctosd.core.ledger import Ledger
from ctosd.kernel.blotter import Blotter
from ctosd.kernel.budget import SharedBudget
from ctosd.kernel.bus import Bus, Handler
from ctosd.kernel.clock import VirtualClock, WallClock
from ctosd.kernel.desk import Desk, freeze
from ctosd.kernel.egress import Egress
from ctosd.kernel.fold import Fold
from ctosd.kernel.market import Market
from ctosd.kernel.ports import Journal
from ctosd.kernel.recovery import Recovery
from ctosd.kernel.scheduler import Scheduler
from ctosd.kernel.supervisor import Supervisor
from ctosd.kernel.switch import Switch
from ctosd.kernel.syscalls import Handle
from ctosd.kernel.tasks import Tasks
from ctosd.kernel.unit import Recipe, Unit
from ctosd.kernel.venues import Venues
from ctosd.kernel.watchdog import Watchdog

NO_STATISTICS: Callable[[], Mapping[str, Any]] = dict


@dataclass(frozen=True, slots=True)
class System:
    """The running kernel."""

    desk: Desk
    scheduler: Scheduler
    supervisor: Supervisor
    venues: Venues
    recovery: Recovery
    journal: Journal
    watchdog: Watchdog
    fold: Fold
    virtual: bool
    started_ns: int
    log: Log
    log_statistics: Callable[[], Mapping[str, Any]] = NO_STATISTICS

    def add_driver(self, driver: Driver, budget: SharedBudget | None = None, dead_man_s: float = 0.0) -> None:
        self.venues.add(driver, budget, dead_man_s)

    def add_unit(self, recipe: Recipe, make_handle: type[Handle], log: Log) -> Unit:
        """A unit for the process table, with what an earlier run saved for it."""
        unit = Unit(recipe, self.desk, self.scheduler, make_handle, log, self.fold.states.get(recipe.name))
        self.supervisor.add(unit)
        return unit

    async def start(self) -> None:
        """Connect the venues, recover, and start every enabled unit. Returns when each unit's first start is decided."""
        await self.venues.start()
        for unit in self.supervisor.units.values():
            if unit.recipe.enabled:
                self.supervisor.start(unit)
        for _ in range(1_000):
            if not any(unit.state == "starting" for unit in self.supervisor.units.values()):
                return
            await asyncio.sleep(0.002)

    async def stop(self, reason: str) -> None:
        """Every strategy by its exit policy, then the venues, then whatever still runs."""
        await self.supervisor.stop_all(reason)
        await self.venues.stop()
        self.watchdog.stop()
        for name in await self.desk.tasks.cancel():
            self.log.warning("task_left", task=name)


def attend(desk: Desk, watchdog: Watchdog, recovery: Recovery, venues: Venues) -> None:
    """Who hears of what the venue closed, of a clock that was set, and of a journal that fails (strategies may be quiet)."""
    log = desk.log

    def on_step(seconds: float) -> None:
        recovery.clock_stepped(seconds)
        venues.clock_stepped()

    def on_journal(failed: str) -> None:
        if failed:
            log.error("journal_failed", reason=failed)
        else:
            log.info("journal_works")

    watchdog.on_step, watchdog.on_journal = on_step, on_journal
    desk.blotter.on_forced = lambda fill: freeze(desk, fill)


def build(
    *,
    clock: WallClock | VirtualClock,
    journal: Journal,
    house: Limits,
    log: Log,
    jitter: Callable[[], float],
    log_statistics: Callable[[], Mapping[str, Any]] = NO_STATISTICS,
) -> System:
    """Wire the kernel on the running loop. `house` bounds everybody; `jitter` gives numbers in [0, 1)."""

    def on_fault(topic: str, handler: Handler, error: Exception) -> None:
        log.error("subscriber_failed", topic=topic, reason=repr(error))

    def on_task_failure(name: str, error: BaseException) -> None:
        log.error("task_failed", task=name, reason=repr(error))
        if isinstance(error, InvariantBroken):
            supervisor.on_broken(error)

    bus = Bus(on_fault)
    market = Market(bus, clock)
    blotter = Blotter(
        bus, clock, journal, Ledger(), lambda account, symbol: market.instrument(account.partition("/")[0], symbol), log
    )
    switch = Switch(clock)
    tasks = Tasks(on_task_failure)
    egress = Egress(clock, market, blotter, switch, tasks, house, log)
    desk = Desk(clock, bus, market, blotter, egress, switch, tasks, ClientIds(journal.boot), house, log)
    recovery = Recovery(desk, log)
    egress.on_unknown = recovery.watch
    fold = Fold(journal)
    fold.restore(switch, egress.arming)
    watchdog = Watchdog(clock, bus, journal)
    venues = Venues(desk, recovery, fold, jitter, log, watchdog.witness, clock.virtual)
    attend(desk, watchdog, recovery, venues)
    supervisor = Supervisor(desk, venues.ready, jitter, log)
    return System(
        desk=desk,
        scheduler=Scheduler(asyncio.get_running_loop()),
        supervisor=supervisor,
        venues=venues,
        recovery=recovery,
        journal=journal,
        watchdog=watchdog,
        fold=fold,
        virtual=clock.virtual,
        started_ns=clock.now_ns(),
        log=log,
        log_statistics=log_statistics,
    )
