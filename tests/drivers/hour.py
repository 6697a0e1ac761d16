"""An hour of a venue that misbehaves at random: the whole kernel, the real driver and its emulator, on the virtual clock.

Usage: ``python -m tests.drivers.hour okx 1 2 3``: a venue and seeds. Afterwards the weather is fair for some minutes, the strategies are
stopped, and everything is compared with the emulator. The same seed gives the same hour.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from ctosd.abi import BookDelta, CtosError, Position, Strategy, topic
from ctosd.core.book import Book, Rule
from ctosd.core.gate import Limits
from ctosd.core.holding import cash
from ctosd.kernel.desk import set_mode
from ctosd.kernel.unit import ExitPolicy, Recipe
from ctosd.runtime.execution import ExecutionEngine
from ctosd.testing.conformance.world import Subject
from ctosd.testing.rig import run_virtual
from tests.drivers.joined import Joined

LASTS_S, CALM_S = 3_600.0, 420.0
ZERO = Decimal(0)
BOUNDS = Limits(max_order_notional=None, max_position_notional=Decimal(4_000), order_rate=None, duplicate_window_ms=0)

SHARES = (0.02, 0.3)
"""Values of a fault that is a probability: mostly rare, sometimes heavy."""
ONCE = ("cut", "listen_key_expired", "stream_terminated", "close_notice")
SWITCHES = ("silent_socket", "maintenance")
SECONDS = {
    "slow": (0.5, 12.0),
    "clock_skew": (-0.5, 0.5),
    "ws_notice": (5, 20),
    "shutdown_notice": (5, 20),
    "history_delay": (1.0, 3.0),
}
COUNTS = ("book_gap", "book_duplicate", "book_reorder", "stale_snapshot")
FORCED = ("liquidation", "adl")
LEFT_OUT = ("key_expired", "live_keys", "error_text", "lost_cancel")
"""Ends of everything, or lies of the venue that no client can see through."""
BOOK_TRIES, BOOK_LEVELS = 40, 20


class Busy(Strategy):
    """Orders of every kind, changed and cancelled, drawn from a seed."""

    class Params(msgspec.Struct, frozen=True):
        symbol: str = ""
        seed: int = 0
        size: Decimal = Decimal(0)
        every_s: float = 4.0
        can_amend: bool = True

    async def on_start(self) -> None:
        self.random = Random(self.params.seed)
        await self.sys.subscribe_ticks(self.params.symbol, "quotes")
        await self.sys.subscribe_ticks(self.params.symbol, "book")
        self.set_timer(self.params.every_s)

    async def on_timer(self) -> None:
        self.set_timer(self.params.every_s * self.random.uniform(0.5, 1.5))
        try:
            await self._act()
        except CtosError as error:
            self.log.debug("busy", reason=str(error))

    async def _act(self) -> None:
        symbol, draw = self.params.symbol, self.random
        orders = [
            order for order in await self.sys.get_open_orders(symbol) if order.state in ("open", "partially_filled")
        ]
        price = await self.sys.get_price_now(symbol)
        side = draw.choice(("buy", "sell"))
        away = Decimal(draw.randint(-4, 40)) / 10_000
        limit = price * (1 - away if side == "buy" else 1 + away)
        tick = next(each.tick for each in await self.sys.symbols() if each.symbol == symbol)
        limit = (limit / tick).to_integral_value() * tick
        kind = draw.choice(("limit", "limit", "post_only", "ioc", "market", "amend", "cancel", "cancel"))
        if kind in ("amend", "cancel") or len(orders) > 12:
            if orders:
                order = draw.choice(orders)
                if kind == "amend" and self.params.can_amend:
                    await self.sys.amend_order(
                        order.client_id, price=(order.price or limit) - tick * draw.randint(1, 5)
                    )
                else:
                    await self.sys.revoke_order(order.client_id)
            return
        await self.sys.place_order(
            symbol, side, kind, self.params.size * draw.randint(1, 3), None if kind == "market" else limit
        )


class Storm(Joined):
    """One venue's kernel and emulator."""

    def __init__(self, subject: Subject, seed: int) -> None:
        super().__init__(subject, ("main",), house=Limits(max_order_notional=None), latency_s=0.01,
                         random=Random(f"{subject.venue} {seed}"), jitter=Random(seed))  # fmt: skip
        self.account = self.accounts[0]
        self.book = Book(subject.venue, subject.symbol, Rule(chain="none"))
        self.system.desk.bus.subscribe(topic("book", subject.venue, subject.symbol), self._hear_book)

    def _hear_book(self, delta: BookDelta) -> None:
        """As a strategy keeps its book: a snapshot begins it anew, and no delta may be wrong."""
        if delta.snapshot:
            self.book.reset()
        assert self.book.apply(delta) == "", f"a delta that does not fit at {delta.last_id}"

    # -- the hour -----------------------------------------------------------------------------------------------------------

    async def run(self, lasts_s: float, calm_s: float, every_s: float) -> list[str]:
        """Live through it; returns everything in which the two differ."""
        await self.driver.start()
        opening = {balance.asset: balance.total for balance in await self.driver.fetch_balances(self.account)}
        symbol = self.subject.symbol
        instrument = next(each for each in self.driver.instruments() if each.symbol == symbol)
        quote = await self.driver.fetch_quote(symbol)
        least = max(
            instrument.min_size, instrument.lot, instrument.min_notional / Decimal(str(quote.bid)) * Decimal("1.5")
        )
        size = -(-least // instrument.lot) * instrument.lot
        await self.driver.stop()
        for number in range(2):
            params = Busy.Params(
                symbol=symbol,
                seed=self.random.randrange(10**9),
                size=size,
                every_s=every_s,
                can_amend=self.driver.manifest.can_amend,
            )
            recipe = Recipe(name=f"busy{number}", use="busy", factory=Busy, params=params, accounts=(self.account,),
                            limits=BOUNDS, exit=ExitPolicy())  # fmt: skip
            self.system.add_unit(recipe, ExecutionEngine, self.log)
        await self.system.start()
        await self._weather(lasts_s)
        await self.clock.sleep(calm_s / 2)
        await self.system.supervisor.stop_all("the hour is over")
        await self.clock.sleep(calm_s / 2)
        faults = await self._compare(opening)
        await self.end()
        return faults

    async def _weather(self, lasts_s: float) -> None:
        end_ns = self.clock.now_ns() + int(lasts_s * 1e9)
        names = [name for name in self.emulator.faults if name not in LEFT_OUT]
        while self.clock.now_ns() < end_ns:
            await self.clock.sleep(self.random.uniform(5, 40))
            name = self.random.choice([*names, "dial", "freeze", "network"])
            await self._strike(name)
        for name in names:
            if name not in ONCE and name not in COUNTS:
                self.emulator.set_fault(name, 0)

    async def _strike(self, name: str) -> None:
        """One fault for some seconds."""
        lasts_s = self.random.uniform(2, 25)
        if name == "dial":
            self.dial.cut()
        elif name in FORCED:
            self.emulator.set_fault(name, self.random.choice((0.5, 1.0)))
            await self.clock.sleep(lasts_s)
            set_mode(self.system.desk, "active", "a person has looked", "hour")
        elif name == "freeze":
            self.dial.freeze()
            await self.clock.sleep(lasts_s)
            self.dial.freeze(False)
        elif name == "network":
            self.dial.refuse = self.http.refuse = True
            await self.clock.sleep(lasts_s)
            self.dial.refuse = self.http.refuse = False
        elif name in ONCE:
            self.emulator.set_fault(name, 1)
        elif name in COUNTS and self.subject.venue == "okx":
            self.emulator.set_fault(name, self.random.randint(1, 3))
        else:
            value = 1.0 if name in SWITCHES else self.random.choice(SHARES)
            if name in SECONDS:
                value = self.random.uniform(*SECONDS[name])
            self.emulator.set_fault(name, value)
            await self.clock.sleep(lasts_s)
            self.emulator.set_fault(name, 0)

    # -- afterwards ---------------------------------------------------------------------------------------------------------

    async def _compare(self, opening: Mapping[str, Decimal]) -> list[str]:
        blotter, driver, account = self.system.desk.blotter, self.driver, self.account
        faults = blotter.ledger.check() + [f"unresolved: {order}" for order in blotter.unresolved()]
        placed = [
            msgspec.json.decode(row.body)["order"]["client_id"]
            for row in self.journal.rows(("intent",))
            if b'"act":"place"' in row.body
        ]
        faults += [f"meant twice: {name}" for name, count in Counter(placed).items() if count > 1]
        faults += self._twice()
        theirs = Counter(fill.trade_id for fill in await driver.fetch_fills(account, 0))
        booked = (msgspec.json.decode(row.body)["trade_id"] for row in self.journal.rows(("fill",)))
        ours = Counter(whole for trade in booked if (whole := _whole(trade)))
        faults += [
            f"fill {trade}: there {theirs[trade]}, here {ours[trade]}"
            for trade in theirs | ours
            if theirs[trade] != ours[trade]
        ]
        there = {update.client_id for update in await driver.fetch_open_orders(account)}
        here = {order.client_id for order in blotter.open_orders()}
        faults += [f"open there {there - here}, open here {here - there}"] if there != here else []
        held = await driver.fetch_positions(account)
        positions = {each.symbol: each.size for each in held if each.size}
        sizes = {each.symbol: each.size for each in blotter.ledger.totals(account) if each.size and not each.base}
        faults += [f"positions: there {positions}, here {sizes}"] if positions != sizes else []
        closing = {each.asset: each.total for each in await driver.fetch_balances(account)}
        faults += self._money(opening, closing, held) + await self._books()
        faults += [f"{event}: {fields}" for level, event, fields in self.log.lines
                   if fields.get("cause") not in FORCED and event in ("order_violation", "task_failed", "external_position", "order_risen", "driver_raised",
                                "writes_exceed_intents", "subscriber_failed", "external_fill")]  # fmt: skip
        if len(theirs) < 20:
            faults.append(f"only {len(theirs)} fills: nothing was proved")
        return faults

    def _twice(self) -> list[str]:
        """Client ids that the emulator carried out more than once, in whatever table it counts them."""
        found: list[str] = []

        def walk(node: Any) -> None:
            for key, value in node.items() if isinstance(node, Mapping) else ():
                if key in ("placed", "processed", "client_ids") and isinstance(value, Mapping):
                    found.extend(
                        f"carried out twice: {name} {count}" for name, count in value.items() if _carried_out(count) > 1
                    )
                else:
                    walk(value)

        walk(self.emulator.statistics()["accounts"])
        return found

    def _money(
        self, opening: Mapping[str, Decimal], closing: Mapping[str, Decimal], held: Sequence[Position]
    ) -> list[str]:
        """Cash without what is tied up in open positions: that is the same whatever order the fills were booked in."""
        here, there = dict(opening), dict(closing)
        for holding in self.system.desk.blotter.ledger.totals(self.account):
            tied = {} if holding.base else {holding.money: -holding.cost}
            for asset, amount in (*cash(holding).items(), *tied.items()):
                here[asset] = here.get(asset, ZERO) + amount
            for each in held if tied else ():
                if each.symbol == holding.symbol:
                    there[holding.money] -= each.size * each.entry
        return [
            f"{asset}: there {there.get(asset, ZERO)}, here {amount}"
            for asset, amount in here.items()
            if abs(there.get(asset, ZERO) - amount) > Decimal("1e-6")
        ]

    async def _books(self) -> list[str]:
        """The book that the stream built is the venue's; both move, so they are looked at until they meet."""
        ours: Any = ()
        theirs: Any = ()
        for _ in range(BOOK_TRIES):
            shown = await self.driver.fetch_orderbook(self.subject.symbol, BOOK_LEVELS)
            theirs = [list(map(tuple, shown.bids[:BOOK_LEVELS])), list(map(tuple, shown.asks[:BOOK_LEVELS]))]
            ours = [list(map(tuple, self.book.levels(side, BOOK_LEVELS))) for side in ("buy", "sell")]
            if ours == theirs and len(shown.bids) == len(shown.asks) == BOOK_LEVELS:
                return []
            await self.clock.sleep(0.037)
        return [f"books: there {theirs}, here {ours}"]


def _whole(trade_id: str) -> str:
    """The venue's id of a fill; empty for all but one of the parts that it was booked in."""
    whole, _, part = trade_id.partition("#")
    return whole if not part or part.startswith("1/") else ""


def _carried_out(count: Any) -> int:
    """Some emulators tell beside it how often an id was received, and refused as one that is taken."""
    return int(count.get("accepted", count.get("processed", 0)) if isinstance(count, Mapping) else count)


def live_through(
    subject: Subject, seed: int, lasts_s: float = LASTS_S, calm_s: float = CALM_S, every_s: float = 4.0
) -> tuple[list[str], dict[str, Any]]:
    """One hour; what differs afterwards, and what it was made of."""

    async def main() -> tuple[list[str], dict[str, Any]]:
        storm = Storm(subject, seed)
        faults = await storm.run(lasts_s, calm_s, every_s)
        blotter, recovery = storm.system.desk.blotter, storm.system.recovery
        return faults, {**blotter.statistics(), **recovery.statistics(), "log": storm.log}

    return run_virtual(main())


if __name__ == "__main__":
    from tests.drivers.test_conformance import SUBJECTS

    for text in sys.argv[2:] or ["1"]:
        began = time.perf_counter()
        differs, told = live_through(SUBJECTS[sys.argv[1]], int(text))
        told.pop("log")
        sys.stdout.write(
            f"{sys.argv[1]} seed {text}: {'right' if not differs else 'WRONG'}, {told}, {time.perf_counter() - began:.1f} s\n"
        )
        for each in differs[:12]:
            sys.stdout.write(f"  {each[:400]}\n")
