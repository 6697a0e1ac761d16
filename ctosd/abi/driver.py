"""What a driver is: one venue, its peculiarities inside, behind one set of verbs.

A driver is handed everything that touches the world (`Ports`). It publishes market data on
``topic(channel, venue, symbol)`` and what concerns an account on ``topic("private", venue)``, and answers commands with an
`Outcome`. It never retries a place or an amend, and never raises to mean "maybe": that is `Unknown`.

`start` raises `NotReady` (its supervisor tries again), `AuthFailed` or `Misconfigured` (permanent).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Protocol

import msgspec

from ctosd.abi.clock import Clock
from ctosd.abi.commands import Cancel, Command, Outcome, Rejected
from ctosd.abi.errors import NotReady
from ctosd.abi.events import (
    Balance,
    Bar,
    BookDelta,
    Channel,
    Event,
    Fill,
    Funding,
    FundingPayment,
    MarketEvent,
    OrderUpdate,
    Position,
    Quote,
)
from ctosd.abi.instruments import Instrument
from ctosd.abi.transport import Dialect, Http, Session


@dataclass(frozen=True, slots=True)
class Limit:
    """A token bucket of the venue: `capacity` tokens, refilled at `rate` a second; `reserve` is for cancels and exits."""

    name: str
    capacity: float
    rate: float
    reserve: float = 0.0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a driver is and can do. `config` is a dataclass: the driver's own section of the configuration."""

    name: str
    config: type
    documentation: str = ""
    simulated: bool = False  # no real money can move: needs no arming, may run on the virtual clock
    keeps_store: bool = False  # the driver needs `Ports.store`
    can_amend: bool = True
    can_batch: bool = False  # `submit_batch` is one request
    can_hedge: bool = False
    can_trigger: bool = False  # conditional orders (`Place.trigger`)
    has_dead_man: bool = False
    limits: tuple[Limit, ...] = ()
    emulator_credentials: Mapping[str, str] = field(default_factory=dict)  # what its emulator takes: no secret
    expiry_ms: int = 5_000  # how long a command stays acceptable at the venue after it was signed
    grace_ms: int = 10_000  # how long after that an order can still turn up


Costs = Sequence[tuple[str, float]]
"""`(limit name, tokens)` pairs. ``place@BTC/USDT`` is limit `place`, counted apart for that scope."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a preflight or a probe found. `remedy` tells a person what to do; empty when nothing is wrong."""

    subject: str  # "position mode", "key rights", "clock"
    ok: bool
    message: str
    remedy: str = ""
    blocks: bool = False  # no order of this account may leave until it is mended


