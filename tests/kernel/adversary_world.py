"""A daemon's life among adversity: kernels that live, die and come back over one journal, before one hostile venue.

A life is a list of steps; each is a verb and three small numbers, so that a failing life shrinks to a story that can be read.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import CtosError, Fill, OrderUpdate, Ports, Strategy
from ctosd.abi.commands import Cancel, Command
from ctosd.abi.events import TERMINAL
from ctosd.abi.orders import Order
from ctosd.core.gate import Limits
from ctosd.core.ledger import EXTERNAL
from ctosd.kernel.clock import SECOND
from ctosd.kernel.desk import set_mode
from ctosd.kernel.loop import VirtualLoop
from ctosd.kernel.ports import Row
from ctosd.kernel.system import System, build
from ctosd.kernel.unit import ExitPolicy, Recipe, Unit
from ctosd.runtime.execution import ExecutionEngine
from ctosd.testing.journal import MemoryJournal
from ctosd.testing.rig import START_NS, void
from tests.kernel.adversary import ACCOUNT, NEVER_S, SYMBOLS, VENUE, ZERO, Adversary, Fate, ShiftedClock, Truth

Step = tuple[str, int, int, int]
D = Decimal

STRATEGIES = ("ann", "bob")
UNBOUND = Limits(max_order_notional=None, max_position_notional=None, max_open_orders=None, price_band=None,
                 order_rate=None, duplicate_window_ms=0, max_price_age_s=None)  # fmt: skip
QUIET_S = 640.0
"""Two whole rounds of the auditor: the first may find what only the second can believe."""
COMMIT_LAG_NS, SYNC_LAG_NS = 10_000_000, 200_000_000
WAITS_S = (0.01, 0.3, 2.0, 6.0, 35.0, 0.0)
SIZES = (D(1), D(2), D("0.5"), D("0.001"))
PRICES = (D(99), D(100), D("97.5"), D("98.3"))
SHARES = (D(1), D("0.5"), D("0.3"))
STREAMS: tuple[tuple[float, ...], ...] = (
    (0.0,),
    (0.5, 0.02),
    (0.0, 3.0),
    (14.0, 0.1, 4.0),
    (0.0, 0.0, 12.0),
    (0.0, NEVER_S),
)
LAGS_S = (0.0, 0.5, 1.5, 3.0)
JUMPS_S = (60.0, -60.0, 3_600.0, -3_600.0, 2.0, -2.0)
FATES = (
    Fate(),
    Fate(unknown=True),
    Fate(lost=True),
    Fate(fills=(D("0.5"),)),
    Fate(fills=(D(1),)),
    Fate(refused="post_only"),
    Fate(answer_s=2.0),
    Fate(reach_s=1.0),
    Fate(reach_s=4.9, patience_s=2.0),
    Fate(fills=(D("0.5"),), unknown=True),
    Fate(then="rejected"),
    Fate(then="cancelled", fills=(D("0.3"),)),
    Fate(reach_s=4.9, fills=(D(1),), unknown=True),
    Fate(answer_s=8.0),
    Fate(fills=(D("0.3"), D("0.2")), answer_s=3.0),
    Fate(reach_s=6.0, answer_s=1.0, patience_s=9.0),
)
BAD_NEWS = frozenset({"order_violation", "task_failed", "subscriber_failed", "driver_raised", "writes_exceed_intents",
                      "private_event_unread", "fill_without_instrument"})  # fmt: skip


class Hands(Strategy):
    """A strategy that does nothing of its own, and remembers what it heard."""

    class State(msgspec.Struct):
        sizes: dict[str, Decimal] = {}

    async def on_fill(self, fill: Fill) -> None:
        size = fill.size if fill.side == "buy" else -fill.size
        self.state.sizes[fill.symbol] = self.state.sizes.get(fill.symbol, ZERO) + size


class Newspaper:
    """A log that keeps what must not happen."""

    def __init__(self) -> None:
        self.bad: list[str] = []

    def debug(self, event: str, **fields: Any) -> None:
        if event in BAD_NEWS:
            self.bad.append(f"{event}: {fields}")

    info = warning = error = debug


class CutJournal(MemoryJournal):
    """Knows what would be left of it: a commit survives the process, and the disk has what is older than a sync's time."""

    def __init__(self, clock: ShiftedClock, boot: int, rows: list[Row]) -> None:
        super().__init__(boot, rows)
        self._clock = clock
        self._born = len(rows)
        self._stamps: list[int] = []
        self._committed = 0

    def append(self, kind: str, key: str, body: bytes, time_ns: int) -> int:
        self._stamps.append(self._clock.time_ns)
        return super().append(kind, key, body, time_ns)

    def commit_now(self, seq: int) -> bool:
        self._committed = len(self._stamps)
        return super().commit_now(seq)

    def left(self, power: bool, cut: int) -> list[Row]:
        """The rows that the next start finds; `cut` chooses among what may be."""
        lag_ns = SYNC_LAG_NS if power else COMMIT_LAG_NS
        sure = 0 if power else self._committed
        while sure < len(self._stamps) and self._stamps[sure] <= self._clock.time_ns - lag_ns:
            sure += 1
        return self.kept[: self._born + sure + cut % (len(self._stamps) - sure + 1)]


