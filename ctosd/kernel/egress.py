"""The egress: the one way out. gate → bucket → look again → journal → driver → outcome.

Nothing here repeats a place or an amend. An outcome that cannot be read is `unknown`, and the resolver asks the venue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi.clock import Clock
from ctosd.abi.commands import Accepted, Amend, Cancel, Command, Outcome, Place, Rejected, Unknown
from ctosd.abi.driver import Log, Manifest
from ctosd.abi.errors import CtosError, NotReady
from ctosd.abi.orders import Order
from ctosd.core import gate
from ctosd.core.gate import Limits, Refusal, View
from ctosd.kernel.arming import Arming
from ctosd.kernel.blotter import Blotter
from ctosd.kernel.clock import SECOND
from ctosd.kernel.line import Line
from ctosd.kernel.market import Market
from ctosd.kernel.seat import Seat
from ctosd.kernel.sight import Sight
from ctosd.kernel.switch import Switch
from ctosd.kernel.tasks import Tasks, resume
from ctosd.kernel.wording import MILLISECOND, amend_of, cancel_of, place_of, plain

DEADLINE_NS = 5 * SECOND
"""How long an order may wait for the venue's rate limit before it is not wanted any more."""

AUDITED_S = 45.0
"""Within this the auditor has compared the open orders once, and some."""
ZERO = Decimal(0)


OnDecision = Callable[[Order, View, Refusal | None, bool], None]
"""Hears what the gate answered to an order, and whether it was the second look, after a wait."""


