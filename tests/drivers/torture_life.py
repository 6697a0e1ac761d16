"""A short life of a whole kernel on a real driver and its emulator: one operation, done several times while one fault is on.

The seed draws when the fault sets in, how strong it is and how long it lasts, when each operation falls, the latency and the
market. Then the weather is fair until nothing is doubtful, the strategy is stopped, and both records are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

import drivers.backpack.emulator.books as backpack_books
import drivers.binance.emulator.books as binance_books
import drivers.okx.emulator.orderbooks as okx_books
from ctosd.abi import CtosError, Order, Side, Strategy, topic
from ctosd.core.gate import Limits
from ctosd.kernel.unit import ExitPolicy, Recipe
from ctosd.runtime.execution import ExecutionEngine
from ctosd.testing.rig import run_virtual
from drivers.paper.config import MarketConfig, PaperConfig, SymbolConfig
from tests.drivers.hour import Storm
from tests.drivers.test_conformance import SUBJECTS
from tests.drivers.torture_compare import differences, differing_book
from tests.drivers.torture_table import FORCED, NOW, doses
from tests.drivers.torture_truth import Levels, Truth

BOUNDS = Limits(max_order_notional=None, max_position_notional=Decimal(6_000), order_rate=None, duplicate_window_ms=0)
PATIENCE_S = 700.0
"""Twice the time after which the auditor looks at fills and positions, and some."""
LOOK_S = 2.0
BACK_S = 400.0
"""Within this it must trade again: a ban of Binance lasts minutes."""
ASTRAY_NS = 900_000_000
TIMES = 12  # sizes are so many times the least, so that an amend can take away
SHALLOW = 40
"""A book of so many levels goes wrong in the same ways as one of a thousand, and costs little."""


class Worker(Strategy):
    """Does one operation again and again, drawn from a seed."""

    class Params(msgspec.Struct, frozen=True):
        symbol: str
        operation: str
        seed: int
        size: Decimal
        lot: Decimal
        resize: bool  # an amend changes the size: where the price cannot be changed

    async def on_start(self) -> None:
        self.random = Random(self.params.seed)
        channels = ("quotes", "book") if self.params.operation == "stream" else ("quotes",)
        await self.sys.subscribe_ticks(self.params.symbol, *channels)

    async def prepare(self, hold: bool) -> None:
        """What the operation needs before the fault sets in."""
        if hold:
            await self.sys.place_order(
                self.params.symbol, self.random.choice(("buy", "sell")), "market", self.params.size
            )
        if self.params.operation in ("amend", "cancel"):
            for _ in range(self.random.randint(1, 3)):
                await self.rest()

    async def act(self) -> None:
        """Once; what the kernel refuses is no failure."""
        with suppress(CtosError):
            await getattr(self, f"_{self.params.operation}")()

    async def _price(self, side: Side, away: Decimal) -> Decimal:
        price = await self.sys.get_price_now(self.params.symbol)
        limits = await self.sys.exchange_limits(self.params.symbol)
        return limits.round_price(price * (1 - away if side == "buy" else 1 + away), side)

    async def rest(self) -> Order:
        side = self.random.choice(("buy", "sell"))
        price = await self._price(side, Decimal(self.random.randint(100, 400)) / 10_000)
        return await self.sys.place_order(self.params.symbol, side, "limit", self.params.size, price)

    async def _resting(self) -> Order:
        orders = await self.sys.get_open_orders(self.params.symbol)
        known = [order for order in orders if order.state in ("open", "partially_filled")]
        return self.random.choice(known) if known else await self.rest()

    async def _place(self) -> None:
        if self.random.random() < 0.5:
            await self.rest()
        else:
            await self._fill()

    async def enlarge(self) -> Order:
        """An order that would make a position larger, or open one."""
        held = await self.sys.get_position(self.params.symbol)
        return await self.sys.place_order(
            self.params.symbol, "sell" if held.size < 0 else "buy", "market", self.params.size
        )

    async def _fill(self) -> None:
        """An order that trades: at once, or when the market comes to it."""
        symbol, side, size = self.params.symbol, self.random.choice(("buy", "sell")), self.params.size
        kind = self.random.choice(("market", "ioc", "limit", "limit", "post_only"))
        away = Decimal(self.random.randint(-10, 1)) / 10_000
        price = (
            None
            if kind == "market"
            else await self._price(side, max(away, Decimal(0)) if kind == "post_only" else away)
        )
        await self.sys.place_order(symbol, side, kind, size, price)

    async def _amend(self) -> None:
        order, params = await self._resting(), self.params
        if params.resize:
            await self.sys.amend_order(order.client_id, size=order.size - params.lot)
            return
        tick = (await self.sys.exchange_limits(params.symbol)).tick
        away = tick * self.random.randint(1, 400)
        price = (order.price or Decimal(0)) + (-away if order.side == "buy" else away)
        await self.sys.amend_order(order.client_id, price=price)

    async def _cancel(self) -> None:
        await self.sys.revoke_order((await self._resting()).client_id)

    async def _stream(self) -> None:
        await self._place()


@dataclass
class Verdict:
    """What a life found. `wrong` is empty when nothing was lost, doubled or left open."""

    wrong: list[str]
    orders: int = 0
    fills: int = 0
    refused: int = 0
    unknown: int = 0
    resolved: int = 0
    struck: int = 0
    amends: int = 0
    lasted_s: float = 0.0


class Life(Storm):
    """One cell of the matrix under one seed."""

    def __init__(self, name: str, fault: str, operation: str, seed: int) -> None:
        self.draw = Random(f"{name} {fault} {operation} {seed}")
        subject = SUBJECTS[name]
        market = MarketConfig(
            seed=self.draw.randrange(10**9),
            history=0,
            rate=2.0,
            jumps_per_day=0.0,
            symbols={subject.symbol: SymbolConfig()},
        )
        emulated = PaperConfig(market=market, leverage=Decimal(20))
        settings = {
            **subject.settings,
            **({"orders": self.draw.choice(("websocket", "rest"))} if name != "backpack" else {}),
        }
        super().__init__(replace(subject, emulated=emulated, settings=settings), seed)
        self.name, self.fault, self.operation = name, fault, operation
        self.http.latency_s = self.dial.latency_s = round(self.draw.uniform(0.001, 0.06), 4)
        self.truth = Truth(name, self.emulator)
        self.books = 0
        self.bids: Levels = {}
        self.asks: Levels = {}
        self.seen: list[str] | None = None
        self.astray: list[int] = []
        self.wrong: list[str] = []
        self.system.desk.bus.tap(topic("book", subject.venue, subject.symbol), self._take_book)

    async def live(self) -> Verdict:
        began_ns = self.clock.now_ns()
        self.system.watchdog.start()  # without evidence of life nobody would renew the dead man's switch
        await self.system.start()
        await self._hire()
        await self._suffer()
        await self._settle()
        verdict = self._verdict()
        verdict.lasted_s = (self.clock.now_ns() - began_ns) / 1e9
        await self.end()
        return verdict

    async def _hire(self) -> None:
        symbol = self.subject.symbol
        instrument = next(each for each in self.driver.instruments() if each.symbol == symbol)
        price = Decimal(str(self.truth.quote(symbol).bid))
        least = max(instrument.min_size, instrument.lot, instrument.min_notional / price * Decimal("1.5"))
        size = -(-least // instrument.lot) * instrument.lot * 2
        size = max(size, instrument.lot * TIMES)
        params = Worker.Params(symbol=symbol, operation=self.operation, seed=self.draw.randrange(10**9), size=size,
                               lot=instrument.lot, resize=self.name == "binance-spot")  # fmt: skip
        recipe = Recipe(name="worker", use="worker", factory=Worker, params=params, accounts=(self.account,), limits=BOUNDS,
                        exit=ExitPolicy())  # fmt: skip
        self.unit = self.system.add_unit(recipe, ExecutionEngine, self.log)
        self.system.supervisor.start(self.unit)
        for _ in range(200):
            if self.unit.state == "running":
                break
            await self.clock.sleep(0.1)
        assert self.unit.state == "running", f"{self.unit.state}: {self.unit.reason} {self.unit.last_error}"
        await self.clock.sleep(0.5)
        await self._worker.prepare(hold=self.fault in FORCED)
        await self.clock.sleep(0.5)

    @property
    def _worker(self) -> Any:
        return self.unit.strategy

    # -- the fault --------------------------------------------------------------------------------------------------------

    async def _suffer(self) -> None:
        """The operation several times, with the fault setting in and ending somewhere between."""
        draw, now = self.draw, 0.0
        acts = [draw.uniform(0.0, 9.0) for _ in range(draw.randint(4, 7))]
        begins = self._instant(acts, 4.0)
        ends = begins + draw.uniform(2.0, 9.0)
        steps = [(at, 1, "act", 0.0) for at in acts] + [(ends, 2, "end", 0.0)]
        strikes = [begins]
        if self.fault in NOW:
            strikes += [self._instant(acts, ends) for _ in range(draw.randint(0, 2))]
        for at in strikes:
            steps += [(at, 0, name, value) for name, value in doses(self.name, self.fault, draw)]
        struck: dict[str, float] = {}
        for at, _, name, value in sorted(steps, key=lambda step: step[:2]):
            await self.clock.sleep(at - now)
            now = at
            if name == "act":
                self.system.desk.tasks.spawn("act", self._worker.act())
            elif name == "end":
                self._end(list(struck))
            else:
                struck[name] = value
                self.emulator.set_fault(name, value)

    def _instant(self, acts: list[float], until: float) -> float:
        """Anywhere, or while an operation is on its way: its write, its answer or its news."""
        draw = self.draw
        if draw.random() < 0.5:
            return draw.uniform(0.0, until)
        return draw.choice(acts) + draw.uniform(0.0, 3.0) * self.http.latency_s

    def _end(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in NOW:
                self.emulator.set_fault(name, 0)

    # -- fair weather -----------------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Until the records are equal; then once more, to see that all of it works again; then to the end."""
        await self.clock.sleep(self.draw.uniform(0.5, 15.0))
        await self._until_equal(1)
        self.wrong += [f"after {PATIENCE_S:g} s: {each}" for each in differences(self)]
        await self._again()
        if self.operation == "stream":
            await self._see()
        await self.system.supervisor.stop_all("the life is over")
        await self._until_equal(2)

    async def _until_equal(self, times: int) -> None:
        """Until the two records have been equal so many times running, or patience has an end."""
        end_ns = self.clock.now_ns() + int(PATIENCE_S * 1e9)
        equal = 0
        while equal < times and self.clock.now_ns() < end_ns:
            await self.clock.sleep(LOOK_S)
            equal = 0 if self._differs() else equal + 1

    async def _again(self) -> None:
        """In fair weather an order rests and is cancelled; where the venue closed a position, nothing new is let in."""
        if self.system.desk.switch.frozen:
            order = await self._worker.enlarge()
            if (order.state, order.reason) != ("denied", "frozen"):
                self.wrong.append(f"a position that the venue had closed could be opened: {order}")
            return
        why = "nothing was tried"
        end_ns = self.clock.now_ns() + int(BACK_S * 1e9)
        while self.clock.now_ns() < end_ns:
            try:
                order = await self._worker.rest()
            except CtosError as error:
                why = repr(error)
            else:
                if await self._comes(order, "open"):
                    break
                why = f"an order was {order.state}: {order.reason} {order.message}"
            await self.clock.sleep(3.0)
        else:
            line = self.system.desk.egress.line(self.account)
            self.wrong.append(f"in fair weather afterwards nothing goes: {why}; line up {line.up} {line.reason}")
            return
        await self._worker.sys.revoke_order(order.client_id)
        if not await self._comes(order, "cancelled", 60.0):
            self.wrong.append(f"in fair weather afterwards a cancelled order was {order.state}: {order.message}")

    async def _comes(self, order: Order, state: str, within_s: float = 1.0) -> bool:
        end_ns = self.clock.now_ns() + int(within_s * 1e9)
        while order.state != state and self.clock.now_ns() < end_ns:
            await self.clock.sleep(0.25)
        return order.state == state

    def _differs(self) -> bool:
        doubtful = self.system.desk.blotter.unresolved() or self.system.recovery._asking
        return bool(doubtful or differences(self))

    async def _see(self) -> None:
        """Book and quotes as the strategy hears them are the venue's, and they are of now."""
        seen, self.seen, before = [], [], self.books
        for _ in range(6):
            await self.clock.sleep(0.5)
            seen.append(self._sight())
        if all(seen):
            self.wrong.append(f"quotes: {seen[-1]}")
        if self.books - before < 3:
            self.wrong.append(f"the book stands still: {self.books - before} changes in 3 s")
        elif len(self.seen) < 3 or any(self.seen):
            self.wrong.append(f"book: {self.seen[-1:]} after {len(self.seen)} looks")
        self.seen = None

    def _sight(self) -> str:
        """In what the kernel's touch is not the venue's; empty when they are equal."""
        latest = self.system.desk.market.latest(self.subject.venue, self.subject.symbol)
        there = self.truth.quote(self.subject.symbol)
        age_s = (self.clock.now_ns() - latest.at_ns) / 1e9
        if latest.quote is None or age_s > 3.0:
            return f"the last one came {age_s:g} s ago"
        here = (latest.quote.bid, latest.quote.ask)
        return "" if here == (there.bid, there.ask) else f"there {there.bid} {there.ask}, here {here}"

    def _take_book(self, event: Any) -> None:
        self.books += 1
        if event.snapshot:
            self.bids, self.asks = {}, {}
        for levels, changes in ((self.bids, event.bids), (self.asks, event.asks)):
            for price, size in changes:
                levels[price] = size
                if not size:
                    del levels[price]
        told = differing_book(self.truth.book(self.subject.symbol), (self.bids, self.asks))
        if self.seen is not None:
            self.seen.append(told)
        if event.snapshot:
            self.astray = []  # whatever was wrong has been given up
        self._judge_book(told)

    def _judge_book(self, told: str) -> None:
        """A wrong book is noticed and given up at once; but for one that began with a snapshot older than it says.

        An update that the emulator holds back is in its book already: one or two that differ are not yet wrong.
        """
        now_ns = self.clock.now_ns()
        self.astray = [*self.astray, now_ns] if told else []
        lasts_ns = now_ns - self.astray[0] if self.astray else 0
        if len(self.astray) > 2 and lasts_ns > ASTRAY_NS and self.fault != "stale_snapshot":
            self.wrong.append(f"a wrong book went on for {lasts_ns / 1e9:.1f} s: {told}")
            self.astray = []

    def _verdict(self) -> Verdict:
        blotter = self.system.desk.blotter
        wrong = self.wrong + [f"unresolved: {order}" for order in blotter.unresolved()] + differences(self)
        counts = blotter.counts
        return Verdict(wrong, counts["placed"], counts["fills"], counts["denied"] + counts["rejected"], counts["unknown"],
                       self.system.recovery.resolved, self.truth.struck(self.fault), self.truth.amends.total())  # fmt: skip


@contextmanager
def _shallow() -> Iterator[None]:
    modules: tuple[tuple[Any, str], ...] = (
        (okx_books, "LEVELS"),
        (binance_books, "DEEPEST"),
        (backpack_books, "LEVELS"),
    )
    before = [getattr(module, name) for module, name in modules]
    for module, name in modules:
        setattr(module, name, SHALLOW)
    try:
        yield
    finally:
        for (module, name), value in zip(modules, before, strict=True):
            setattr(module, name, value)


def live(venue: str, fault: str, operation: str, seed: int) -> Verdict:
    """One life from its name."""

    async def main() -> Verdict:
        return await Life(venue, fault, operation, seed).live()

    with _shallow():
        return run_virtual(main())
