"""Recovery: our record compared with each venue and repaired; and unknown outcomes, resolved.

Start and crash recovery are one path: the journal is folded (`kernel.fold`), then the venue is asked. Strategies of a
venue start only after it. The same comparison goes on for as long as the daemon runs (`kernel.auditor`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi.driver import Driver, Log
from ctosd.abi.errors import NotReady
from ctosd.abi.events import TERMINAL, Fill, OrderUpdate, Position
from ctosd.abi.orders import Order
from ctosd.core.ids import parse
from ctosd.core.ledger import EXTERNAL
from ctosd.core.reconcile import Adopt, Ask, Book, Foreign, Repair, Risen, Take, diff, drifts, is_proved_absent
from ctosd.kernel.clock import SECOND
from ctosd.kernel.desk import Desk
from ctosd.kernel.egress import DEADLINE_NS

OVERLAP_NS = 60 * SECOND
"""How far before our last fill the venue is asked again: two clocks never quite agree."""

PAID_OVERLAP_NS = 3_600 * SECOND
"""How far before the last funding payment the venue is asked again: the symbols of one moment are not all paid at once."""
PAID_BEFORE_NS = 7 * 86_400 * SECOND
"""How much further back the first question of a process goes."""

SETTLE_NS = 5 * SECOND
"""What changed within this time is still moving: a comparison leaves it to its stream."""

TRUSTED_NS = SECOND
"""A clock that differs from the venue's by no more than this dates what an earlier process sent."""

WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
PATIENCE = 20
"""How many times an ended order's missing fills are asked for before the rest is left to the comparison of positions."""
TWICE_S = 2.0
"""A position that differs is looked at again after this and the venue's own grace, before anybody believes it: an endpoint
that lags behind the others would show a difference too."""


