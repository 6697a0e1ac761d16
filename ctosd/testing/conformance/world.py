"""A driver in a world of its own: virtual clock, shared budget, kept sessions, and its emulator joined in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

from ctosd.abi import (
    Accepted,
    Amend,
    Cancel,
    Command,
    Dialect,
    Driver,
    Emulator,
    Event,
    Fill,
    Instrument,
    Misconfigured,
    OrderType,
    OrderUpdate,
    Outcome,
    Place,
    Ports,
    Rejected,
    Session,
    Side,
    TimeInForce,
    topic,
)
from ctosd.core.ids import ClientIds
from ctosd.kernel.budget import SharedBudget
from ctosd.kernel.clock import VirtualClock
from ctosd.kernel.session import KeptSession
from ctosd.kernel.tasks import Tasks
from ctosd.testing.memory import MemoryDial, MemoryHttp
from ctosd.testing.rig import ListLog, void
from ctosd.testing.store import MemoryStore

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is examined. `settings` are the driver's own; `emulated` those of its emulator."""

    driver: type[Driver]
    emulator: type[Emulator] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    emulated: Any = None
    venue: str = "venue"
    perp: str = ""  # a symbol of each kind, or none
    spot: str = ""
    seed: int = 7

    @property
    def symbol(self) -> str:
        return self.perp or self.spot


