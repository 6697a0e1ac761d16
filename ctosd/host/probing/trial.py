"""The venue's own driver, started for a look and stopped again: clock, market data, accounts.

It has a budget, a store and tasks of its own, publishes to nobody, and never sends an order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from ctosd.abi.driver import ClockReading, Finding, Ports
from ctosd.abi.errors import AuthFailed, Misconfigured
from ctosd.abi.events import Event, Quote
from ctosd.abi.instruments import Kind
from ctosd.host.config.settings import VenueConfig
from ctosd.host.network import Network
from ctosd.host.probing.check import Check
from ctosd.host.probing.pace import Pace
from ctosd.kernel.budget import SharedBudget
from ctosd.kernel.clock import SteadyClock
from ctosd.kernel.tasks import Tasks
from ctosd.testing.store import MemoryStore

STEPS = 3
"""A start and a look at an account ask several things, one after the other: they may take as many time-outs."""
STOP_S = 2.0
TOLERATED_NS = 1_000_000_000
BUSY = ("BTC", "ETH", "SOL")
"""Coins whose quotes never rest."""
NTP = "set this machine's clock: timedatectl set-ntp true"

Secrets = Mapping[str, Mapping[str, str]]


class Mute:
    """A log that keeps nothing: what is wrong comes out as a check."""

    def debug(self, event: str, **fields: Any) -> None: ...
    def info(self, event: str, **fields: Any) -> None: ...
    def warning(self, event: str, **fields: Any) -> None: ...
    def error(self, event: str, **fields: Any) -> None: ...


class Trial:
    """One driver with the accounts of `secrets`. Raises `Misconfigured` when it cannot even be made."""

    def __init__(
        self, venue: VenueConfig, secrets: Secrets, *, clock: SteadyClock, pace: Pace, timeout_s: float
    ) -> None:
        self.venue = venue
        self.timeout_s = timeout_s
        self.refused = False  # whether the start failed for what somebody must change
        self._tasks = Tasks(lambda name, error: None)
        self._first: asyncio.Future[Quote] = asyncio.get_running_loop().create_future()
        log, budget = Mute(), SharedBudget(clock, venue.manifest.limits)
        self._network = Network(
            venue.name, venue.network.proxy, clock=clock, spawn=self._tasks.spawn, budget=budget, log=log,
            jitter=lambda: 0.5,
        )  # fmt: skip
        self._network.dial = pace.noted(self._network.dial)
        ports = Ports(
            venue=venue.name, clock=clock, log=log, publish=self._hear, spawn=self._spawn, open_feed=_no_feed,
            store=MemoryStore() if venue.manifest.keeps_store else None, secrets=secrets, **self._network.ports(),
        )  # fmt: skip
        self.driver = venue.driver_class(venue.settings, tuple(secrets), ports)
        budget.declare(self.driver.manifest.limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            async with asyncio.timeout(STOP_S):
                await self.driver.stop()
        except Exception:  # noqa: BLE001, S110 - it was asked everything already, and its tasks end below
            pass
        await self._tasks.cancel(STOP_S)
        await self._network.close()

    def _spawn(self, name: str, coro: Coroutine[Any, Any, None]) -> None:
        self._tasks.spawn(name, coro)

    def _hear(self, name: str, event: Event) -> None:
        if isinstance(event, Quote) and not self._first.done():
            self._first.set_result(event)

    # -- the steps ------------------------------------------------------------------------------------------------------

    async def start(self, target: str) -> Check:
        """Everything that a start of the daemon does with this venue."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(STEPS * self.timeout_s):
                await self.driver.start()
            message = f"{len(self.driver.instruments())} instruments"
        except Exception as error:  # noqa: BLE001 - whatever a driver raises is what is wrong with it
            self.refused = isinstance(error, (AuthFailed, Misconfigured))
            return _failed("start", target, began, error, STEPS * self.timeout_s, _start_remedy(error, self.venue))
        return Check(name="start", target=target, ok=True, ms=_ms(began), message=message)

    async def clock(self) -> Check:
        """The venue's clock against ours. Some drivers know it only after their start."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout_s):
                reading = await self.driver.fetch_clock()
        except Exception as error:  # noqa: BLE001 - as above
            return _failed("clock", self.venue.name, began, error, self.timeout_s, "see what else is wrong")
        return judged(reading, self.venue.name)

    async def quote(self) -> Check | None:
        """Whether market data flows; None where no market is sure to move."""
        symbol = self._busiest()
        if not symbol:
            return None
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout_s):
                await self.driver.subscribe("quotes", symbol)
                quote = await asyncio.shield(self._first)
        except Exception as error:  # noqa: BLE001 - as above
            remedy = "WebSockets open and tell nothing: look at the venue's status page, and at what lies between"
            return _failed("market data", symbol, began, error, self.timeout_s, remedy)
        message = f"bid {quote.bid}, ask {quote.ask}"
        return Check(name="market data", target=symbol, ok=True, ms=_ms(began), message=message)

    def _busiest(self) -> str:
        listed = {(each.base, each.kind): each.symbol for each in reversed(self.driver.instruments())}
        kinds: tuple[Kind, ...] = ("perp", "spot")
        return next((listed[coin, kind] for kind in kinds for coin in BUSY if (coin, kind) in listed), "")

    async def preflight(self, account: str) -> list[Check]:
        """What a person should know of the account before it trades. Changes nothing."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(STEPS * self.timeout_s):
                findings = await self.driver.preflight(account)
        except Exception as error:  # noqa: BLE001 - as above
            remedy = _start_remedy(error, self.venue)
            return [_failed("preflight", account, began, error, STEPS * self.timeout_s, remedy)]
        return [_found(account, finding) for finding in findings]