class Recovery:
    """Brings the blotter to the truth: at boot, for ever after, and order by order whenever an outcome is unknown."""

    def __init__(self, desk: Desk, log: Log) -> None:
        self._desk = desk
        self._blotter = desk.blotter
        self._log = log
        self._asking: set[str] = set()
        self.repairs = 0
        self.resolved = 0
        self.adopted = 0
        self.drift: dict[str, Decimal] = {}
        self._paid_ns: dict[str, int] = {}  # account -> until when the venue was asked for payments
        self._began_s = asyncio.get_running_loop().time()
        # Starts in which somebody set the clock.
        self._stepped = {row.boot for row in desk.blotter.journal.rows(("clock",))}
        self._astray_ns = 0  # how far this machine's clock may have been from the venue's

    # -- the venue's word ------------------------------------------------------------------------------------------------------

    async def reconcile(self, venue: str, accounts: tuple[str, ...], boot: bool = True) -> int:
        """Compare everything with the venue and repair; returns how many repairs that took. Raises `NotReady`.

        With `boot` nothing of this venue is under way, and orders of earlier boots that the journal lost are adopted.
        """
        count = 0
        for account in accounts:
            if account == accounts[0]:
                reading = await self._desk.driver_of(account).fetch_clock()
                self._astray_ns = max(self._astray_ns, abs(reading.offset_ns))
            count += await self.compare_orders(account, boot=boot, fills=True)
            count += await self.compare_positions(account)
            await self.take_funding(account)
        return count

    async def compare_orders(self, account: str, *, boot: bool = False, fills: bool = False) -> int:
        """The open orders of one account, with `fills` also what was filled since the last one that we know."""
        driver = self._desk.driver_of(account)
        asked_ns = self._desk.clock.now_ns()
        theirs = await driver.fetch_open_orders(account)
        ours = [order for order in self._blotter.open_orders(account=account) if boot or self._rests(order, asked_ns)]
        behind = any(self._lacks(update) for update in theirs)
        unheard, ended = await self._unheard(driver, account, ours, boot) if fills or behind else ([], [])
        repairs = [*diff(ours, theirs, unheard, _Known(self, boot)), *map(Take, ended)]
        count = 0
        for repair in repairs:
            count += await self._apply(repair, asked_ns)
        self._blotter.outside.keep(account, {update.venue_id or update.client_id for update in theirs})
        self.repairs += count
        return count

    def _rests(self, order: Order, asked_ns: int) -> bool:
        """Whether nothing moves about an order, so that the venue's listing should tell of it what we know."""
        return self._is_calm(order, asked_ns) and order.state != "pending" and not self._desk.egress.is_flying(order)

    def _is_calm(self, order: Order, asked_ns: int) -> bool:
        """Nothing was heard of it since a while before the question, which may have waited for the venue's limits.

        What is dated in the future was dated by a clock that has been set since.
        """
        updated_ns = order.updated_ns
        return updated_ns < asked_ns - SETTLE_NS or updated_ns > self._desk.clock.now_ns() + SETTLE_NS

    def _lacks(self, update: OrderUpdate) -> bool:
        order = self._blotter.orders.get(update.client_id)
        return order is not None and update.filled > order.filled

    async def _unheard(
        self, driver: Driver, account: str, ours: list[Order], boot: bool
    ) -> tuple[list[Fill], list[OrderUpdate]]:
        """Fills that we have not booked. Orders of theirs that our journal lost are adopted first; how they ended is told."""
        ended: list[OrderUpdate] = []
        fills = await driver.fetch_fills(account, self._since_ns(account, ours))
        unheard = [fill for fill in fills if not self.booked(fill)]
        for fill in unheard:
            if self.adoptable(fill.client_id, boot) and fill.client_id not in self._blotter.orders:
                found = await driver.fetch_order(account, fill.symbol, fill.client_id)
                if found is not None:
                    self._adopt(found)
                    ended += [found] if found.state in TERMINAL else []
        for order in ours:
            new = sum((fill.size for fill in unheard if fill.client_id == order.client_id), Decimal(0))
            if new and order.filled + new >= order.size:
                self._take_size(order, await driver.fetch_order(account, order.symbol, order.client_id))
        return unheard, ended

    def _take_size(self, order: Order, found: OrderUpdate | None) -> None:
        """Before its fills: they alone would end an order that is larger there."""
        if found is not None and found.size != order.size:
            self._blotter.on_update(msgspec.structs.replace(found, state="unknown"), asked=True)

    def booked(self, fill: Fill) -> bool:
        return self._blotter.ledger.knows(fill.account, fill.symbol, fill.trade_id)

    def adoptable(self, client_id: str, boot: bool) -> bool:
        """Whether an id that we do not know is that of a boot of ours before this one, and this is the time to look."""
        read = parse(client_id)
        return boot and read is not None and read[0] < self._desk.ids.epoch

    def _since_ns(self, account: str, ours: list[Order]) -> int:
        last = self._blotter.last_fill_ns.get(account, 0)
        oldest = min((self._dated_ns(order) for order in ours), default=last)
        return max(0, min(last, oldest) - OVERLAP_NS)

    def _dated_ns(self, order: Order) -> int:
        """A time before the order's first fill by the venue's clock; 0 when ours was too wrong to tell."""
        return order.created_ns - self._astray_ns if order.created_ns <= self._desk.clock.now_ns() else 0

    async def _apply(self, repair: Repair, asked_ns: int) -> int:
        if isinstance(repair, Book):
            fill = repair.fill
            self._log.info("repair_fill", account=fill.account, symbol=fill.symbol, client_id=fill.client_id)
            return int(self._blotter.on_fill(fill))
        if isinstance(repair, Take):
            self._blotter.on_update(repair.update, asked=True)
            return 1
        if isinstance(repair, Adopt):
            self._adopt(repair.update)
            return 1
        if isinstance(repair, Foreign):
            self._blotter.on_update(repair.update)
            return 0
        if isinstance(repair, Risen):
            return self._risen(repair, asked_ns)
        return int(await self._missing(repair))

    async def _missing(self, repair: Ask) -> bool:
        if repair.order.state == "unknown" and repair.order.client_id in self._asking:
            return False  # it is being resolved already
        await self.ask(repair.order)
        return True

    def _adopt(self, update: OrderUpdate) -> None:
        self.adopted += 1
        self._blotter.adopt(update)

    def _risen(self, repair: Risen, asked_ns: int) -> int:
        """An order that ended here is open there. Its exposure counts from now on; a person must look."""
        if not self._is_calm(repair.order, asked_ns):
            return 0  # it has just ended: the listing is older
        if self._blotter.outside.see(repair.update):
            self._log.error("order_risen", account=repair.update.account, symbol=repair.update.symbol,
                            client_id=repair.update.client_id, state=repair.order.state)  # fmt: skip
        return 0

    # -- positions -------------------------------------------------------------------------------------------------------------

    async def compare_positions(self, account: str) -> int:
        """Net positions: what differs twice, with nothing moving between, is somebody else's and booked as such."""
        driver = self._desk.driver_of(account)
        first = self._drifts(account, await driver.fetch_positions(account))
        if first:
            before = self._stirred(account)
            await self._desk.clock.sleep(TWICE_S + driver.manifest.grace_ms / 1_000)
            await self.compare_orders(account, fills=True)
            theirs = await driver.fetch_positions(account)
            second = self._drifts(account, theirs)
            if self._stirred(account) != before:
                first = {}  # fills explain it, or it moves too fast to tell: the next look will see
            for position in theirs_of(theirs, second, account):
                if first.get(position.symbol) == second[position.symbol]:
                    self._take_position(account, position, second[position.symbol])
                    self.repairs += 1
            first = self._drifts(account, theirs)
        self.drift = {key: size for key, size in self.drift.items() if not key.startswith(f"{account} ")}
        self.drift |= {f"{account} {symbol}": size for symbol, size in first.items()}
        return 0

    def _stirred(self, account: str) -> tuple[int, bool]:
        """Changes with every fill of an account, and while a command of it is under way."""
        fills = sum(holding.fills for holding in self._blotter.ledger.totals(account))
        return fills, any(self._desk.egress.is_flying(order) for order in self._blotter.open_orders(account=account))

    def _drifts(self, account: str, theirs: Sequence[Position]) -> dict[str, Decimal]:
        ours = {
            holding.symbol: holding.size
            for holding in self._blotter.ledger.totals(account)
            if not holding.base  # what a spot account owns is not all from its trades
        }
        there = {position.symbol: position.size for position in theirs if self._is_listed(account, position.symbol)}
        return drifts(ours, there)

    def _is_listed(self, account: str, symbol: str) -> bool:
        return self._desk.market.instrument(account.partition("/")[0], symbol) is not None

    def _take_position(self, account: str, position: Position, size: Decimal) -> None:
        """A part of a position that no fill of ours explains: the external part of the account."""
        now_ns = self._desk.clock.now_ns()
        mark = self._desk.market.mark(account.partition("/")[0], position.symbol)
        price = position.entry or position.mark or mark or self._blotter.ledger.total(account, position.symbol).entry
        self._log.error("external_position", account=account, symbol=position.symbol, size=str(size), price=str(price))
        self._blotter.on_fill(
            Fill(account=account, symbol=position.symbol, trade_id=f"external-{position.symbol}-{now_ns}", client_id="",
                 venue_id="", side="buy" if size > 0 else "sell", price=abs(price), size=abs(size), fee=Decimal(0),
                 fee_asset="", liquidity="taker", time_ns=now_ns, cause=EXTERNAL)
        )  # fmt: skip

    # -- funding -------------------------------------------------------------------------------------------------------------

    async def take_funding(self, account: str) -> None:
        """Book the payments that no stream told us of, or that were paid while we were down.

        An account is asked from its first fill on: what was paid before that was for nobody of ours. A venue that cannot
        tell now holds nobody up: the next look asks from the same moment on.
        """
        since_ns = self._unpaid_since_ns(account)
        if since_ns is None:
            return
        try:
            payments = await self._desk.driver_of(account).fetch_funding_payments(account, since_ns)
        except NotReady as error:
            self._log.info("funding_waits", account=account, reason=str(error))
            return
        for payment in payments:
            self._blotter.on_funding(payment)
        self._paid_ns[account] = self._blotter.last_paid_ns.get(account, since_ns)

    def _unpaid_since_ns(self, account: str) -> int | None:
        """From when on payments may be unknown; None for an account that never traded."""
        first_ns, last_ns = self._blotter.first_fill_ns.get(account), self._blotter.last_paid_ns.get(account)
        if first_ns is None and last_ns is None:
            return None
        known_ns = self._paid_ns.get(account)
        if known_ns is None:  # what a stream told may be newer than what the process before this one could ask
            known_ns = (last_ns or 0) - PAID_BEFORE_NS
        return max(0, known_ns - PAID_OVERLAP_NS, (first_ns or 0) - PAID_OVERLAP_NS - self._astray_ns)

    # -- one order -------------------------------------------------------------------------------------------------------------

    def watch(self, order: Order) -> None:
        """Resolve an order whose outcome is unknown, in the background. One watch an order at a time."""
        if order.client_id not in self._asking:
            self._asking.add(order.client_id)
            self._desk.tasks.spawn(f"resolve-{order.client_id}", self._resolve(order))

    async def _resolve(self, order: Order) -> None:
        try:
            tries = 0
            while order.is_open:
                await self._desk.clock.sleep(WAITS_S[min(tries, len(WAITS_S) - 1)])
                tries += 1
                try:
                    settled = order.state in TERMINAL or await self.ask(order, patient=tries < PATIENCE)
                except NotReady as error:
                    self._log.warning("resolve_waits", client_id=order.client_id, reason=str(error))
                    continue
                if settled:
                    break
        finally:
            self._asking.discard(order.client_id)
            if not order.is_open:
                self._desk.egress.signed.pop(order.client_id, None)

    async def ask(self, order: Order, patient: bool = True) -> bool:
        """Ask the venue what became of an order. True when that is known now; with `patient` its last fills included."""
        driver = self._desk.driver_of(order.account)
        found = await driver.fetch_order(order.account, order.symbol, order.client_id)
        listed = await driver.fetch_open_orders(order.account, order.symbol)
        fills = await driver.fetch_fills(order.account, max(0, self._dated_ns(order) - OVERLAP_NS))
        mine = [fill for fill in fills if fill.client_id == order.client_id]
        self._take_size(order, found)
        for fill in mine:
            self._blotter.on_fill(fill)
        if found is not None and patient and found.state in TERMINAL and found.filled > order.filled:
            self.watch(order)  # it has ended, and its last fills are not told yet
            return False
        if found is not None:
            self._blotter.on_update(found, asked=True)
            self._known(order)
            return True
        manifest = driver.manifest
        seen = bool(mine) or any(each.client_id == order.client_id for each in listed)
        expiry_ns, grace_ns = manifest.expiry_ms * 1_000_000, manifest.grace_ms * 1_000_000
        if self._desk.egress.is_flying(order):
            return False  # its own answer is still on the way
        if not is_proved_absent(order, self._age_ns(order), expiry_ns, grace_ns, found, seen):
            if order.state == "pending":
                self._blotter.doubt(order)
            self.watch(order)
            return False
        self._desk.egress.signed.pop(order.client_id, None)
        self._blotter.absent(order)
        self.resolved += 1
        return True

    def _age_ns(self, order: Order) -> int:
        """The time since it left, by the steady clock; what an earlier process sent is dated by a clock that must be trusted."""
        now_s = asyncio.get_running_loop().time()
        signed_s = self._desk.egress.signed.get(order.client_id)
        if signed_s is not None:
            return int((now_s - signed_s) * SECOND)
        read = parse(order.client_id)
        if read is not None and read[0] == self._desk.ids.epoch:
            return 0  # it waits for its turn
        age_ns = int((now_s - self._began_s) * SECOND)
        if read is None or read[0] in self._stepped or self._astray_ns > TRUSTED_NS:
            return age_ns
        return max(age_ns, self._desk.clock.now_ns() - order.created_ns - DEADLINE_NS - TRUSTED_NS)

    def _known(self, order: Order) -> None:
        self._desk.egress.signed.pop(order.client_id, None)
        self.resolved += 1
        self._log.info("order_resolved", client_id=order.client_id, strategy=order.strategy, state=order.state)

    def clock_stepped(self, seconds: float) -> None:
        """Somebody set the clock by so much: what it dated before may be wrong by that."""
        self._astray_ns += int(abs(seconds) * SECOND)
        self._blotter.journal.append("clock", "", b'{"seconds":%.3f}' % seconds, self._desk.clock.now_ns())
        self._log.error("clock_stepped", seconds=round(seconds, 3))

    def statistics(self) -> Mapping[str, Any]:
        return {"repairs": self.repairs, "resolved": self.resolved, "asking": len(self._asking), "adopted": self.adopted,
                "drift": len(self.drift)}  # fmt: skip


class _Known:
    """`core.reconcile.Record` over the blotter."""

    def __init__(self, recovery: Recovery, boot: bool) -> None:
        self._recovery = recovery
        self._boot = boot
        self.order = recovery._blotter.orders.get
        self.booked = recovery.booked

    def adoptable(self, client_id: str) -> bool:
        return self._recovery.adoptable(client_id, self._boot)


def theirs_of(theirs: Sequence[Position], symbols: Mapping[str, Decimal], account: str) -> list[Position]:
    """A position for each of `symbols`, a flat one where the venue lists none."""
    known = {position.symbol: position for position in theirs}
    zero = Decimal(0)
    return [
        known.get(symbol) or Position(account=account, symbol=symbol, size=zero, entry=zero, mark=zero, unrealised=zero)
        for symbol in symbols
    ]
