"""A unit: one configured strategy as a process, with its wanted state and its actual one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from ctosd.abi.driver import Log
from ctosd.abi.errors import Misconfigured
from ctosd.abi.events import Channel, Fill
from ctosd.abi.orders import Order
from ctosd.abi.strategy import Handled, Strategy
from ctosd.core.gate import Limits
from ctosd.core.restart import Intensity, RestartPolicy
from ctosd.kernel.blotter import Own
from ctosd.kernel.clock import SECOND, Deadline
from ctosd.kernel.desk import Desk
from ctosd.kernel.fold import Saved
from ctosd.kernel.mailbox import Handler, Policy
from ctosd.kernel.scheduler import Lane, Scheduler
from ctosd.kernel.seat import Seat
from ctosd.kernel.syscalls import Handle

State = Literal["new", "starting", "running", "stopping", "stopped", "backoff", "parked", "zombie"]
ExitWord = Literal["keep", "cancel", "flatten"]

HANDLERS: dict[Channel, tuple[str, Policy]] = {
    "quotes": ("on_quote", "conflate"),
    "trades": ("on_trade", "drop-oldest"),
    "book": ("on_book", "drop-oldest"),
    "bars": ("on_bar", "never-drop"),
    "funding": ("on_funding", "conflate"),
}


@dataclass(frozen=True, kw_only=True)
class ExitPolicy:
    """What becomes of a strategy's orders and positions when it ends: `keep`, `cancel` its orders, or `flatten` too."""

    stop: ExitWord = "cancel"
    fault: ExitWord = "cancel"
    park: ExitWord = "cancel"
    shutdown: ExitWord = "cancel"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a unit is made of. `factory` is a `Strategy` subclass, `params` an instance of its `Params`."""

    name: str
    use: str
    factory: type[Strategy]
    params: Any
    accounts: tuple[str, ...]
    enabled: bool = True
    limits: Limits = field(default_factory=Limits)
    exit: ExitPolicy = field(default_factory=ExitPolicy)
    restart: RestartPolicy = field(default_factory=RestartPolicy)


class Unit:
    """One strategy in the process table. The supervisor moves it; it only knows how to be born and how to remember."""

    def __init__(
        self,
        recipe: Recipe,
        desk: Desk,
        scheduler: Scheduler,
        make_handle: Callable[[Desk, Seat, Callable[[Channel, str], None]], Handle],
        log: Log,
        saved: Saved | None = None,
    ) -> None:
        self.recipe = recipe
        self.name = recipe.name
        self.seat = Seat(recipe.name, recipe.accounts, recipe.limits, desk.clock.steady_ns)
        self.seat.save = self.save
        self.intensity = Intensity(recipe.restart)
        self.log = log
        self.state: State = "new"
        self.wanted: Literal["running", "stopped"] = "stopped"
        self.since_ns = desk.clock.now_ns()
        self.started_ns = 0
        self.restarts = 0
        self.failures = 0
        self.last_error = ""
        self.reason = ""
        self.remained: tuple[str, ...] = ()  # what its exit policy could not end, in words
        self.backoff_s = 0.0
        self.task: asyncio.Task[None] | None = None
        self.strays: set[asyncio.Task[None]] = set()
        self.lane: Lane | None = None
        self.strategy: Strategy | None = None
        self.retry: Deadline | None = None
        self._desk = desk
        self._scheduler = scheduler
        self._make_handle = make_handle
        self._saved = saved
        self._cursor = saved.cursor if saved is not None else 0
        self._sinks: dict[str, Callable[[Any], None]] = {}
        self._timer: Any = None
        self._encode = msgspec.json.Encoder().encode

    # -- birth -------------------------------------------------------------------------------------------------------------

    def build(self) -> Lane:
        """A fresh strategy object with its handle, its saved state and an empty lane."""
        recipe = self.recipe
        strategy = recipe.factory()
        strategy.name = recipe.name
        strategy.params = recipe.params
        strategy.log = self.log
        strategy.clock = self._desk.clock
        strategy.state = self._load(recipe.factory.State)
        strategy.sys = self._make_handle(self._desk, self.seat, self._subscribe)
        strategy.set_timer = self._set_timer  # type: ignore[method-assign]
        self.strategy = strategy
        self.lane = Lane(recipe.name, self._scheduler, self._after)
        return self.lane

    def _load(self, kind: type[msgspec.Struct]) -> msgspec.Struct:
        if self._saved is None:
            return kind()
        try:
            return msgspec.json.decode(self._saved.state, type=kind)
        except msgspec.ValidationError as error:
            raise Misconfigured(
                f"the saved state of {self.name} does not fit {kind.__name__}: {error}; "
                f"go back to the version that wrote it, or give the unit another name to start afresh"
            ) from error

    async def live(self) -> None:
        """The body of the unit's task: `on_start`, what was missed, then the lane; `run` beside it if there is one."""
        lane, strategy = self.lane, self.strategy
        assert lane is not None and strategy is not None
        lane.task = asyncio.current_task()
        await lane.run(strategy.on_start())
        self.save()
        self._hear_own(lane)
        self.on_running()
        if type(strategy).run is Strategy.run:
            await lane.main()
            return
        await self._beside(lane, strategy)

    def on_running(self) -> None:
        """Replaced by the supervisor."""

    async def _beside(self, lane: Lane, strategy: Strategy) -> None:
        """`run` and the handlers: the first to end ends the other. `run` returning means done."""
        loop = asyncio.get_running_loop()
        own = loop.create_task(lane.run(strategy.run()), name=f"{self.name}-run")
        mail = loop.create_task(lane.main(), name=f"{self.name}-mail")
        lane.task = mail
        try:
            await asyncio.wait({own, mail}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pending = {task for task in (own, mail) if not task.done()}
            for task in pending:
                task.cancel()
            if pending:
                _, self.strays = await asyncio.wait(pending, timeout=1.0)
        for task in (own, mail):
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def lingers(self) -> bool:
        """Whether a task of the unit is still alive."""
        tasks = self.strays if self.task is None else {self.task, *self.strays}
        return any(not task.done() for task in tasks)

    def _hear_own(self, lane: Lane) -> None:
        """Subscribe to the strategy's own orders, and first give it what came while it was down."""
        sink = lane.sink(self._on_own, "never-drop", "", own=True)
        name = f"own/{self.name}"
        for own in self._desk.blotter.missed.pop(self.name, []):
            lane.mailbox.put(self._on_own, own, "never-drop", "")
        self._sinks[name] = sink
        self._desk.bus.subscribe(name, sink)

    def _on_own(self, own: Own) -> Handled:
        strategy = self.strategy
        assert strategy is not None
        self._cursor = max(self._cursor, own.seq)  # what never left has no row of its own
        if isinstance(own.event, Order):
            return strategy.on_order(own.event)
        if isinstance(own.event, Fill):
            return strategy.on_fill(own.event)
        return None

    def _subscribe(self, channel: Channel, name: str) -> None:
        """Bring one stream into its handler, once; a handler that is not overridden costs nothing."""
        method, policy = HANDLERS[channel]
        strategy, lane = self.strategy, self.lane
        assert strategy is not None and lane is not None
        if name in self._sinks or getattr(type(strategy), method) is getattr(Strategy, method):
            return
        sink = lane.sink(getattr(strategy, method), policy, name)
        self._sinks[name] = sink
        self._desk.bus.subscribe(name, sink)

    def deafen(self) -> None:
        """Take the unit off the bus; own events that it has not handled wait for its next start."""
        for name, sink in self._sinks.items():
            self._desk.bus.unsubscribe(name, sink)
        self._sinks.clear()
        self._set_timer(0)
        if self.lane is not None:
            kept = [event for event in self.lane.left() if isinstance(event, Own)]
            if kept:
                self._desk.blotter.missed.setdefault(self.name, [])[:0] = kept

    # -- memory ------------------------------------------------------------------------------------------------------------

    def _after(self, own: bool) -> None:
        strategy = self.strategy
        if own or strategy._dirty:  # type: ignore[union-attr]
            self.save()

    def save(self) -> None:
        """Journal the state if it or its place among the own events changed."""
        strategy = self.strategy
        if strategy is None:
            return
        strategy._dirty = False
        state = self._encode(strategy.state)
        saved = self._saved
        if saved is not None and saved.state == state and saved.cursor == self._cursor:
            return
        self._saved = Saved(self._cursor, state)
        body = b'{"cursor":%d,"state":%b}' % (self._cursor, state)
        self._desk.blotter.journal.append("state", self.name, body, self._desk.clock.now_ns())

    @property
    def saved(self) -> Saved | None:
        return self._saved

    # -- timers ------------------------------------------------------------------------------------------------------------

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds <= 0 or self.lane is None or self.strategy is None:
            return
        strategy = self.strategy

        def on_timer(_: Any) -> Any:
            return strategy.on_timer()

        handler: Handler = on_timer
        sink = self.lane.sink(handler, "conflate", f"timer/{self.name}", own=True)
        when_ns = self._desk.clock.now_ns() + int(seconds * SECOND)
        self._timer = self._desk.clock.call_at(when_ns, lambda: sink(None))

    # -- facts ---------------------------------------------------------------------------------------------------------------

    def move(self, state: State, reason: str = "") -> None:
        self.state = state
        self.reason = reason
        self.since_ns = self._desk.clock.now_ns()

    def statistics(self) -> Mapping[str, Any]:
        return {
            "state": self.state,
            "wanted": self.wanted,
            "restarts": self.restarts,
            "last_error": self.last_error,
            "reason": self.reason,
            **(self.lane.statistics() if self.lane is not None else {}),
        }
