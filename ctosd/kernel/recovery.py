"""Recovery: the journal folded to orders and money, then compared with each venue; and unknown outcomes, resolved.

Start and crash recovery are one path. Strategies of a venue start only after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ctosd.abi.commands import Amend
from ctosd.abi.driver import Log
from ctosd.abi.errors import InvariantBroken, NotReady
from ctosd.abi.events import TERMINAL, Fill, FundingPayment, OrderUpdate
from ctosd.abi.orders import Order
from ctosd.core import lifecycle
from ctosd.core.reconcile import Adopt, Book, Orphan, Repair, diff, is_proved_absent
from ctosd.kernel.blotter import Own
from ctosd.kernel.clock import SECOND
from ctosd.kernel.desk import Desk
from ctosd.kernel.ports import Journal, Row

KINDS = ("intent", "outcome", "order", "fill", "funding")
OVERLAP_NS = 60 * SECOND
"""How far before our last fill the venue is asked again: two clocks never quite agree."""

WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)


class _Intent(msgspec.Struct):
    act: str
    order: msgspec.Raw


class _Outcome(msgspec.Struct):
    act: str
    client_id: str
    outcome: str
    venue_id: str = ""
    reason: str = ""
    message: str = ""


class _State(msgspec.Struct):
    cursor: int
    state: msgspec.Raw


class Saved(msgspec.Struct, frozen=True):
    """What a strategy left behind: its place among its own events, and its state as JSON."""

    cursor: int
    state: bytes


class Fold:
    """The journal of all venues, read once at boot."""

    def __init__(self, journal: Journal) -> None:
        self.rows = list(journal.rows(KINDS))
        self.states: dict[str, Saved] = {}
        for row in journal.rows(("state",)):
            kept = msgspec.json.decode(row.body, type=_State)
            self.states[row.key] = Saved(kept.cursor, bytes(kept.state))
        self.mode: Mapping[str, Any] = {}
        for row in journal.rows(("mode",)):
            self.mode = msgspec.json.decode(row.body)

    def cursor(self, strategy: str) -> int:
        saved = self.states.get(strategy)
        return saved.cursor if saved is not None else 0


class Recovery:
    """Brings the blotter to the truth: once per venue at boot, and order by order whenever an outcome is unknown."""

    def __init__(self, desk: Desk, log: Log) -> None:
        self._desk = desk
        self._blotter = desk.blotter
        self._log = log
        self._asking: set[str] = set()
        self.repairs = 0
        self.resolved = 0

    # -- the fold ----------------------------------------------------------------------------------------------------------

    def replay(self, fold: Fold, venue: str) -> None:
        """Apply the journal's rows that concern one venue. Its instruments must be known."""
        orders: dict[str, Order] = {}
        amends: dict[str, Amend] = {}
        steps = {"intent": self._intent, "outcome": self._outcome, "order": self._update}
        for row in fold.rows:
            if row.kind in steps:
                order = steps[row.kind](row, venue, orders, amends)
                if order is not None and row.kind == "order":
                    self._remember(fold, row, order.strategy, order)
            elif row.kind == "fill":
                self._fill(fold, row, venue, orders)
            else:
                self._funding(fold, row, venue)
        for order in orders.values():
            self._blotter.restore(order)
        faults = self._blotter.ledger.check()
        if faults:
            raise InvariantBroken(f"the journal's fills do not add up: {'; '.join(faults[:3])}")

    def _intent(self, row: Row, venue: str, orders: dict[str, Order], amends: dict[str, Amend]) -> Order | None:
        intent = msgspec.json.decode(row.body, type=_Intent)
        if intent.act == "place":
            order = msgspec.json.decode(intent.order, type=Order)
            if order.account.partition("/")[0] == venue:
                orders[order.client_id] = order
                return order
        elif intent.act == "amend":
            amend = msgspec.json.decode(intent.order, type=Amend)
            amends[amend.client_id] = amend
        return None

    def _outcome(self, row: Row, venue: str, orders: dict[str, Order], amends: dict[str, Amend]) -> Order | None:
        outcome = msgspec.json.decode(row.body, type=_Outcome)
        order = orders.get(outcome.client_id)
        if order is None or not order.is_open:
            return None
        if outcome.act == "place":
            states = {"accepted": "open", "rejected": "rejected", "unknown": "unknown", "never_sent": "never_sent"}
            new = states[outcome.outcome]
            if lifecycle.may(order.state, new) and not (new == "open" and order.filled):  # type: ignore[arg-type]
                order.state = new  # type: ignore[assignment]
            order.venue_id = outcome.venue_id or order.venue_id
            order.reason, order.message = outcome.reason, outcome.message
        elif outcome.outcome == "unknown":
            order.state = "unknown"
        elif outcome.act == "amend" and outcome.outcome == "accepted" and (amend := amends.get(outcome.client_id)):
            order.price = amend.price or order.price
            order.size = amend.size or order.size
        return order

    def _update(self, row: Row, venue: str, orders: dict[str, Order], amends: dict[str, Amend]) -> Order | None:
        update = msgspec.json.decode(row.body, type=OrderUpdate)
        order = orders.get(update.client_id)
        if order is not None:
            lifecycle.on_update(order, update)
        return order

    def _fill(self, fold: Fold, row: Row, venue: str, orders: dict[str, Order]) -> None:
        fill = msgspec.json.decode(row.body, type=Fill)
        if fill.account.partition("/")[0] != venue:
            return
        instrument = self._desk.instrument(fill.account, fill.symbol)
        if not self._blotter.ledger.apply(fill, row.key, instrument):
            return
        self._blotter.note(row.key, fill)
        order = orders.get(fill.client_id)
        if order is not None:
            lifecycle.on_fill(order, fill)
            self._remember(fold, row, order.strategy, fill)
            if order.state == "filled":
                self._remember(fold, row, order.strategy, order)

    def _funding(self, fold: Fold, row: Row, venue: str) -> None:
        payment = msgspec.json.decode(row.body, type=FundingPayment)
        if payment.account.partition("/")[0] == venue:
            self._blotter.ledger.apply_funding(payment, self._desk.instrument(payment.account, payment.symbol))

    def _remember(self, fold: Fold, row: Row, strategy: str, event: Order | Fill) -> None:
        """What came after a strategy's last saved state waits for its start."""
        if strategy in self._blotter.owners and row.seq > fold.cursor(strategy):
            self._blotter.missed.setdefault(strategy, []).append(Own(row.seq, event))

    # -- the venue's word ------------------------------------------------------------------------------------------------------

    async def reconcile(self, venue: str, accounts: tuple[str, ...]) -> int:
        """Compare with the venue and repair; returns how many repairs that took. Raises `NotReady`."""
        driver = self._desk.egress.lines[venue].driver
        count = 0
        for account in accounts:
            ours = self._blotter.open_orders(account=account)
            theirs = await driver.fetch_open_orders(account)
            fills = await driver.fetch_fills(account, self._since_ns(account, ours))
            repairs = diff(ours, theirs, fills, self._booked)
            for repair in repairs:
                count += await self._apply(repair)
        self.repairs += count
        return count

    def _booked(self, fill: Fill) -> bool:
        return self._blotter.ledger.knows(fill.account, fill.symbol, fill.trade_id)

    def _since_ns(self, account: str, ours: list[Order]) -> int:
        last = self._blotter.last_fill_ns.get(account, 0)
        oldest = min((order.created_ns for order in ours), default=last)
        return max(0, min(last, oldest) - OVERLAP_NS)

    async def _apply(self, repair: Repair) -> int:
        if isinstance(repair, Book):
            self._log.info(
                "repair_fill", account=repair.fill.account, symbol=repair.fill.symbol, client_id=repair.fill.client_id
            )
            return int(self._blotter.on_fill(repair.fill))
        if isinstance(repair, Adopt):
            self._blotter.on_update(repair.update)
            return 1
        if isinstance(repair, Orphan):
            self._blotter.on_update(repair.update)
            return 0
        await self.ask(repair.order)
        return 1

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
                    settled = order.state in TERMINAL or await self.ask(order)
                except NotReady as error:
                    self._log.warning("resolve_waits", client_id=order.client_id, reason=str(error))
                    continue
                if settled:
                    break
        finally:
            self._asking.discard(order.client_id)

    async def ask(self, order: Order) -> bool:
        """Ask the venue what became of an order. True when that is known now."""
        driver = self._desk.driver_of(order.account)
        found = await driver.fetch_order(order.account, order.symbol, order.client_id)
        listed = await driver.fetch_open_orders(order.account, order.symbol)
        fills = await driver.fetch_fills(order.account, max(0, order.created_ns - OVERLAP_NS))
        mine = [fill for fill in fills if fill.client_id == order.client_id]
        for fill in mine:
            self._blotter.on_fill(fill)
        if found is not None:
            self._blotter.on_update(found)
            self._known(order)
            return True
        manifest = driver.manifest
        seen = bool(mine) or any(each.client_id == order.client_id for each in listed)
        now_ns = self._desk.clock.now_ns()
        expiry_ns, grace_ns = manifest.expiry_ms * 1_000_000, manifest.grace_ms * 1_000_000
        if not is_proved_absent(order, now_ns, expiry_ns, grace_ns, found, seen):
            if order.state == "pending":
                self._blotter.doubt(order)
            self.watch(order)
            return False
        self._blotter.absent(order)
        self.resolved += 1
        return True

    def _known(self, order: Order) -> None:
        self.resolved += 1
        self._log.info("order_resolved", client_id=order.client_id, strategy=order.strategy, state=order.state)

    def statistics(self) -> Mapping[str, Any]:
        return {"repairs": self.repairs, "resolved": self.resolved, "asking": len(self._asking)}
