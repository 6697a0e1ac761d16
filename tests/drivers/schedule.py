"""A kernel with a real driver, two accounts and the venue's emulator, through which any schedule of calls is driven.

Orders go through the strategy's handle, so through gate, budget, journal and egress; questions go where the kernel's own go:
to the driver, which takes from the same budget. Nothing here knows a limit: what was too much the emulator says.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from random import Random
from typing import Any

from ctosd.abi import (
    Cancel,
    Command,
    CtosError,
    Order,
    Outcome,
    Place,
    Rejected,
    Strategy,
)
from ctosd.core.gate import Limits
from ctosd.kernel.unit import ExitPolicy, Recipe
from ctosd.runtime.execution import ExecutionEngine
from ctosd.testing.conformance.world import Subject
from ctosd.testing.rig import START_NS, run_virtual
from tests.drivers.joined import Joined

SECOND = 1_000_000_000
UNBOUND = Limits(
    max_order_notional=None, max_position_notional=None, max_open_orders=None, order_rate=None, duplicate_window_ms=0
)
ORDERS = ("place", "stop", "amend", "cancel", "batch_place", "batch_cancel")
READS = ("quote", "book", "deep_book", "klines", "long_klines", "funding", "open_orders", "open_of_symbol", "order", "fills",
         "balances", "positions", "clock", "leverage", "dead_man", "cancel_everything")  # fmt: skip


@dataclass(frozen=True)
class Step:
    """After `pause_s`, `count` calls of one kind at the same instant."""

    pause_s: float
    kind: str
    count: int
    account: int = 0
    symbol: int = 0


class Hands(Strategy):
    """Does nothing by itself: the schedule uses its handle."""

    async def on_start(self) -> None:
        return None


class Station(Joined):
    """The kernel of one schedule. `writes` are the commands as they came to the driver: (command, instant)."""

    def __init__(self, subject: Subject, symbols: Sequence[str], latency_s: float) -> None:
        super().__init__(
            subject, ("main", "second"), house=UNBOUND, latency_s=latency_s, random=Random(2), jitter=Random(1)
        )
        self.symbols = symbols
        self.writes: list[tuple[Command, int]] = []
        self._watch_writes()
        recipe = Recipe(name="hands", use="hands", factory=Hands, params=Hands.Params(), accounts=self.accounts,
                        limits=UNBOUND, exit=ExitPolicy(stop="keep", shutdown="keep"))  # fmt: skip
        self.unit = self.system.add_unit(recipe, ExecutionEngine, self.log)
        self.told: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self._turn = 0

    def _watch_writes(self) -> None:
        submit = self.driver.submit

        async def watched(command: Command) -> Outcome:
            self.writes.append((command, self.clock.now_ns()))
            return await submit(command)

        self.driver.submit = watched  # type: ignore[method-assign]

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        await self.system.start()
        for symbol in self.symbols:
            for account in self.accounts:
                await self.sys.subscribe_ticks(symbol, "quotes", account=account)
        self.prices = {symbol: await self._far(symbol) for symbol in self.symbols}
        self.sizes = {symbol: self._least(symbol) for symbol in self.symbols}

    @property
    def sys(self) -> Any:
        assert self.unit.strategy is not None, self.unit.last_error
        return self.unit.strategy.sys

    def _instrument(self, symbol: str) -> Any:
        return next(each for each in self.driver.instruments() if each.symbol == symbol)

    async def _far(self, symbol: str) -> Decimal:
        """A price at which a buy rests."""
        quote = await self.driver.fetch_quote(symbol)
        return Decimal(self._instrument(symbol).round_price(Decimal(str(quote.bid)) * Decimal("0.97"), "buy"))

    def _least(self, symbol: str) -> Decimal:
        it = self._instrument(symbol)
        least = max(it.min_size, it.lot, it.min_notional / self.prices[symbol] * Decimal("1.5"))
        return Decimal(-(-least // it.lot) * it.lot)

    # -- the schedule ------------------------------------------------------------------------------------------------------

    async def live(self, steps: Sequence[Step]) -> None:
        """Every call is a task of its own; returns when the last one has its answer."""
        calls: list[asyncio.Task[None]] = []
        for step in steps:
            await self.clock.sleep(step.pause_s)
            account, symbol = self.accounts[step.account], self.symbols[step.symbol % len(self.symbols)]
            tried = (self._tried(step.kind, coro) for coro in self._calls(step, account, symbol))
            calls.extend(map(asyncio.get_running_loop().create_task, tried))
        await asyncio.gather(*calls)

    async def _tried(self, kind: str, coro: Coroutine[Any, Any, Any]) -> None:
        """A budget that cannot serve in time says so, and a venue may not know the call."""
        try:
            await coro
        except CtosError:
            return
        self.done[kind] += 1

    def _calls(self, step: Step, account: str, symbol: str) -> list[Coroutine[Any, Any, Any]]:
        if step.kind in READS:
            return [self._read(step.kind, account, symbol) for _ in range(step.count)]
        if step.kind in ("place", "stop"):
            return [self.place(account, symbol, stop=step.kind == "stop") for _ in range(step.count)]
        if step.kind == "batch_place":
            commands: list[Command] = [self._command(account, symbol) for _ in range(step.count)]
            return [self._batch(commands)]
        resting = self.resting(account)[: step.count]
        if step.kind == "batch_cancel":
            together: list[Command] = [self._cancel(order) for order in resting]
            return [self._batch(together)]
        if step.kind == "amend":
            self._turn += 1
            return [self._amend(order, 1 + self._turn % 5) for order in resting]
        return [self.sys.revoke_order(order.client_id) for order in resting]

    def resting(self, account: str) -> list[Order]:
        orders = self.system.desk.blotter.open_orders("hands", account)
        return [order for order in orders if order.state == "open"]

    async def _amend(self, order: Order, ticks: int) -> None:
        assert order.price is not None
        await self.sys.amend_order(order.client_id, price=order.price - ticks * self._instrument(order.symbol).tick)

    async def place(self, account: str, symbol: str, *, stop: bool = False) -> Order:
        """An order that rests, or one that waits for a price that does not come."""
        price, trigger = self.prices[symbol], None
        if stop:
            price = trigger = self._instrument(symbol).round_price(price * Decimal("1.08"), "buy")
        order: Order = await self.sys.place_order(
            symbol, "buy", "limit", self.sizes[symbol], price, trigger=trigger, account=account
        )
        self._told(order.reason, order.message)
        return order

    async def _batch(self, commands: Sequence[Command]) -> None:
        # The kernel sends no batches yet; the guard that counts what leaves must know of these.
        self.system.desk.egress.lines[self.driver.venue].meant += sum(isinstance(each, Place) for each in commands)
        for outcome in await self.driver.submit_batch(commands):
            if isinstance(outcome, Rejected):
                self._told(outcome.reason, outcome.message)

    def _told(self, reason: str, message: str) -> None:
        self.done[f"reason {reason}"] += 1
        if reason in ("rate_limited", "banned"):
            self.told[f"{reason}: {message}"] += 1

    def _command(self, account: str, symbol: str) -> Place:
        return Place(account=account, client_id=self.system.desk.ids.mint(), symbol=symbol, side="buy", type="limit",
                     size=self.sizes[symbol], price=self.prices[symbol], tif="gtc",
                     expires_ns=self.clock.now_ns() + 60 * SECOND)  # fmt: skip

    @staticmethod
    def _cancel(order: Order) -> Cancel:
        return Cancel(account=order.account, client_id=order.client_id, venue_id=order.venue_id, symbol=order.symbol)

    async def _read(self, kind: str, account: str, symbol: str) -> Any:
        driver = self.driver
        asked: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "quote": lambda: driver.fetch_quote(symbol),
            "book": lambda: driver.fetch_orderbook(symbol, 20),
            "deep_book": lambda: driver.fetch_orderbook(symbol, 1_000),
            "klines": lambda: driver.fetch_klines(symbol, "1m", 10),
            "long_klines": lambda: driver.fetch_klines(symbol, "1m", 1_200),
            "funding": lambda: driver.fetch_funding(symbol),
            "open_orders": lambda: driver.fetch_open_orders(account),
            "open_of_symbol": lambda: driver.fetch_open_orders(account, symbol),
            "order": lambda: driver.fetch_order(account, symbol, self.system.desk.ids.mint()),
            "fills": lambda: driver.fetch_fills(account, self.clock.now_ns() - 3_600 * SECOND),
            "balances": lambda: driver.fetch_balances(account),
            "positions": lambda: driver.fetch_positions(account),
            "clock": driver.fetch_clock,
            "leverage": lambda: driver.set_leverage(account, symbol, Decimal(5)),
            "dead_man": lambda: driver.refresh_dead_man(account, [symbol], 60.0),
            "cancel_everything": lambda: driver.cancel_everything(account, symbol),
        }
        return await asked[kind]()

    async def contest(self, places: int, questions: int) -> tuple[list[float], list[float]]:
        """Orders, cancels of what rests (no more than orders) and questions, all at one moment: the waits of cancels and places."""
        account, symbol = self.accounts[0], self.symbols[0]
        resting = self.resting(account)[:places]
        began, mark, make = self.clock.now_ns(), len(self.writes), asyncio.get_running_loop().create_task
        asked = [make(self._tried("book", self._read("book", account, symbol))) for _ in range(questions)]
        placed = [make(self.place(account, symbol)) for _ in range(places)]
        cancelled = [make(self.sys.revoke_order(order.client_id)) for order in resting]
        await asyncio.gather(*asked, *placed, *cancelled)
        writes = [(command, (at_ns - began) / SECOND) for command, at_ns in self.writes[mark:]]
        taken = [wait for command, wait in writes if isinstance(command, Cancel)]
        sent = [wait for command, wait in writes if isinstance(command, Place)]
        return _with_the_lost(taken, len(resting)), _with_the_lost(sent, places)

    # -- what the emulator says ------------------------------------------------------------------------------------------

    def passed(self) -> dict[str, Any]:
        """Limits that were passed by the venue's own count, and orders that it refused for that."""
        limits = self.emulator.statistics()["limits"]
        assert limits, "the emulator counted nothing"
        over = {name: dict(each) for name, each in limits.items() if each["refused"] or each["peak"] > each["allowed"]}
        return over | dict(self.told)


def drive(
    subject: Subject, symbols: Sequence[str], steps: Sequence[Step], latency_s: float, offset_s: float
) -> Station:
    """One schedule from a fresh kernel on; `offset_s` is where in the venue's minute it begins."""

    async def main() -> Station:
        station = Station(subject, symbols, latency_s)
        await station.start()
        await station.live(steps)
        await station.end()
        return station

    return run_virtual(main(), start_ns(offset_s))


def start_ns(offset_s: float) -> int:
    """A time so long after a full minute."""
    return START_NS // (60 * SECOND) * 60 * SECOND + int(offset_s * SECOND)


def _with_the_lost(waits: list[float], wanted: int) -> list[float]:
    """Shortest first; infinite for what was never written."""
    return sorted(waits) + [inf] * (wanted - len(waits))