class World:
    """Everything around one driver. `heard` is what it published, in order: ``(topic, event)``."""

    def __init__(self, subject: Subject, *, secrets: bool = True) -> None:
        clock = getattr(asyncio.get_running_loop(), "clock", None)
        if not isinstance(clock, VirtualClock):
            raise Misconfigured("the suite runs on the virtual clock: see ctosd.testing.rig.run_virtual")
        self.subject = subject
        self.clock = clock
        self.log = ListLog()
        self.heard: list[tuple[str, Event]] = []
        self.failures: list[tuple[str, BaseException]] = []
        self.tasks = Tasks(lambda name, error: self.failures.append((name, error)))
        self.ids = ClientIds(1)
        self.random = Random(subject.seed)
        self.account = f"{subject.venue}/main"
        self.store = MemoryStore()
        self.symbol = subject.symbol
        self.listeners: list[Callable[[str, Event], None]] = []
        self.emulator = subject.emulator(subject.emulated, self._plain_ports("emulator")) if subject.emulator else None
        self.http = MemoryHttp(self.emulator, clock) if self.emulator else None
        self.dial = MemoryDial(self.emulator, clock) if self.emulator else None
        self.budget = SharedBudget(clock, subject.driver.manifest.limits)
        if self.emulator is not None:
            self.emulator.start()
        self.driver = self._driver(secrets)
        self.budget.declare(self.driver.manifest.limits)

    def _plain_ports(self, venue: str) -> Ports:
        def no_feed(spec: Mapping[str, Any]) -> Any:
            raise Misconfigured(f"no feed in this world: {spec}")

        return Ports(
            venue=venue,
            clock=self.clock,
            log=self.log,
            publish=lambda name, event: None,
            spawn=lambda name, coro: void(self.tasks.spawn(name, coro)),
            open_feed=no_feed,
        )

    def _driver(self, secrets: bool) -> Driver:
        plain = self._plain_ports(self.subject.venue)
        known: dict[str, Mapping[str, str]] = {}
        if secrets and self.emulator is not None:
            known[self.account] = self.emulator.credentials()[0]
        ports = Ports(
            venue=plain.venue,
            clock=plain.clock,
            log=plain.log,
            publish=self._publish,
            spawn=plain.spawn,
            open_feed=plain.open_feed,
            store=self.store,
            secrets=known,
            http=self.http,
            open_session=self._session if self.dial is not None else None,
            budget=self.budget,
        )
        config = self.subject.driver.manifest.config(**self._settings())
        return self.subject.driver(config, (self.account,), ports)

    def _settings(self) -> dict[str, Any]:
        settings = dict(self.subject.settings)
        if self.emulator is not None:
            settings.setdefault("endpoints", addresses(self.emulator, settings.get("product", "")))
        return settings

    def _session(self, dialect: Dialect) -> Session:
        assert self.dial is not None
        return KeptSession(
            dialect,
            self.dial,
            self.clock,
            self.tasks.spawn,
            self.budget,
            self.log,
            self.random.random,
            self.subject.venue,
        )

    def _publish(self, name: str, event: Event) -> None:
        self.heard.append((name, event))
        for listener in self.listeners:
            listener(name, event)

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        await self.driver.start()

    async def restart(self, down_s: float) -> None:
        """Stop the driver, let time pass, and start a new one on what the first one stored."""
        await self.driver.stop()
        await self.pass_s(down_s)
        self.driver = self._driver(secrets=True)
        await self.start()

    async def close(self) -> None:
        await self.driver.stop()
        if self.emulator is not None:
            self.emulator.stop()
        await self.tasks.cancel()

    async def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.sleep(seconds)

    async def until(self, ready: Callable[[], Any], within_s: float = 30.0, what: str = "") -> None:
        """Let time pass until `ready()` is true; fails after `within_s`."""
        end_ns = self.clock.now_ns() + int(within_s * 1e9)
        while not ready():
            assert self.clock.now_ns() < end_ns, f"not within {within_s:g} s: {what or ready}"
            await self.clock.sleep(0.05)

    # -- what was published -----------------------------------------------------------------------------------------------

    def on(self, channel: str, timeframe: str = "", symbol: str = "") -> list[Any]:
        """Events of one stream."""
        name = topic(channel, self.subject.venue, symbol or self.symbol, timeframe)
        return [event for each, event in self.heard if each == name]

    def private(self, kind: type[T], client_id: str = "") -> list[T]:
        """Private events of one kind, of one order if asked."""
        name = topic("private", self.subject.venue)
        found = [event for each, event in self.heard if each == name and isinstance(event, kind)]
        return [event for event in found if not client_id or getattr(event, "client_id", "") == client_id]

    def statuses(self) -> list[Any]:
        return [event for each, event in self.heard if each == topic("status", self.subject.venue)]

    def last_state(self, client_id: str) -> str:
        updates = self.private(OrderUpdate, client_id)
        return updates[-1].state if updates else ""

    # -- orders -------------------------------------------------------------------------------------------------------------

    def instrument(self, symbol: str = "") -> Instrument:
        wanted = symbol or self.symbol
        return next(each for each in self.driver.instruments() if each.symbol == wanted)

    async def price(self, away: str = "0", side: Side = "buy", symbol: str = "") -> Decimal:
        """A price on the tick, `away` (a fraction) below the market for a buy, above it for a sell."""
        quote = await self.driver.fetch_quote(symbol or self.symbol)
        mid = Decimal(str((quote.bid + quote.ask) / 2))
        factor = 1 - Decimal(away) if side == "buy" else 1 + Decimal(away)
        return self.instrument(symbol).round_price(mid * factor, side)

    async def size(self, times: int = 2, symbol: str = "") -> Decimal:
        """A small size that the venue takes: `times` its minimum."""
        instrument = self.instrument(symbol)
        price = await self.price(symbol=symbol)
        least = max(instrument.min_size, instrument.lot, instrument.min_notional / price * Decimal("1.3"))
        lots = -(-least * times // instrument.lot)
        return lots * instrument.lot

    def place(
        self,
        side: Side,
        size: Decimal,
        price: Decimal | None = None,
        *,
        type: OrderType | None = None,
        tif: TimeInForce = "gtc",
        client_id: str = "",
        symbol: str = "",
        **more: Any,
    ) -> Place:
        manifest = self.driver.manifest
        now_ns = self.clock.now_ns()
        return Place(
            account=self.account,
            client_id=client_id or self.ids.mint(),
            symbol=symbol or self.symbol,
            side=side,
            type=type or ("market" if price is None else "limit"),
            size=size,
            price=price,
            tif="ioc" if price is None and tif == "gtc" else tif,
            expires_ns=now_ns + manifest.expiry_ms * 1_000_000 if manifest.expiry_ms else 0,
            **more,
        )

    async def submit(self, command: Command) -> Outcome:
        """As the kernel does: take the costs, then write once."""
        await self.budget.take(self.driver.costs(command), urgent=isinstance(command, Cancel))
        return await self.driver.submit(command)

    async def accepted(self, command: Command) -> Accepted:
        outcome = await self.submit(command)
        assert isinstance(outcome, Accepted), outcome
        return outcome

    async def refused(self, command: Command, *reasons: str) -> str:
        """Submit what must be refused, at once or by the private stream; returns the reason, which must be one of `reasons`."""
        outcome = await self.submit(command)
        if isinstance(outcome, Accepted):
            await self.until(lambda: self.last_state(command.client_id) in ("rejected", "expired", "cancelled"), 10)
            reason = self.private(OrderUpdate, command.client_id)[-1].reason
        else:
            assert isinstance(outcome, Rejected), outcome
            reason = outcome.reason
        assert not reasons or reason in reasons, f"refused for {reason!r}, not for one of {reasons}"
        return reason

    async def resting(self, side: Side = "buy", away: str = "0.05", **more: Any) -> Place:
        """A limit order that rests far from the market, told by the private stream."""
        command = self.place(side, await self.size(), await self.price(away, side), **more)
        await self.accepted(command)
        await self.until(lambda: self.last_state(command.client_id) == "open", 10, f"{command.client_id} open")
        return command

    def cancel_of(self, command: Place, venue_id: str = "") -> Cancel:
        return Cancel(account=self.account, client_id=command.client_id, venue_id=venue_id, symbol=command.symbol)

    def amend_of(self, command: Place, **changes: Any) -> Amend:
        updates = self.private(OrderUpdate, command.client_id)
        return Amend(
            account=self.account,
            client_id=command.client_id,
            venue_id=updates[-1].venue_id if updates else "",
            symbol=command.symbol,
            side=command.side,
            old_price=command.price,
            old_size=command.size,
            expires_ns=self.clock.now_ns() + self.driver.manifest.expiry_ms * 1_000_000,
            **changes,
        )

    async def filled(self, side: Side, size: Decimal | None = None, **more: Any) -> Place:
        """A market order that is filled, told by the private stream."""
        command = self.place(side, size or await self.size(), **more)
        await self.accepted(command)
        await self.until(lambda: self.last_state(command.client_id) == "filled", 10, f"{command.client_id} filled")
        return command

    def traded(self, client_id: str) -> Decimal:
        return sum((fill.size for fill in self.private(Fill, client_id)), Decimal(0))

    # -- trouble --------------------------------------------------------------------------------------------------------------

    def knows_fault(self, name: str) -> bool:
        return self.emulator is not None and name in self.emulator.faults

    def fault(self, name: str, value: float) -> None:
        assert self.emulator is not None
        self.emulator.set_fault(name, value)


def addresses(emulator: Emulator, product: str = "", host: str = "127.0.0.1:9") -> dict[str, str]:
    """What a driver is given as `endpoints:` so that it meets this emulator.

    An emulator of several products names the addresses of the further ones ``product.name``.
    """
    given = emulator.endpoints()
    own = {name.partition(".")[2]: where for name, where in given.items() if product and name.startswith(f"{product}.")}
    found = {}
    for name, where in (own or {name: where for name, where in given.items() if "." not in name}).items():
        scheme, _, path = where.partition(":")
        found[name] = f"{scheme}://{host}{path}"
    return found


def titles(checks: Sequence[Any]) -> str:
    """The suite as a numbered list, for documents."""
    return "\n".join(f"{each.number:2}. {each.title}" for each in checks)