class Look(NamedTuple):
    """What one trial found: of the venue's clock, of the start, of its market and of the accounts."""

    clock: Check
    started: Check
    market: list[Check]
    accounts: list[Check]


async def try_out(
    venue: VenueConfig, secrets: Secrets, *, clock: SteadyClock, pace: Pace, timeout_s: float
) -> list[Check]:
    """Clock, market data, start, then each account that has credentials.

    A start that fails is tried again with less, to learn whose fault it is: each account alone, then none.
    """
    keyed = [account for account, fields in secrets.items() if fields]

    async def attempt(accounts: Sequence[str], target: str) -> Look:
        await pace.rest()
        wanted = {account: secrets[account] if account in accounts else {} for account in secrets}
        async with Trial(venue, wanted, clock=clock, pace=pace, timeout_s=timeout_s) as trial:
            return await _look(trial, accounts, target)

    whole = await attempt(keyed, ", ".join(keyed) or venue.name)
    if whole.started.ok or not keyed:
        return [whole.clock, whole.started, *whole.market, *whole.accounts]
    bare = await attempt((), "without keys")
    if not bare.started.ok:
        return [whole.clock, whole.started, *whole.accounts]
    alone = [await attempt([account], account) for account in keyed] if len(keyed) > 1 else [whole]
    return [
        bare.clock,
        bare.started,
        *bare.market,
        *(check for each in alone for check in (each.started, *each.accounts)),
    ]


async def _look(trial: Trial, accounts: Sequence[str], target: str) -> Look:
    read = await trial.clock()
    started = await trial.start(target)
    if not started.ok:
        told = [await trial.preflight(account) for account in accounts if trial.refused]
        return Look(read, started, [], [check for part in told for check in part if check.name != "preflight"])
    read = read if read.ok else await trial.clock()
    quoted = await trial.quote()
    told = [await trial.preflight(account) for account in accounts]
    return Look(read, started, [quoted] if quoted is not None else [], [check for part in told for check in part])


def judged(reading: ClockReading, venue: str) -> Check:
    """A wrong clock makes signatures expire; half a round trip of it nobody can know."""
    offset_ns, unsure_ns = reading.offset_ns, reading.round_trip_ns // 2
    side = "ahead of" if offset_ns < 0 else "behind"
    message = f"this machine is {abs(offset_ns) / 1e6:.0f} ms {side} the venue, known to {unsure_ns / 1e6:.0f} ms"
    ok = abs(offset_ns) - unsure_ns <= TOLERATED_NS
    ms = round(reading.round_trip_ns / 1e6, 1)
    return Check(name="clock", target=venue, ok=ok, ms=ms, message=message, remedy="" if ok else NTP)


def _found(account: str, finding: Finding) -> Check:
    return Check(
        name=finding.subject, target=account, ok=finding.ok, message=finding.message, remedy=finding.remedy,
        matters=finding.blocks,
    )  # fmt: skip


def _failed(name: str, target: str, began: float, error: Exception, within_s: float, remedy: str) -> Check:
    message = str(error) or (f"not done within {within_s:g} s" if isinstance(error, TimeoutError) else repr(error))
    return Check(name=name, target=target, ok=False, ms=_ms(began), message=message, remedy=remedy)


def _start_remedy(error: Exception, venue: VenueConfig) -> str:
    if isinstance(error, AuthFailed):
        environment = getattr(venue.settings, "environment", "")
        where = f"; they must be keys for {environment} trading" if environment and not venue.local else ""
        return f"correct the credentials in accounts.yaml{where}"
    if isinstance(error, Misconfigured):
        return ""  # its message says what to change
    return "see the lines above, and the venue's status page; --timeout waits longer"


def _ms(began: float) -> float:
    return round((time.perf_counter() - began) * 1e3, 1)


def _no_feed(spec: Mapping[str, Any]) -> Any:
    raise Misconfigured(f"a probe plays no recording: {spec}")
