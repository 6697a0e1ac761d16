"""The daemon: one start of `ctosd`, from an open journal to a closed one."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, TextIO

import msgspec

from ctosd.abi.driver import Driver, Feed, Ports
from ctosd.abi.errors import InvariantBroken, Misconfigured
from ctosd.abi.events import MarketEvent
from ctosd.core.holding import pnl
from ctosd.host import secrets
from ctosd.host.config.settings import Config, VenueConfig
from ctosd.host.control.server import ControlServer
from ctosd.host.guard import Guard
from ctosd.host.logs.hub import Logs
from ctosd.host.notify import Notifier
from ctosd.host.places import Places
from ctosd.host.recorder.recorder import Recorder
from ctosd.host.replay.market import DECODER, EventDecoder
from ctosd.host.storage.journal import open_journal
from ctosd.host.storage.store import FileStore
from ctosd.kernel.budget import SharedBudget
from ctosd.kernel.clock import SECOND, VirtualClock, WallClock
from ctosd.kernel.loop import VirtualLoop
from ctosd.kernel.system import System, build
from ctosd.runtime.execution import ExecutionEngine
from ctosd.runtime.facts import text
from ctosd.runtime.operator import Operator
from ctosd.runtime.report import render, summarise

STOPPED, INVARIANT = 0, 70
BLOCK_LIMIT_S = 1.0


class Daemon:
    """Owns everything that must be closed. `left` tells that a task would not end."""

    def __init__(self, config: Config, places: Places, environ: Mapping[str, str]) -> None:
        self.config = config
        self.places = places
        self.virtual = config.clock == "virtual"
        self.clock: VirtualClock | WallClock = VirtualClock() if self.virtual else WallClock()
        self.credentials = secrets.read(config.accounts, config.directory, environ)
        self.logs = Logs.open(
            level=config.log.level,
            console=config.log.console,
            now_ns=self.clock.now_ns,
            environ=environ,
            directory=places.log,
            stream=self.lines_to(),
        )
        self.logs.adopt_stdlib()
        self.log = self.logs.logger()
        self.notifier = Notifier.from_environ(environ)
        try:
            self.journal = self._open_journal()
        except BaseException:
            self.logs.close()
            raise
        # A simulated run is repeated, not recorded.
        wanted = not self.virtual and self.config.recorder.minutes > 0
        self.recorder = Recorder(self.clock, self.log, places.lib / "flight", self.config.recorder) if wanted else None
        self.stores: list[FileStore] = []
        self.closing: list[Callable[[], Awaitable[None]]] = []
        self.left = False
        self._stop: asyncio.Event | None = None
        self._reason = ""
        self._broken: BaseException | None = None
        self._signals = 0

    @staticmethod
    def lines_to() -> TextIO:
        """Where the log's lines go, beside the file."""
        return sys.stdout

    def _open_journal(self) -> Any:
        if not self.virtual:
            return open_journal(self.places.journal, durability=self.config.durability, now_ns=self.clock.now_ns())
        path = self.places.lib / "virtual.db"
        for name in (path, *(path.with_name(path.name + tail) for tail in ("-wal", "-shm", "-journal", "-redo"))):
            name.unlink(missing_ok=True)  # a simulated run begins from nothing, so that it can be repeated to the byte
        return open_journal(path, relaxed=True)

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """The virtual loop for a virtual clock; else uvloop, or asyncio's own where there is none."""
        if isinstance(self.clock, VirtualClock):
            return VirtualLoop(self.clock)
        try:
            import uvloop
        except ImportError:
            return asyncio.new_event_loop()
        return uvloop.new_event_loop()

    # -- life -----------------------------------------------------------------------------------------------------------------

    async def main(self) -> int:
        """Start, trade, stop. Returns the exit code."""
        self._stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_exception)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number.name)
        began = time.monotonic()
        system = self._build()
        operator = Operator(system)
        control = ControlServer(
            self.places.socket,
            operator,
            self.logs,
            self.config.control.mode,
            self.config.control.group,
            log=self.logs.logger(),
        )
        guard = Guard(system.scheduler, BLOCK_LIMIT_S)
        for warning in self.config.warnings:
            self.log.warning("configuration", message=str(warning))
        try:
            await control.start()
            if not self.virtual:
                guard.start()
                system.watchdog.start()
            events, wall_s = 0, 0.0
            if await self._start(system):
                self._demand_a_venue(system)
                self._ready(system, time.monotonic() - began)
                self._every(self.config.equity_every_s, lambda: self._note_equity(system))
                events, wall_s = await self._trade(system)
        finally:
            await self._close(system, control, guard)
        self._report(operator, events, wall_s)
        return INVARIANT if self._broken is not None else STOPPED

    async def _start(self, system: System) -> bool:
        """Start everything, unless somebody wants it stopped before that is done."""
        assert self._stop is not None
        start, stop = system.desk.tasks.spawn("start", system.start()), asyncio.ensure_future(self._stop.wait())  # noqa: TID251
        await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if start.done():
            start.result()
        return start.done()

    async def _trade(self, system: System) -> tuple[int, float]:
        assert self._stop is not None
        loop = asyncio.get_running_loop()
        start = time.perf_counter()
        if not isinstance(loop, VirtualLoop):
            await self._stop.wait()
            return 0, 0.0
        pump = asyncio.ensure_future(loop.pump.run())  # noqa: TID251 - awaited below
        stop = asyncio.ensure_future(self._stop.wait())  # noqa: TID251
        await asyncio.wait({pump, stop}, return_when=asyncio.FIRST_COMPLETED)
        wall_s = time.perf_counter() - start
        stop.cancel()
        if pump.done():
            pump.result()
        else:
            loop.pump.stop()
        self._reason = self._reason or "end of data"
        return loop.pump.events, wall_s

    async def _close(self, system: System, control: ControlServer, guard: Guard) -> None:
        reason = self._reason or "the daemon failed"
        self.notifier.stopping(reason)
        self.log.info("stopping", reason=reason)
        await system.stop(reason)
        self._note_equity(system)
        for close in self.closing:
            await close()
        self.left = any(unit.lingers() for unit in system.supervisor.units.values())
        await control.stop()
        if not self.virtual:
            guard.stop()

    def _demand_a_venue(self, system: System) -> None:
        """Raise what was refused when no venue is left to trade on; in a simulated run already when one is."""
        venues = list(system.venues.all.values())
        refused = [venue.refused for venue in venues if venue.refused is not None]
        if refused and (self.virtual or len(refused) == len(venues)):
            raise refused[0]

    def _ready(self, system: System, seconds: float) -> None:
        gc.freeze()  # orders and strategies that live as long as the daemon need no collecting
        running = sum(unit.state == "running" for unit in system.supervisor.units.values())
        up = sum(venue.state == "running" for venue in system.venues.all.values())
        unknown = len(system.desk.blotter.unresolved())
        status = f"{up} venues up, {running} strategies running, {unknown} unknown orders"
        self.log.info(
            "ready", status=status, seconds=round(seconds, 3), socket=str(self.places.socket), boot=self.journal.boot
        )
        self.notifier.ready(status)
        if self.notifier.interval_s:
            self._every(self.notifier.interval_s, lambda: self._ping(system))

    def _ping(self, system: System) -> None:
        """Feed the service manager's watchdog with evidence of life only."""
        trouble = system.watchdog.alive()
        if trouble:
            self.log.error("watchdog", reason=trouble)
        else:
            self.notifier.watchdog()

    def _every(self, seconds: float, call: Callable[[], None]) -> None:
        def fire() -> None:
            call()
            self.clock.call_at(self.clock.now_ns() + int(seconds * SECOND), fire)

        self.clock.call_at(self.clock.now_ns() + int(seconds * SECOND), fire)

    # -- the end ----------------------------------------------------------------------------------------------------------------

    def stop(self, reason: str) -> None:
        """Begin to stop, gracefully; the first reason stands."""
        self._reason = self._reason or reason
        if self._stop is not None:
            self._stop.set()

    def _on_signal(self, name: str) -> None:
        self._signals += 1
        if self._signals > 2:
            self.log.error("signal", name=name, reason="third one: leaving at once; recovery resolves the rest")
            self.close()
            os._exit(STOPPED)
        self.log.info("signal", name=name)
        self.stop(f"{name} received")

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.log.error("loop_exception", message=context.get("message", ""), reason=repr(error))
        if isinstance(error, InvariantBroken):
            self._on_broken(error)

    def _on_broken(self, error: InvariantBroken) -> None:
        """Going on would risk money: stop, and say so by the exit code."""
        self._broken = error
        self.stop(f"an invariant is broken: {error}")

    def close(self) -> None:
        """Close what outlives the loop. Idempotent."""
        if self.recorder is not None:
            self.recorder.close()
        for store in self.stores:
            store.close()
        self.journal.close()
        if self.journal.failed:
            self.log.error("journal_failed", reason=self.journal.failed)
        self.notifier.close()
        self.logs.close()

    # -- assembly ---------------------------------------------------------------------------------------------------------------

    def _build(self) -> System:
        system = build(
            clock=self.clock,
            journal=self.journal if self.recorder is None else self.recorder.journal(self.journal),
            house=self.config.risk,
            log=self.log,
            jitter=Random(self.config.seed).random,
            log_statistics=self.logs.statistics,
        )
        if self.recorder is not None:
            self.recorder.attach(system, {venue.name: venue.driver_class.__module__ for venue in self.config.venues})
            self.logs.subscribe(self.recorder.hear)
            asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, self.recorder.freeze, "asked")
        for venue in self.config.venues:
            budget = SharedBudget(self.clock, venue.manifest.limits)
            system.add_driver(self._driver(system, venue, budget), budget, venue.network.dead_man_s)
        self._add_units(system)
        system.supervisor.on_broken = self._on_broken
        system.venues.on_end = lambda: self.stop("end of data")
        return system

    def _add_units(self, system: System) -> None:
        for recipe in self.config.strategies:
            system.add_unit(recipe, ExecutionEngine, self.logs.logger(strategy=recipe.name))

    def _driver(self, system: System, venue: VenueConfig, budget: SharedBudget) -> Driver:
        loop = asyncio.get_running_loop()
        log = self.logs.logger(venue=venue.name)

        def spawn(name: str, coro: Any) -> None:
            system.desk.tasks.spawn(f"{venue.name}-{name}", coro)

        ports = Ports(
            venue=venue.name,
            clock=self.clock,
            log=log,
            publish=system.desk.bus.publish
            if self.recorder is None
            else self.recorder.publish(system.desk.bus.publish),
            spawn=spawn,
            open_feed=lambda spec: self._feed(venue.name, spec),
            store=self._store(venue),
            drive=loop.pump.add if isinstance(loop, VirtualLoop) else None,
            secrets={account: self._secrets(venue, account) for account in venue.accounts},
            **({} if venue.simulated else self._network(system, venue, budget, log)),
        )
        return venue.driver_class(venue.settings, tuple(venue.accounts), ports)

    def _network(self, system: System, venue: VenueConfig, budget: SharedBudget, log: Any) -> dict[str, Any]:
        """The ports of a venue beyond this process. What they need is imported here: a paper venue starts without."""
        from ctosd.host.network import Network

        made = Network(
            venue.name,
            venue.network.proxy,
            clock=self.clock,
            spawn=lambda name, coro: system.desk.tasks.spawn(f"{venue.name}-{name}", coro),
            budget=budget,
            log=log,
            jitter=Random(self.config.seed).random,
            recorder=self.recorder,
        )
        self.closing.append(made.close)
        return made.ports()

    def _secrets(self, venue: VenueConfig, account: str) -> Mapping[str, str]:
        known = self.credentials.accounts.get(account, {})
        given = known or (venue.manifest.emulator_credentials if venue.local else {})
        if self.recorder is not None:
            self.recorder.hide(*given.values())
        return given

    def _store(self, venue: VenueConfig) -> FileStore | None:
        manifest = venue.driver_class.manifest
        if self.virtual or not (manifest.simulated or manifest.keeps_store):
            return None
        store = FileStore(self.places.lib / f"venue-{venue.name}.db", durability=self.config.durability)
        self.stores.append(store)
        return store

    def _feed(self, venue: str, spec: Mapping[str, Any]) -> Feed:
        from ctosd.host.archive import open_feed

        return open_feed(spec, venue=venue, base=self.config.directory, decoder=decoder(spec, venue), log=self.log)

    # -- equity -------------------------------------------------------------------------------------------------------------------

    def _note_equity(self, system: System) -> None:
        """One point of the equity curve: what each strategy has made, and what each account holds."""
        desk = system.desk
        profit: dict[str, Decimal] = {}
        for holding in desk.blotter.ledger.holdings():
            mark = desk.market.mark(holding.account.partition("/")[0], holding.symbol)
            profit[holding.strategy] = profit.get(holding.strategy, Decimal(0)) + pnl(
                holding, mark if mark is not None else holding.entry
            )
        body = {
            "pnl": {name: text(value) for name, value in profit.items()},
            "balances": {f"{a} {asset}": text(b.total) for (a, asset), b in desk.blotter.balances.items()},
        }
        system.journal.append("equity", "", msgspec.json.encode(body), self.clock.now_ns())

    def _report(self, operator: Operator, events: int, wall_s: float) -> None:
        report = summarise(operator, events, wall_s)
        self.log.info("report", **report)
        self.logs.flush(1.0)  # the report comes last
        print(render(report), file=sys.stdout)


def decoder(spec: Mapping[str, Any], venue: str) -> Callable[[bytes, int], MarketEvent | None] | None:
    """What reads the frames of a raw feed: ``binance_usdm`` is the wire of the driver `binance`.

    Raises:
        Misconfigured: no driver of that name reads frames, or the feed does not say of which symbol it is.
    """
    name = str(spec.get("decoder") or "")
    if not name:
        return None
    if name == DECODER:
        return EventDecoder(venue)
    driver = name.partition("_")[0]
    try:
        wire = import_module(f"drivers.{driver}.wire")
    except ImportError as error:
        raise Misconfigured(f"no decoder {name!r}: there is no drivers/{driver}/wire.py; try binance_usdm") from error
    symbol = str(spec.get("symbol") or "")
    native = symbol.partition(":")[0].replace("/", "").replace("-", "")
    if not native:
        raise Misconfigured(f"{Path(str(spec.get('path'))).name}: a raw feed needs `symbol:`, such as BTC/USDT:USDT")
    made: Callable[[bytes, int], MarketEvent | None] = wire.Decoder(venue, {native: symbol})
    return made