class Egress:
    """Takes orders from seats to venues."""

    def __init__(
        self, clock: Clock, market: Market, blotter: Blotter, switch: Switch, tasks: Tasks, house: Limits, log: Log
    ) -> None:
        self._clock = clock
        self._market = market
        self._blotter = blotter
        self._journal = blotter.journal
        self._switch = switch
        self._tasks = tasks
        self._house = house
        self._log = log
        self.lines: dict[str, Line] = {}
        self.arming = Arming(blotter, market, clock, log)
        self.sight = Sight(clock, market, blotter, switch, self.arming, house, self.lines)
        self.signed: dict[str, float] = {}  # client id -> the loop's time when its place left, while that is in doubt
        self._held: dict[str, Refusal | None] = {}  # orders that have not left; a refusal: they are not wanted any more
        self.flying: dict[str, int] = {}  # client id -> commands that have left and are not answered
        self.on_unknown: Callable[[Order], None] = lambda order: None
        self.on_decision: OnDecision = lambda order, view, refusal, again: None

    def line(self, account: str) -> Line:
        return self.lines[account.partition("/")[0]]

    # -- place -------------------------------------------------------------------------------------------------------------

    async def place(self, seat: Seat, order: Order, privileged: bool = False) -> Order:
        """Send one order; what became of it stands in `order.state` and `order.reason`."""
        now_ns = self._clock.now_ns()
        view = self.sight.view(seat, order, privileged)
        refusal = gate.check(order, view)
        self.on_decision(order, view, refusal, False)
        refusal = refusal or _unable(self.line(order.account), order)
        if refusal is not None:
            return self._deny(seat, order, refusal, privileged)
        seat.sent(order, now_ns)
        self._blotter.register(order)
        line = self.line(order.account)
        command = place_of(order, now_ns, line.driver.manifest.expiry_ms)
        urgent = order.reduce_only or privileged
        self._held[order.client_id] = None
        try:
            refusal = await self._turn(seat, line, command, now_ns + DEADLINE_NS, urgent, order, privileged)
            refusal = refusal or self._held[order.client_id] or await self._intend(seat, line, "place", order)
            if refusal is None and (refusal := self._held[order.client_id]) is not None:
                self._unsent(seat, "place", [order])
        finally:
            del self._held[order.client_id]
        if refusal is not None:
            self._refuse(order, refusal)
            return order
        if command.expires_ns and (sent_ns := self._clock.now_ns()) - now_ns >= MILLISECOND:
            command = place_of(order, sent_ns, line.driver.manifest.expiry_ms)
        self.signed[order.client_id] = asyncio.get_running_loop().time()
        await self._send(line, command, lambda outcome: self._conclude_place(order, outcome))
        return order

    def _deny(self, seat: Seat, order: Order, refusal: Refusal, privileged: bool) -> Order:
        self._blotter.deny(order, refusal)
        if not privileged:
            seat.denied(self._clock.now_ns())
        return order

    def _refuse(self, order: Order, refusal: Refusal) -> Order:
        """Refused after it was registered, before the first byte."""
        self._blotter.deny(order, refusal)
        self._blotter.settle(order, 0)
        return order

    # -- the common steps -----------------------------------------------------------------------------------------------------

    async def _turn(
        self, seat: Seat, line: Line, command: Command, deadline_ns: int, urgent: bool, order: Order, privileged: bool
    ) -> Refusal | None:
        """Take what the venue's rate limit asks; after a wait, look again at what may have changed meanwhile."""
        costs = line.driver.costs(command)
        if line.budget.take_now(costs, urgent=urgent):
            return None if privileged else _fenced(seat)  # nothing else has run since the gate looked
        line.waiting += 1
        try:
            patience_s = (deadline_ns - self._clock.now_ns()) / SECOND
            await line.budget.queue(costs, urgent=urgent, patience_s=patience_s)
        except NotReady as error:
            return Refusal("deadline", str(error))
        except asyncio.CancelledError:
            if isinstance(command, Place):
                self._refuse(order, Refusal("fenced", "cancelled while it waited; nothing was sent"))
            raise
        finally:
            line.waiting -= 1
        if isinstance(command, Cancel):
            return None
        if not privileged and seat.fence:
            return _fenced(seat)
        view = self.sight.view(seat, order, privileged)
        refusal = gate.check_again(order, view)
        self.on_decision(order, view, refusal, True)
        return refusal

    async def _intend(self, seat: Seat, line: Line, act: str, *bodies: Any) -> Refusal | None:
        """Make the intents durable, all at once. A refusal means that nothing may be sent."""
        seat.save()
        seq = 0
        for body in bodies:
            seq = self._blotter.record("intent", seat.name, {"act": act, "order": body})
        line.intents += len(bodies)
        if self._journal.commit_now(seq):
            return None
        try:
            await self._journal.committed(seq)
        except CtosError as error:
            self._unsent(seat, act, bodies)
            return Refusal("journal", str(error))
        except asyncio.CancelledError:
            self._unsent(seat, act, bodies)
            for body in bodies:
                if isinstance(body, Order):
                    self._refuse(body, Refusal("fenced", "cancelled before it was sent"))
            raise
        return None

    def _unsent(self, seat: Seat, act: str, bodies: Sequence[Any]) -> None:
        """The intents may reach the disk yet; say beside them that nothing was sent."""
        for body in bodies:
            outcome = {"act": act, "client_id": body.client_id, "outcome": "never_sent"}
            self._blotter.record("outcome", seat.name, outcome)

    async def _send(self, line: Line, command: Command, conclude: Callable[[Outcome], None]) -> None:
        """Exactly one write. It goes on to its outcome and its conclusion even when the strategy that wanted it is cancelled."""
        line.writes += 1
        line.meant += not isinstance(command, Cancel)
        self._lift(command)
        await self._go(self._submit(line, command, conclude))

    async def _go(self, coro: Coroutine[Any, Any, None]) -> None:
        # The bytes leave here and now, without a turn of the loop; what has to wait for the answer gets a task of its own.
        try:
            yielded = coro.send(None)
        except StopIteration:
            return
        await asyncio.shield(self._tasks.spawn("submit", _finish(coro, yielded)))

    async def _submit(self, line: Line, command: Command, conclude: Callable[[Outcome], None]) -> None:
        try:
            outcome = await line.driver.submit(command)
        except Exception as error:
            self._log.error("driver_raised", venue=line.driver.venue, client_id=command.client_id, reason=repr(error))
            outcome = Unknown(client_id=command.client_id, message=f"the driver raised {error!r}")
        finally:
            self._land(command.client_id)
        if isinstance(outcome, Unknown):
            line.unknown += 1
        conclude(outcome)

    async def _submit_together(self, line: Line, cancels: Mapping[Cancel, Order]) -> None:
        commands = list(cancels)
        try:
            told = list(zip(cancels.values(), await line.driver.submit_batch(commands), strict=True))
        except Exception as error:
            self._log.error(
                "driver_raised", venue=line.driver.venue, client_id=commands[0].client_id, reason=repr(error)
            )
            why = f"the driver raised {error!r}"
            told = [(order, Unknown(client_id=order.client_id, message=why)) for order in cancels.values()]
        finally:
            for command in commands:
                self._land(command.client_id)
        for order, outcome in told:
            line.unknown += isinstance(outcome, Unknown)
            self._conclude_cancel(order, outcome)

    def _lift(self, command: Command) -> None:
        self.flying[command.client_id] = self.flying.get(command.client_id, 0) + 1

    def _land(self, client_id: str) -> None:
        self.flying[client_id] -= 1
        if not self.flying[client_id]:
            del self.flying[client_id]

    def is_flying(self, order: Order) -> bool:
        """Whether a command on the order has left and is not answered yet."""
        return order.client_id in self.flying

    # -- outcomes: plain functions, so that a cancelled strategy cannot stop halfway through one --------------------------------

    def _conclude_place(self, order: Order, outcome: Outcome) -> None:
        seq = self._blotter.record("outcome", order.strategy, {"act": "place", **plain(outcome)})
        if not isinstance(outcome, Unknown):
            self.signed.pop(order.client_id, None)
        if isinstance(outcome, Accepted):
            order.venue_id = order.venue_id or outcome.venue_id
            if order.state in ("pending", "unknown"):
                order.state = "open"
                order.updated_ns = outcome.time_ns
                self._blotter.settle(order, seq)
            return
        if isinstance(outcome, Rejected):
            self._reject(order, outcome, seq)
            return
        self._mark_unknown(order, outcome, seq)

    def _reject(self, order: Order, outcome: Rejected, seq: int) -> None:
        order.reason, order.message = outcome.reason, outcome.message
        order.updated_ns = outcome.time_ns
        if order.state in ("pending", "unknown"):
            order.state = "rejected"
            self._blotter.counts["rejected"] += 1
            self._log.warning("order_rejected", strategy=order.strategy, account=order.account, symbol=order.symbol,
                              client_id=order.client_id, reason=outcome.reason, message=outcome.message)  # fmt: skip
        self._blotter.settle(order, seq)

    def _mark_unknown(self, order: Order, outcome: Unknown, seq: int) -> None:
        self._blotter.counts["unknown"] += 1
        order.message = outcome.message
        self._log.warning("order_unknown", strategy=order.strategy, account=order.account, symbol=order.symbol,
                          client_id=order.client_id, message=outcome.message)  # fmt: skip
        if order.is_open:
            order.state, order.reason = "unknown", "unresolved"
            order.updated_ns = self._clock.now_ns()
            self._blotter.settle(order, seq)
            self.on_unknown(order)

    # -- amend and cancel ------------------------------------------------------------------------------------------------------

    async def amend(self, seat: Seat, order: Order, price: Decimal | None, size: Decimal | None) -> Order:
        """Change an open order in place. Refused: the order stays as it was, `reason` and `message` tell why."""
        now_ns = self._clock.now_ns()
        line = self.line(order.account)
        if not line.driver.manifest.can_amend:
            order.reason, order.message = "unsupported", f"{line.driver.venue} cannot amend: cancel, then place"
            return order
        wanted = msgspec.structs.replace(order, price=price or order.price, size=size or order.size)
        view = self.sight.view(seat, wanted)
        refusal = gate.check(wanted, view)
        self.on_decision(wanted, view, refusal, False)
        command = amend_of(order, price, size, now_ns, line.driver.manifest.expiry_ms)
        if refusal is None:
            seat.sent(wanted, now_ns)
            refusal = await self._turn(seat, line, command, now_ns + DEADLINE_NS, False, wanted, False)
        if refusal is None and order.is_open:
            refusal = await self._intend(seat, line, "amend", command)
        if refusal is not None:
            order.reason, order.message = refusal.reason, refusal.message
            seat.denied(now_ns)
            return order
        if order.is_open:
            if size is not None and size > order.size:
                until_s = asyncio.get_running_loop().time() + claim_s(line.driver.manifest)
                self._blotter.claims.hold(order.client_id, size, until_s)
            await self._send(line, command, lambda outcome: self._conclude_amend(order, command, outcome))
        return order

    def _conclude_amend(self, order: Order, command: Amend, outcome: Outcome) -> None:
        seq = self._blotter.record("outcome", order.strategy, {"act": "amend", **plain(outcome)})
        if command.size is not None and isinstance(outcome, Rejected):
            self._blotter.claims.release(order.client_id, command.size)
        if isinstance(outcome, Unknown):
            self._mark_unknown(order, outcome, seq)
        elif isinstance(outcome, Rejected):
            order.reason, order.message = outcome.reason, outcome.message
            if outcome.reason == "order_not_found" and order.is_open:
                self.on_unknown(order)
        elif order.is_open:
            order.reason = order.message = ""
            order.price = command.price or order.price
            order.size = command.size or order.size
            order.venue_id = outcome.venue_id or order.venue_id
            order.updated_ns = outcome.time_ns
            self._blotter.outdate(order)

    async def cancel(self, seat: Seat, order: Order) -> Order:
        """Take an order out of its book. It bypasses the gate; its end is told by the venue's private stream."""
        if not order.is_open or self._take_back(order):
            return order
        line = self.line(order.account)
        command = cancel_of(order)
        deadline_ns = self._clock.now_ns() + 12 * DEADLINE_NS
        refusal = await self._turn(seat, line, command, deadline_ns, True, order, True)
        if refusal is None and order.is_open:
            refusal = await self._intend(seat, line, "cancel", command)
        if refusal is not None and refusal.reason != "journal":
            order.reason, order.message = refusal.reason, refusal.message
            return order
        # A cancel that the journal cannot take still goes out: it can only make exposure smaller.
        if order.is_open:
            await self._send(line, command, lambda outcome: self._conclude_cancel(order, outcome))
        return order

    def _take_back(self, order: Order) -> bool:
        """Whether the order had not left yet; then it never will."""
        if order.client_id not in self._held:
            return False
        self._held[order.client_id] = Refusal("withdrawn", "it was cancelled before it was sent")
        return True

    async def cancel_together(self, seat: Seat, orders: Sequence[Order]) -> None:
        """`cancel` for several orders of one account: none waits for another's answer, and the venue's batches are used."""
        orders = [order for order in orders if order.is_open and not self._take_back(order)]
        line = self.line(orders[0].account) if orders else None
        if line is None or len(orders) == 1 or not line.driver.manifest.can_batch:
            await asyncio.gather(*(self.cancel(seat, order) for order in orders))
            return
        cancels = {cancel_of(order): order for order in orders}
        await self._intend(seat, line, "cancel", *cancels)
        cancels = {command: order for command, order in cancels.items() if order.is_open}
        if not cancels:
            return
        for command in cancels:
            self._lift(command)
        line.writes += len(cancels)
        await self._go(self._submit_together(line, cancels))

    def _conclude_cancel(self, order: Order, outcome: Outcome) -> None:
        self._blotter.record("outcome", order.strategy, {"act": "cancel", **plain(outcome)})
        if isinstance(outcome, Unknown) or (isinstance(outcome, Rejected) and order.is_open):
            order.message = outcome.message
            self.on_unknown(order)

    def statistics(self) -> Mapping[str, Any]:
        return {venue: line.statistics() for venue, line in self.lines.items()}


def _unable(line: Line, order: Order) -> Refusal | None:
    """What the venue has no means for is refused here: nothing is tried that cannot work."""
    if order.trigger is None or line.driver.manifest.can_trigger:
        return None
    return Refusal("unsupported", f"{line.driver.venue} keeps no conditional orders: watch the price and place then")


def claim_s(manifest: Manifest) -> float:
    """For how long the size that an amendment asked for counts: until no request can arrive, and the auditor has looked."""
    return AUDITED_S + (manifest.expiry_ms + manifest.grace_ms) / 1_000


def _fenced(seat: Seat) -> Refusal | None:
    return Refusal("fenced", seat.fence) if seat.fence else None


async def _finish(coro: Coroutine[Any, Any, None], yielded: Any) -> None:
    await resume(coro, yielded)
