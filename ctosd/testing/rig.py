"""A whole kernel on a scripted venue, in a few lines: what the tests of strategies, drivers and the kernel stand on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from ctosd.abi.driver import Log, Ports
from ctosd.abi.instruments import Instrument
from ctosd.abi.strategy import Strategy
from ctosd.core.gate import Limits
from ctosd.kernel.clock import VirtualClock, WallClock
from ctosd.kernel.loop import VirtualLoop
from ctosd.kernel.system import System, build
from ctosd.kernel.unit import ExitPolicy, Recipe, Unit
from ctosd.runtime.execution import ExecutionEngine
from ctosd.testing.journal import MemoryJournal
from ctosd.testing.venue import ScriptedVenue

T = TypeVar("T")
START_NS = 1_700_000_000_000_000_000


class ListLog:
    """A logger that keeps what it is told: `(level, event, fields)`."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def debug(self, event: str, **fields: Any) -> None:
        self.lines.append(("debug", event, fields))

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append(("error", event, fields))

    def events(self, name: str) -> list[dict[str, Any]]:
        """The fields of every line with this event name."""
        return [fields for _, event, fields in self.lines if event == name]


class Rig:
    """A kernel with one scripted venue `test` and its account `test/main`. Make it inside a running loop."""

    def __init__(
        self,
        *,
        journal: MemoryJournal | None = None,
        house: Limits | None = None,
        instruments: Sequence[Instrument] = (),
        clock: VirtualClock | WallClock | None = None,
    ) -> None:
        self.log = ListLog()
        self.journal = journal or MemoryJournal()
        self.clock = clock or getattr(asyncio.get_running_loop(), "clock", None) or WallClock()
        self.system: System = build(
            clock=self.clock, journal=self.journal, house=house or Limits(), log=self.log, jitter=lambda: 0.5
        )
        self.desk = self.system.desk
        self.venue = ScriptedVenue(("test/main",), self.ports("test", self.log), instruments)
        self.system.add_driver(self.venue)

    def ports(self, venue: str, log: Log) -> Ports:
        """What a driver is handed here."""

        def no_feed(spec: Mapping[str, Any]) -> Any:
            raise NotImplementedError(f"no feed in a rig: {spec}")

        return Ports(
            venue=venue,
            clock=self.clock,
            log=log,
            publish=self.system.desk.bus.publish,
            spawn=lambda name, coro: void(self.system.desk.tasks.spawn(name, coro)),
            open_feed=no_feed,
        )

    def unit(self, factory: type[Strategy], name: str = "mine", params: Any = None, **recipe: Any) -> Unit:
        """Put a strategy into the process table."""
        facts: dict[str, Any] = {"accounts": ("test/main",), "exit": ExitPolicy(), **recipe}
        made = Recipe(name=name, use=factory.__name__, factory=factory, params=params or factory.Params(), **facts)
        return self.system.add_unit(made, ExecutionEngine, self.log)

    async def start(self) -> None:
        """Connect, recover and start every unit; the market stands at 99.9 / 100.1."""
        await self.system.start()
        symbol = self.venue.listed[0].symbol
        self.desk.market.watch("quotes", "test", symbol)
        self.venue.quote(99.9, 100.1)


def void(_: Any) -> None:
    """Drop a value."""


def run_virtual(coro: Coroutine[Any, Any, T], start_ns: int = START_NS) -> T:
    """Run a coroutine on a fresh virtual loop: sleeps cost nothing."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(VirtualClock(start_ns))) as runner:
        return runner.run(coro)