class World:
    """One venue, one journal, one process after another."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        assert isinstance(loop.clock, ShiftedClock)
        self.clock = loop.clock
        self.main = asyncio.current_task()
        self.truth = Truth(self.clock)
        self.wrong = self.truth.wrong
        self.owner: dict[str, str] = {}
        self.fates: list[Fate] = []
        self.boots = 0
        self.persons = 0
        self.power_went = False
        self.alive = False
        self.rows: list[Row] = []
        self.ended: dict[str, str] = {}
        self.meant = self.sent = 0

    # -- processes -----------------------------------------------------------------------------------------------------------

    async def boot(self) -> None:
        """A process starts on what the last one left."""
        self.boots += 1
        self.ended = {}
        self.log = Newspaper()
        self.journal = CutJournal(self.clock, self.boots, self.rows)
        self.system: System = build(
            clock=self.clock, journal=self.journal, house=UNBOUND, log=self.log, jitter=lambda: 0.5
        )
        self.system.venues._virtual = False  # it is looked at as a venue that is reached over a network
        desk = self.system.desk
        ports = Ports(venue=VENUE, clock=self.clock, log=self.log, publish=desk.bus.publish, open_feed=_no_feed,
                      spawn=lambda name, coro: void(desk.tasks.spawn(name, coro)))  # fmt: skip
        self.driver = Adversary(self.truth, ports)
        self.driver.fates = self.fates
        self.driver.on_send = self._sent
        self.system.add_driver(self.driver)
        self.units: dict[str, Unit] = {}
        for name in STRATEGIES:
            recipe = Recipe(name=name, use="hands", factory=Hands, params=Hands.Params(), accounts=(ACCOUNT,), limits=UNBOUND,
                            exit=ExitPolicy(stop="keep", shutdown="keep"))  # fmt: skip
            self.units[name] = self.system.add_unit(recipe, ExecutionEngine, self.log)
        self.alive = True
        await self.system.venues.start()
        for unit in self.units.values():
            self.system.supervisor.start(unit)
        await asyncio.sleep(0.01)

    async def die(self, power: bool, cut: int, off_s: float) -> None:
        """The process, or the whole machine, is gone from one instant to the next."""
        self.check()
        self.power_went |= power
        self.rows = self.journal.left(power, cut)
        self.driver.die()
        self.alive = False
        for task in asyncio.all_tasks():
            if task is not self.main:
                task.cancel()
        self.fates.clear()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.clock.forget_timers()
        await asyncio.sleep(off_s)
        await self.boot()

    def _sent(self, command: Command) -> None:
        """Whatever leaves was meant, durably, before."""
        if isinstance(command, Cancel):
            return
        journal = self.journal
        durable = journal.kept[: journal._born + journal._committed]
        wanted = command.client_id.encode()
        if not any(row.kind == "intent" and wanted in row.body for row in reversed(durable)):
            self.wrong.append(f"sent without a durable intent: {command}")

    # -- steps ----------------------------------------------------------------------------------------------------------------

    async def step(self, step: Step) -> None:
        verb, a, b, c = step
        done = getattr(self, f"do_{verb}")(a, b, c)
        if done is not None:
            await done
        await asyncio.sleep(0)
        self.check()

    def _call(self, name: str, act: str, *args: Any, **kwargs: Any) -> None:
        strategy = self.units[name].strategy
        if strategy is not None:
            asyncio.get_running_loop().create_task(_tried(getattr(strategy.sys, act)(*args, **kwargs)))

    def do_place(self, a: int, b: int, c: int) -> None:
        self.fates.append(FATES[c % len(FATES)])
        kind = "ioc" if b % 7 == 6 else "limit"
        self._call(STRATEGIES[a % 2], "place_order", SYMBOLS[a // 2 % 2], "sell" if b % 2 else "buy", kind,
                   SIZES[b // 2 % len(SIZES)], PRICES[a // 4 % len(PRICES)])  # fmt: skip

    def _open(self, number: int) -> Order | None:
        orders = self.system.desk.blotter.open_orders()
        orders = [order for order in orders if order.strategy in STRATEGIES and order.state != "pending"]
        return orders[number % len(orders)] if orders else None

    def do_amend(self, a: int, b: int, c: int) -> None:
        order = self._open(a)
        if order is not None:
            self.fates.append(FATES[c % len(FATES)])
            size = order.filled + SIZES[b % len(SIZES)] if b % 2 else None
            self._call(order.strategy, "amend_order", order.client_id, price=PRICES[b % len(PRICES)], size=size)

    def do_cancel(self, a: int, b: int, c: int) -> None:
        order = self._open(a)
        if order is not None:
            self.fates.append(FATES[c % len(FATES)])
            self._call(order.strategy, "revoke_order", order.client_id)

    def do_cancel_all(self, a: int, b: int, c: int) -> None:
        self._call(STRATEGIES[a % 2], "cancel_all")

    def _live(self, number: int) -> str:
        live = [name for name, told in self.truth.orders.items() if told.live]
        return live[number % len(live)] if live else ""

    def do_fill(self, a: int, b: int, c: int) -> None:
        if name := self._live(a):
            order = self.truth.orders[name].update
            self.truth.trade(name, ((order.size - order.filled) * SHARES[b % len(SHARES)]).quantize(D("0.001")))

    def do_end(self, a: int, b: int, c: int) -> None:
        if name := self._live(a):
            self.truth.end(name, ("cancelled", "expired")[b % 2])

    async def do_wait(self, a: int, b: int, c: int) -> None:
        await asyncio.sleep(WAITS_S[a % len(WAITS_S)])

    def do_stream(self, a: int, b: int, c: int) -> None:
        self.truth.delays, self.truth.twice = STREAMS[a % len(STREAMS)], bool(b % 2)

    def do_lose(self, a: int, b: int, c: int) -> None:
        if self.truth.up:
            self.truth.lose_stream()
        else:
            self.truth.reopen()

    def do_lag(self, a: int, b: int, c: int) -> None:
        self.truth.lags = [LAGS_S[each % len(LAGS_S)] for each in (a, b, c, a // 4)]

    def do_hide(self, a: int, b: int, c: int) -> None:
        self.truth.hide_s = (0.0, 2.0, 9.0)[a % 3]

    def do_deaf(self, a: int, b: int, c: int) -> None:
        self.truth.deaf = not self.truth.deaf

    async def do_clock(self, a: int, b: int, c: int) -> None:
        self.clock.offset_ns += int(JUMPS_S[a % len(JUMPS_S)] * SECOND)
        await asyncio.sleep(b % 3 * 0.05)  # until the watchdog's next beat
        self.system.watchdog._look_at_clock()

    async def do_kill(self, a: int, b: int, c: int) -> None:
        await self.die(False, a, (0.2, 1.0, 20.0)[b % 3])

    async def do_power(self, a: int, b: int, c: int) -> None:
        await self.die(True, a, (20.0, 60.0)[b % 2])

    def do_pay(self, a: int, b: int, c: int) -> None:
        self.truth.pay(SYMBOLS[a % 2])

    def do_person(self, a: int, b: int, c: int) -> None:
        """A person places an order by hand."""
        self.persons += 1
        self.truth.open(
            OrderUpdate(account=ACCOUNT, symbol=SYMBOLS[a % 2], client_id=f"web-{self.persons}", venue_id=f"p{self.persons}",
                        state="open", side="sell" if b % 2 else "buy", type="limit", size=SIZES[b % len(SIZES)], filled=ZERO,
                        price=PRICES[0], time_ns=self.clock.time_ns),
            ours=False,
        )  # fmt: skip

    def do_force(self, a: int, b: int, c: int) -> None:
        self.truth.force(SYMBOLS[a % 2], ("liquidation", "adl")[b % 2], SHARES[c % len(SHARES)])

    def do_give(self, a: int, b: int, c: int) -> None:
        self.truth.give(SYMBOLS[a % 2], SIZES[b % len(SIZES)] * (-1 if c % 2 else 1))

    def do_resume(self, a: int, b: int, c: int) -> None:
        set_mode(self.system.desk, "active", "", "a person")

    # -- what must hold at every moment -----------------------------------------------------------------------------------------

    def check(self) -> None:
        truth, blotter = self.truth, self.system.desk.blotter
        if not self.alive:
            return
        for name, count in truth.reached.items():
            if count > 1:
                self.wrong.append(f"{name} reached the venue {count} times")
        for name, order in blotter.orders.items():
            self._check_order(name, order)
        self.wrong += blotter.ledger.check()
        if self.system.desk.egress.lines[VENUE].up:
            self._check_exposure()
        self.raise_wrong()

    def raise_wrong(self) -> None:
        wrong = self.wrong + self.log.bad
        assert not wrong, "\n".join(wrong[:6])

    def _check_order(self, name: str, order: Order) -> None:
        told = self.truth.orders.get(name)
        there = told.update if told is not None else None
        before = self.ended.get(name)
        if before is not None and order.state != before:
            self.wrong.append(f"{name} was {before} and is {order.state}")
        if order.filled > (there.filled if there is not None else ZERO):
            self.wrong.append(f"{name}: filled {order.filled} here, {there and there.filled} there")
        if order.state not in TERMINAL:
            return
        self.ended[name] = order.state
        if self.truth.underway[name] > 0:
            self.wrong.append(f"{name} is {order.state}, and its request may still arrive")
        elif there is None:
            if order.state not in ("denied", "never_sent", "rejected"):
                self.wrong.append(f"{name} is {order.state}, and the venue never had it")
        elif there.state not in TERMINAL or order.state in ("denied", "never_sent"):
            self.wrong.append(f"{name} is {order.state} here and {there.state} there")

    def _check_exposure(self) -> None:
        """What may still trade there is counted here."""
        orders = self.system.desk.blotter.orders
        for name, told in self.truth.ours().items():
            if told.live:
                rest = told.update.size - told.update.filled
                order = orders.get(name)
                counted = self.system.desk.blotter.exposure(order) if order is not None else ZERO
                if counted < rest:
                    self.wrong.append(f"{name} may still trade {rest}, counted are {counted} ({order})")

    # -- what must be equal when nothing moves any more ----------------------------------------------------------------------------

    async def settle(self) -> None:
        """The venue tells all, and time passes."""
        truth = self.truth
        truth.deaf, truth.lags, truth.delays, truth.twice = 0, [0.0] * 4, (0.0,), False
        truth.reopen()
        await asyncio.sleep(QUIET_S)
        self.check()
        self.compare()
        self.raise_wrong()

    def compare(self) -> None:
        truth, wrong, blotter = self.truth, self.wrong, self.system.desk.blotter
        for name, told in truth.ours().items():
            order, there = blotter.orders.get(name), told.update
            if order is None:
                # Of an order that power loss took from us and that ended while we recovered before a venue whose history lags
                # there are only its fills: they are compared, and whose they are.
                if told.live or (there.filled and not self.power_went):
                    wrong.append(f"{name} is not known: {there}")
                continue
            if (order.state, order.filled) != (there.state, there.filled):
                wrong.append(f"{name}: {order.state} {order.filled} here, {there.state} {there.filled} there")
            if told.live and (order.price, order.size) != (there.price, there.size):
                wrong.append(f"{name}: {order.size} at {order.price} here, {there.size} at {there.price} there")
        wrong += [
            f"{order.client_id} is {order.state}"
            for order in blotter.open_orders()
            if order.client_id not in truth.orders
        ]
        wrong += [f"unresolved: {order.client_id}" for order in blotter.unresolved()]
        wrong += [f"drift: {self.system.recovery.drift}"] if self.system.recovery.drift else []
        line = self.system.desk.egress.lines[VENUE]
        if not self.driver.sent == line.meant <= line.intents:
            wrong.append(f"{self.driver.sent} sent, {line.meant} meant, {line.intents} intents")
        self._compare_fills()
        self._compare_money()

    def _compare_fills(self) -> None:
        here: Counter[str] = Counter()
        gifts: dict[str, Decimal] = {}
        for row in self.journal.rows(("fill",)):
            body = msgspec.json.decode(row.body)
            whole, _, part = body["trade_id"].partition("#")
            if body["cause"] == EXTERNAL:
                size = D(body["size"]) if body["side"] == "buy" else -D(body["size"])
                gifts[body["symbol"]] = gifts.get(body["symbol"], ZERO) + size
            elif not part or part.split("/")[0] == part.split("/")[1]:
                here[whole] += 1
        there = Counter(fill.trade_id for fill in self.truth.fills)
        if here != there:
            self.wrong.append(f"fills: lacking {there - here}, too many {here - there}")
        given: dict[str, Decimal] = {}
        for _, symbol, size in self.truth.gifts:
            given[symbol] = given.get(symbol, ZERO) + size
        if {s: v for s, v in gifts.items() if v} != {s: v for s, v in given.items() if v}:
            self.wrong.append(f"moved without a trade: {gifts} here, {given} there")

    def _compare_money(self) -> None:
        ledger, truth = self.system.desk.blotter.ledger, self.truth
        for symbol in SYMBOLS:
            whole = ledger.total(ACCOUNT, symbol)
            fills = [fill for fill in truth.fills if fill.symbol == symbol]
            flow = sum(
                (-fill.size * fill.price if fill.side == "buy" else fill.size * fill.price for fill in fills), ZERO
            )
            if any(name == symbol for _, name, _ in truth.gifts):
                flow = whole.flow  # nobody told at what price it came
            there = (truth.position(symbol), flow, sum((fill.fee for fill in fills), ZERO),
                     sum((each.amount for each in truth.payments if each.symbol == symbol), ZERO))  # fmt: skip
            here = (whole.size, whole.realised - whole.cost, whole.fee, whole.funding)
            if here != there:
                self.wrong.append(f"{symbol}: (size, cash less cost, fees, funding) {here} here, {there} there")
            for name in STRATEGIES:
                strategy = self.units[name].strategy
                heard = strategy.state.sizes.get(symbol, ZERO) if strategy is not None else None
                held = ledger.position(ACCOUNT, name, symbol).size
                if heard != held:
                    self.wrong.append(f"{name} holds {held} {symbol} and heard of {heard}")
            if any(fill.cause for fill in fills):
                continue  # what the venue closed by itself is shared out as the strategies held it when we heard
            for name in STRATEGIES:
                own = sum(
                    (f.size if f.side == "buy" else -f.size for f in fills if self._owner(f.client_id) == name), ZERO
                )
                if own != ledger.position(ACCOUNT, name, symbol).size:
                    held = ledger.position(ACCOUNT, name, symbol).size
                    self.wrong.append(f"{name} holds {held} {symbol} here, {own} by its orders")

    def _owner(self, client_id: str) -> str:
        return self.system.desk.blotter.owner(client_id)


def _no_feed(spec: Any) -> Any:
    raise NotImplementedError(f"no feed here: {spec}")


async def _tried(coro: Coroutine[Any, Any, Any]) -> None:
    """A strategy that goes on whatever it is told."""
    try:
        await coro
    except CtosError:
        return


async def live(steps: Sequence[Step]) -> World:
    world = World()
    await world.boot()
    for step in steps:
        await world.step(step)
    await world.settle()
    for task in asyncio.all_tasks():
        if task is not world.main:
            task.cancel()
    await asyncio.sleep(0)
    return world


def run(steps: Sequence[Step]) -> World:
    """One life on a virtual loop of its own."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(ShiftedClock(START_NS))) as runner:
        return runner.run(live(steps))