class ClockReading(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's clock against ours: ``offset_ns = venue - ours`` at the middle of the round trip."""

    offset_ns: int
    round_trip_ns: int


class Budget(Protocol):
    """The venue's rate limits as they stand, shared with every order that leaves: one budget for all."""

    async def take(self, costs: Costs, *, urgent: bool = False, patience_s: float = 30.0) -> None:
        """Return when `costs` are taken. Raises `NotReady` when that would take longer than `patience_s`."""
        ...

    def sync_used(self, name: str, used: float, allowed: float = 0.0) -> None:
        """The venue's own counter of a limit; `name` as in `costs`."""
        ...

    def penalise(self, until_ns: int, name: str = "") -> None:
        """Hold one limit back, or without a name everything that goes to this venue."""
        ...


class Log(Protocol):
    """A structured logger: an event name and fields."""

    def debug(self, event: str, **fields: Any) -> Any: ...
    def info(self, event: str, **fields: Any) -> Any: ...
    def warning(self, event: str, **fields: Any) -> Any: ...
    def error(self, event: str, **fields: Any) -> Any: ...


class Feed(Protocol):
    """A recorded market: `(arrival time in ns, event)` in the order of arrival. Iterating again starts again."""

    def __iter__(self) -> Iterator[tuple[int, MarketEvent]]: ...

    def statistics(self) -> Mapping[str, Any]: ...


class Store(Protocol):
    """A small durable record for a driver (the paper venue keeps its accounts here, as an exchange would)."""

    def read(self) -> Mapping[str, bytes]: ...

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Commit all changes or none; survives a kill of the process. None deletes a key."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What the host hands to a driver."""

    venue: str  # the name this venue has in the configuration; also the head of its accounts' names
    clock: Clock
    log: Log
    publish: Callable[[str, Event], None]
    spawn: Callable[
        [str, Coroutine[Any, Any, None]], None
    ]  # a supervised background task, cancelled when the driver stops
    open_feed: Callable[[Mapping[str, Any]], Feed]  # a recorded market by its description
    store: Store | None = None
    drive: Callable[[Feed, Callable[[int, MarketEvent], None]], None] | None = (
        None  # virtual clock: the kernel pumps the feed
    )
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # account name -> its credentials
    # What follows is there for venues that are reached over the network.
    http: Http | None = None
    open_session: Callable[[Dialect], Session] | None = None
    budget: Budget | None = None


class Driver(ABC):
    """One venue with its accounts. `accounts` are full names, such as ``okx/main``."""

    manifest: ClassVar[Manifest]

    def __init__(self, config: Any, accounts: Sequence[str], ports: Ports) -> None:
        self.config = config
        self.accounts = tuple(accounts)
        self.ports = ports
        self.venue = ports.venue

    # -- life -----------------------------------------------------------------------------------------------------------

    @abstractmethod
    async def start(self) -> None:
        """Connect; when this returns, instruments are known and queries are answered."""

    @abstractmethod
    async def stop(self) -> None:
        """Disconnect, within a second or two. Open orders stay as they are."""

    # -- market ---------------------------------------------------------------------------------------------------------

    @abstractmethod
    def instruments(self) -> Sequence[Instrument]: ...

    @abstractmethod
    async def subscribe(self, channel: Channel, symbol: str, timeframe: str = "") -> None:
        """Make the stream flow on its topic. Asking twice for the same stream changes nothing."""

    def price_stream(self, symbol: str) -> tuple[Channel, str]:
        """`(channel, timeframe)` of the stream by which a present price of `symbol` is had at the least cost."""
        return "quotes", ""

    @abstractmethod
    async def fetch_quote(self, symbol: str) -> Quote: ...

    @abstractmethod
    async def fetch_orderbook(self, symbol: str, level: int) -> BookDelta:
        """A snapshot with at most `level` levels a side, best first."""

    @abstractmethod
    async def fetch_klines(
        self, symbol: str, timeframe: str, limit: int, start_ns: int = 0, end_ns: int = 0
    ) -> Sequence[Bar]:
        """Closed bars, oldest first, at most the newest `limit` of the range."""

    @abstractmethod
    async def fetch_funding(self, symbol: str) -> Funding | None:
        """None for an instrument without funding."""

    # -- trading --------------------------------------------------------------------------------------------------------

    @abstractmethod
    async def submit(self, command: Command) -> Outcome:
        """Exactly one write. Whatever cannot be read afterwards is `Unknown`.

        It is run to its first suspension inside the strategy's task, so that the bytes leave at once, and finished in a task
        of its own: nothing on the way may remember the current task (`asyncio.timeout`, `wait_for`, a task group).
        """

    @abstractmethod
    def costs(self, command: Command) -> Costs:
        """What the command takes from the limits."""

    @abstractmethod
    async def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None: ...

    # -- queries; they raise `NotReady` when the venue cannot be asked ------------------------------------------------------

    @abstractmethod
    async def fetch_order(self, account: str, symbol: str, client_id: str) -> OrderUpdate | None:
        """None means that the venue says it knows no such order."""

    @abstractmethod
    async def fetch_open_orders(self, account: str, symbol: str = "") -> Sequence[OrderUpdate]: ...

    @abstractmethod
    async def fetch_fills(self, account: str, since_ns: int) -> Sequence[Fill]:
        """Fills at or after `since_ns`, oldest first."""

    @abstractmethod
    async def fetch_balances(self, account: str) -> Sequence[Balance]: ...

    @abstractmethod
    async def fetch_positions(self, account: str) -> Sequence[Position]: ...

    async def fetch_funding_payments(self, account: str, since_ns: int) -> Sequence[FundingPayment]:
        """The venue's own record of funding, at or after `since_ns`, oldest first; () where there is no funding.

        A payment has the same `payment_id` whenever and however it is told: the kernel books it once.
        """
        return ()

    # -- what venues have beyond that; the defaults are those of a venue that has none of it -------------------------------

    @property
    def live(self) -> bool:
        """Whether real money can move with the configuration that this driver has."""
        return not self.manifest.simulated

    @property
    def written(self) -> int | None:
        """Places and amends that left, counted where their bytes leave; None for a driver that does not count."""
        return None

    async def submit_batch(self, commands: Sequence[Command]) -> Sequence[Outcome]:
        """Several commands of one account and kind, outcomes in their order. With `can_batch` in as few writes as can be.

        Only the driver knows how they go together: unlike `submit`, this takes from the budget what its writes cost.
        """
        return [await self._submit_alone(command) for command in commands]

    async def _submit_alone(self, command: Command) -> Outcome:
        """`submit` for one of several, after it took what it costs."""
        if self.ports.budget is not None:
            try:
                await self.ports.budget.take(self.costs(command), urgent=isinstance(command, Cancel))
            except NotReady as error:
                return Rejected(
                    client_id=command.client_id,
                    reason="deadline",
                    message=str(error),
                    time_ns=self.ports.clock.now_ns(),
                )
        return await self.submit(command)

    async def cancel_everything(self, account: str, symbol: str = "") -> None:
        """Every open order of the account, whoever's, conditional ones included. Raises `NotReady` when that is not sure."""
        raise NotReady(f"{self.venue} cannot cancel everything at once")

    async def refresh_dead_man(self, account: str, symbols: Collection[str], timeout_s: float) -> None:
        """Have the venue cancel our orders unless this is called again within `timeout_s`; 0 disarms. Raises `NotReady`."""
        raise NotReady(f"{self.venue} has no dead-man switch")

    async def fetch_clock(self) -> ClockReading:
        """The venue's clock. Raises `NotReady`."""
        return ClockReading(offset_ns=0, round_trip_ns=0)

    async def preflight(self, account: str, consent: Collection[str] = ()) -> Sequence[Finding]:
        """What a person should know of the account before it trades. Changes only the subjects in `consent`."""
        return ()

    def endpoints(self) -> Mapping[str, str]:
        """The addresses in use: name -> URL."""
        return {}

    def statistics(self) -> Mapping[str, Any]:
        return {}
