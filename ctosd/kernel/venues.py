"""Venues as supervised things: connect, recover, then let strategies in; again and again until a person must act."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ctosd.abi.driver import Driver, Log
from ctosd.abi.errors import AuthFailed, Misconfigured, NotReady
from ctosd.abi.events import VenueStatus, topic
from ctosd.core.restart import RestartPolicy, next_delay
from ctosd.kernel.auditor import Auditor
from ctosd.kernel.budget import SharedBudget
from ctosd.kernel.deadman import DeadMan
from ctosd.kernel.desk import Desk, set_mode
from ctosd.kernel.fold import Fold, Replay
from ctosd.kernel.line import Line
from ctosd.kernel.recovery import Recovery
from ctosd.kernel.unit import Unit

State = Literal["starting", "running", "backoff", "parked", "down", "stopped"]
END_OF_DATA = "end of data"

CONNECT = RestartPolicy(policy="always", backoff_s=1.0, cap_s=60.0)
CLOCK_TRIES = 5


class Venue:
    """One driver in the process table."""

    def __init__(self, driver: Driver, now_ns: int) -> None:
        self.name = driver.venue
        self.driver = driver
        self.state: State = "starting"
        self.reason = ""
        self.since_ns = now_ns
        self.attempts = 0
        self.last_error = ""
        self.linked = True  # what the driver last said of its own connection
        self.link_reason = ""
        self.downs = 0
        self.dead_man_s = 0.0
        self.dead_man: DeadMan | None = None
        self.auditor: Auditor | None = None
        self.settled = asyncio.Event()
        self.refused: Exception | None = None

    def returns(self, downs: int) -> bool:
        """Whether it is on its way back from its loss number `downs`, and was not lost again."""
        return self.linked and self.downs == downs and self.state == "down"


class Venues:
    """All venues of the daemon. `jitter()` is in [0, 1)."""

    def __init__(
        self,
        desk: Desk,
        recovery: Recovery,
        fold: Fold,
        jitter: Callable[[], float],
        log: Log,
        witness: Callable[[], Callable[[], str]],
        virtual: bool,
    ) -> None:
        self._desk = desk
        self._virtual = virtual
        self._witness = witness
        self._recovery = recovery
        self._fold = fold
        self._jitter = jitter
        self._log = log
        self.all: dict[str, Venue] = {}
        self.on_end: Callable[[], None] = lambda: None

    def add(self, driver: Driver, budget: SharedBudget | None = None, dead_man_s: float = 0.0) -> None:
        """`budget` is what the driver itself takes from; `dead_man_s` the time of its switch, 0 for none."""
        venue = Venue(driver, self._desk.clock.now_ns())
        self.all[venue.name] = venue
        self._desk.egress.lines[venue.name] = Line(driver, budget or SharedBudget(self._desk.clock))
        venue.dead_man_s = dead_man_s
        self._desk.bus.tap(topic("status", venue.name), lambda status: self._on_status(venue, status))

    async def start(self) -> None:
        """Begin to connect every venue; returns when each is up or its first attempt has failed."""
        for venue in self.all.values():
            self._desk.tasks.spawn(f"venue-{venue.name}", self._bring_up(venue))
        await asyncio.gather(*(venue.settled.wait() for venue in self.all.values()))

    async def _bring_up(self, venue: Venue) -> None:
        replayed = False
        while venue.state not in ("running", "parked", "stopped"):
            venue.attempts += 1
            venue.linked = True
            try:
                await venue.driver.start()
                self._desk.market.enlist(venue.driver.instruments())
                if not replayed:
                    Replay(self._fold, venue.name, self._desk).run()
                    self._desk.blotter.attach(venue.name)
                    replayed = True
                repairs = await self._recovery.reconcile(venue.name, venue.driver.accounts)
            except (AuthFailed, Misconfigured) as error:
                venue.refused = error
                self._move(venue, "parked", str(error))
                self._log.error("venue_parked", venue=venue.name, reason=str(error))
            except NotReady as error:
                await self._wait(venue, error)
            except Exception as error:  # a driver's own mistake must not leave its venue half started for ever
                self._log.error("driver_raised", venue=venue.name, client_id="", reason=repr(error))
                await self._wait(venue, NotReady(f"the driver raised {error!r}"))
            else:
                if not venue.linked:  # lost while we looked: its own word brings it back
                    self._move(venue, "down", venue.link_reason)
                    venue.settled.set()
                    return
                self._up(venue, repairs)
                await self._attend_holdings(venue)
            venue.settled.set()

    async def _attend_holdings(self, venue: Venue) -> None:
        """What is held needs a present mark, also when no strategy asks for one."""
        for account in venue.driver.accounts:
            for holding in list(self._desk.blotter.ledger.totals(account)):
                if holding.size:
                    await self._desk.attend(account, holding.symbol)

    def _up(self, venue: Venue, repairs: int) -> None:
        line = self._desk.egress.lines[venue.name]
        line.up, line.reason = True, ""
        self._move(venue, "running", "")
        self._watch_over(venue)
        self._audit(venue)
        self._log.info("venue_up", venue=venue.name, driver=venue.driver.manifest.name, repairs=repairs,
                       instruments=len(venue.driver.instruments()))  # fmt: skip

    def _watch_over(self, venue: Venue) -> None:
        """Begin to renew its dead man's switch, where it has one."""
        driver = venue.driver
        if venue.dead_man is None and venue.dead_man_s and driver.manifest.has_dead_man:
            blotter, clock = self._desk.blotter, self._desk.clock
            venue.dead_man = DeadMan(driver, blotter, clock, self._witness(), venue.dead_man_s, self._log)
            self._desk.tasks.spawn(f"venue-{venue.name}-dead-man", venue.dead_man.run())

    def _audit(self, venue: Venue) -> None:
        """Begin to compare for ever. A simulated run on the virtual clock has its venue in its own hands."""
        if venue.auditor is None and not (self._virtual and venue.driver.manifest.simulated):
            line = self._desk.egress.lines[venue.name]
            venue.auditor = Auditor(line, venue.driver.accounts, self._desk, self._recovery, self._breached, self._log)
            self._desk.tasks.spawn(f"venue-{venue.name}-audit", venue.auditor.run())

    def clock_stepped(self) -> None:
        """Our clock was set: what each driver knows of its venue's is worth nothing until it has asked again."""
        for venue in self.all.values():
            self._desk.tasks.spawn(f"venue-{venue.name}-clock", self._read_clock(venue))

    async def _read_clock(self, venue: Venue) -> None:
        for tries in range(1, CLOCK_TRIES + 1):
            try:
                await venue.driver.fetch_clock()
            except NotReady:  # the driver asks by itself too, only later
                await self._desk.clock.sleep(next_delay(CONNECT, tries, self._jitter()))
            else:
                return

    def _breached(self, reason: str) -> None:
        set_mode(self._desk, "halted", reason, "the auditor")

    async def _wait(self, venue: Venue, error: Exception) -> None:
        delay_s = next_delay(CONNECT, venue.attempts, self._jitter())
        venue.last_error = str(error)
        self._move(venue, "backoff", str(error))
        self._log.warning("venue_backoff", venue=venue.name, delay_s=round(delay_s, 2), reason=str(error))
        venue.settled.set()
        await self._desk.clock.sleep(delay_s)

    def _move(self, venue: Venue, state: State, reason: str) -> None:
        venue.state, venue.reason = state, reason
        venue.since_ns = self._desk.clock.now_ns()
        if state != "running":
            line = self._desk.egress.lines[venue.name]
            line.up, line.reason = False, reason

    def _on_status(self, venue: Venue, status: VenueStatus) -> None:
        venue.linked, venue.link_reason = status.up, status.reason
        if status.up == (venue.state == "running"):
            return
        if status.up:
            if venue.state == "down":
                self._desk.tasks.spawn(f"venue-{venue.name}-back", self._come_back(venue))
            return
        venue.downs += 1
        self._move(venue, "down", status.reason)
        self._log.warning("venue_down", venue=venue.name, reason=status.reason)
        if all(each.state == "down" and each.reason == END_OF_DATA for each in self.all.values()):
            self.on_end()

    async def _come_back(self, venue: Venue) -> None:
        """Its streams flow again: ask what happened meanwhile before anything new may leave."""
        downs, tries = venue.downs, 0
        while venue.returns(downs):
            tries += 1
            try:
                repairs = await self._recovery.reconcile(venue.name, venue.driver.accounts, boot=False)
            except NotReady as error:
                venue.reason = f"reconciling: {error}"
                await self._desk.clock.sleep(next_delay(CONNECT, tries, self._jitter()))
            else:
                if venue.returns(downs):
                    self._up(venue, repairs)

    async def ready(self, unit: Unit) -> None:
        """Return when every venue of a unit is up. Raises `Misconfigured` when one never will be."""
        for account in unit.recipe.accounts:
            venue = self.all[account.partition("/")[0]]
            while venue.state != "running":
                if venue.refused is not None:
                    raise Misconfigured(f"its venue {venue.name} is parked: {venue.refused}")
                unit.reason = f"waiting for {venue.name}: {venue.reason or venue.state}"
                await self._desk.clock.sleep(0.05)

    async def stop(self, within_s: float = 5.0) -> None:
        for venue in self.all.values():
            try:
                await asyncio.wait_for(self._part(venue), within_s)
            except TimeoutError:
                self._log.warning("driver_stop_late", venue=venue.name, seconds=within_s)
            self._move(venue, "stopped", "the daemon stops")

    async def _part(self, venue: Venue) -> None:
        if venue.dead_man is not None:
            await venue.dead_man.disarm()
        await venue.driver.stop()

    def statistics(self) -> Mapping[str, Any]:
        return {
            venue.name: {
                "state": venue.state,
                "reason": venue.reason,
                "attempts": venue.attempts,
                "dead_man": venue.dead_man.statistics() if venue.dead_man is not None else {},
                "audit": venue.auditor.statistics() if venue.auditor is not None else {},
                **venue.driver.statistics(),
            }
            for venue in self.all.values()
        }
