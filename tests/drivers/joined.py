"""A whole kernel, a real driver and its venue's emulator, joined in memory on the virtual clock of the running loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from ctosd.abi import Dialect, Ports, Session
from ctosd.core.gate import Limits
from ctosd.kernel.budget import SharedBudget
from ctosd.kernel.clock import VirtualClock
from ctosd.kernel.session import KeptSession
from ctosd.kernel.system import build
from ctosd.testing.conformance.world import Subject, addresses
from ctosd.testing.journal import MemoryJournal
from ctosd.testing.memory import MemoryDial, MemoryHttp
from ctosd.testing.rig import ListLog, void
from ctosd.testing.store import MemoryStore


class Joined:
    """`random` gives the jitter of the sessions, `jitter` that of the kernel."""

    def __init__(
        self,
        subject: Subject,
        accounts: Sequence[str],
        *,
        house: Limits,
        latency_s: float,
        random: Random,
        jitter: Random,
    ) -> None:
        clock = asyncio.get_running_loop().clock  # type: ignore[attr-defined]
        assert isinstance(clock, VirtualClock)
        assert subject.emulator is not None
        self.clock, self.subject, self.random = clock, subject, random
        self.log, self.journal = ListLog(), MemoryJournal()
        self.system = build(clock=clock, journal=self.journal, house=house, log=self.log, jitter=jitter.random)
        self.accounts = tuple(f"{subject.venue}/{account}" for account in accounts)
        self.emulator = subject.emulator(subject.emulated, self._ports("emulator"))
        self.emulator.start()
        self.http, self.dial = MemoryHttp(self.emulator, clock, latency_s), MemoryDial(self.emulator, clock, latency_s)
        self.budget = SharedBudget(clock, subject.driver.manifest.limits)
        settings = {**subject.settings, "endpoints": addresses(self.emulator, subject.settings.get("product", ""))}
        ports = replace(self._ports(subject.venue), store=MemoryStore(), http=self.http, open_session=self._session,
                        budget=self.budget, secrets=dict(zip(self.accounts, self.emulator.credentials(), strict=False)))  # fmt: skip
        self.driver = subject.driver(subject.driver.manifest.config(**settings), self.accounts, ports)
        self.system.add_driver(self.driver, self.budget, 60.0)

    def _ports(self, venue: str) -> Ports:
        desk = self.system.desk
        publish: Any = desk.bus.publish if venue != "emulator" else lambda name, event: None
        return Ports(venue=venue, clock=self.clock, log=self.log, publish=publish, open_feed=self._no_feed,
                     spawn=lambda name, coro: void(desk.tasks.spawn(name, coro)))  # fmt: skip

    @staticmethod
    def _no_feed(spec: Mapping[str, Any]) -> Any:
        raise NotImplementedError(f"no feed here: {spec}")

    def _session(self, dialect: Dialect) -> Session:
        return KeptSession(dialect, self.dial, self.clock, self.system.desk.tasks.spawn, self.budget, self.log,
                           self.random.random, self.subject.venue)  # fmt: skip

    async def end(self) -> None:
        """Nothing of it lives on."""
        await self.system.stop("done")
        self.emulator.stop()
        await self.system.desk.tasks.cancel()
