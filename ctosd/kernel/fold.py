"""The fold: the journal of all venues, read once at boot, and what it says of one venue applied to the blotter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi.commands import Amend
from ctosd.abi.errors import InvariantBroken
from ctosd.abi.events import Fill, FundingPayment, OrderUpdate
from ctosd.abi.orders import Order
from ctosd.core import lifecycle
from ctosd.kernel.arming import Arming, Grant
from ctosd.kernel.blotter import Own
from ctosd.kernel.desk import Desk
from ctosd.kernel.egress import claim_s
from ctosd.kernel.ports import Journal, Row
from ctosd.kernel.switch import Switch

KINDS = ("intent", "outcome", "order", "fill", "funding", "transfer")


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


class _Freeze(msgspec.Struct):
    account: str
    symbol: str
    reason: str


class _Transfer(msgspec.Struct):
    account: str
    symbol: str
    source: str
    target: str
    size: Decimal
    time_ns: int = 0


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
        self.frozen: dict[tuple[str, str], str] = {}
        self.grants: dict[str, Grant] = {}
        for row in journal.rows(("mode", "freeze", "arm")):
            self._control(row)

    def _control(self, row: Row) -> None:
        """What a person or the kernel decided about trading as a whole."""
        if row.kind == "mode":
            self.mode = msgspec.json.decode(row.body)
            if self.mode["mode"] == "active":
                self.frozen.clear()
        elif row.kind == "freeze":
            freeze = msgspec.json.decode(row.body, type=_Freeze)
            self.frozen[freeze.account, freeze.symbol] = freeze.reason
        else:
            self.grants[row.key] = msgspec.json.decode(row.body, type=Grant)

    def restore(self, switch: Switch, arming: Arming) -> None:
        """Put the kill switch, the frozen instruments and the grants back to where they stood."""
        if self.mode:
            switch.set(self.mode["mode"], self.mode["reason"], self.mode["by"])
        switch.frozen.update(self.frozen)
        arming.grants.update(self.grants)

    def cursor(self, strategy: str) -> int:
        saved = self.states.get(strategy)
        return saved.cursor if saved is not None else 0


class Replay:
    """One venue's part of the fold."""

    def __init__(self, fold: Fold, venue: str, desk: Desk) -> None:
        self._fold = fold
        self._venue = venue
        self._desk = desk
        self._blotter = desk.blotter
        self._orders: dict[str, Order] = {}
        self._amends: dict[str, Amend] = {}
        self._raised: dict[str, Decimal] = {}  # the largest sizes that orders were amended to
        self._terms_ns: dict[str, int] = {}

    def run(self) -> None:
        """Apply every row that concerns the venue. Its instruments must be known. Raises `InvariantBroken`."""
        steps = {
            "intent": self._intent,
            "outcome": self._outcome,
            "order": self._update,
            "fill": self._fill,
            "funding": self._funding,
            "transfer": self._transfer,
        }
        for row in self._fold.rows:
            steps[row.kind](row)
        for order in self._orders.values():
            self._blotter.restore(order)
            if order.is_open and order.client_id in self._terms_ns:
                self._blotter.terms_ns[order.client_id] = self._terms_ns[order.client_id]
        self._claim()
        faults = self._blotter.ledger.check()
        if faults:
            raise InvariantBroken(f"the journal's fills do not add up: {'; '.join(faults[:3])}")

    def _claim(self) -> None:
        """Amendments whose end the journal does not tell may still be under way, and old news of orders too."""
        line = self._desk.egress.lines.get(self._venue)
        if line is None:
            return  # a journal that is read for its own sake has no venue
        until_s = asyncio.get_running_loop().time() + claim_s(line.driver.manifest)
        for amend in self._amends.values():
            if amend.size is not None:
                self._raised[amend.client_id] = max(amend.size, self._raised.get(amend.client_id, amend.size))
        for name, size in self._raised.items():
            order = self._orders.get(name)
            if order is not None and order.is_open:
                self._blotter.claims.hold(name, size, until_s)

    def _intent(self, row: Row) -> None:
        intent = msgspec.json.decode(row.body, type=_Intent)
        if intent.act in ("place", "adopt"):
            order = msgspec.json.decode(intent.order, type=Order)
            if order.account.partition("/")[0] == self._venue:
                self._orders[order.client_id] = order
        elif intent.act == "amend":
            amend = msgspec.json.decode(intent.order, type=Amend)
            self._amends[amend.client_id] = amend

    def _outcome(self, row: Row) -> None:
        outcome = msgspec.json.decode(row.body, type=_Outcome)
        order = self._orders.get(outcome.client_id)
        if order is None or not order.is_open:
            return
        if outcome.act == "place":
            states = {"accepted": "open", "rejected": "rejected", "unknown": "unknown", "never_sent": "never_sent"}
            new = states[outcome.outcome]
            if lifecycle.may(order.state, new) and not (new == "open" and order.filled):  # type: ignore[arg-type]
                order.state = new  # type: ignore[assignment]
            order.venue_id = outcome.venue_id or order.venue_id
            order.reason, order.message = outcome.reason, outcome.message
        elif outcome.outcome == "unknown":
            order.state = "unknown"
        elif outcome.act == "amend":
            amend = self._amends.pop(outcome.client_id, None)
            if amend is not None and outcome.outcome == "accepted":
                order.price = amend.price or order.price
                order.size = amend.size or order.size
                self._raised[order.client_id] = max(order.size, self._raised.get(order.client_id, order.size))

    def _update(self, row: Row) -> None:
        update = msgspec.json.decode(row.body, type=OrderUpdate)
        order = self._orders.get(update.client_id)
        if order is not None:
            lifecycle.on_update(order, update)
            self._terms_ns[order.client_id] = update.time_ns
            self._remember(row, order.strategy, order)

    def _fill(self, row: Row) -> None:
        fill = msgspec.json.decode(row.body, type=Fill)
        if fill.account.partition("/")[0] != self._venue:
            return
        instrument = self._desk.instrument(fill.account, fill.symbol)
        if not self._blotter.ledger.apply(fill, row.key, instrument):
            return
        self._blotter.note(row.key, fill)
        order = self._orders.get(fill.client_id) if fill.client_id else None
        if order is not None:
            amend = self._amends.get(order.client_id)
            lifecycle.on_fill(order, fill, amend.size if amend is not None else None)
            self._remember(row, order.strategy, fill)
            if order.state == "filled":
                self._remember(row, order.strategy, order)
        else:
            self._remember(row, row.key, fill)

    def _funding(self, row: Row) -> None:
        payment = msgspec.json.decode(row.body, type=FundingPayment)
        if payment.account.partition("/")[0] == self._venue:
            self._blotter.ledger.apply_funding(payment, self._desk.instrument(payment.account, payment.symbol))
            self._blotter.note_paid(payment)

    def _remember(self, row: Row, strategy: str, event: Order | Fill) -> None:
        """What came after a strategy's last saved state waits for its start."""
        if strategy in self._blotter.owners and row.seq > self._fold.cursor(strategy):
            self._blotter.missed.setdefault(strategy, []).append(Own(row.seq, event))

    def _transfer(self, row: Row) -> None:
        moved = msgspec.json.decode(row.body, type=_Transfer)
        if moved.account.partition("/")[0] == self._venue:
            self._blotter.ledger.transfer(
                moved.account, moved.symbol, moved.source, moved.target, moved.size, moved.time_ns
            )
