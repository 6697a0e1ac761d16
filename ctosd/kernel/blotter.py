"""The blotter: every order of ours, what was filled of it, and who must hear.

It is the tap on every venue's private stream: lifecycle, ledger and journal happen in line, in this order, before the
strategy that owns the order hears of it on ``own/<strategy>``.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi.clock import Clock
from ctosd.abi.driver import Log
from ctosd.abi.events import TERMINAL, Balance, Fill, FundingPayment, OrderUpdate, Position, topic
from ctosd.abi.instruments import Instrument
from ctosd.abi.orders import Order
from ctosd.core import lifecycle
from ctosd.core.forced import is_forced, split, whole_of
from ctosd.core.gate import Refusal
from ctosd.core.ids import owner_of
from ctosd.core.ledger import EXTERNAL, Ledger
from ctosd.kernel.bus import Bus
from ctosd.kernel.claims import Claims
from ctosd.kernel.denials import Denials
from ctosd.kernel.outside import Outside
from ctosd.kernel.ports import Journal

ZERO = Decimal(0)
CLOSED_KEPT = 20_000
FILLS_KEPT = 1_000


class Own(msgspec.Struct, frozen=True):
    """What a strategy hears of its own orders, with its place in the journal."""

    seq: int
    event: Order | Fill | FundingPayment


class Blotter:
    """Orders by client id, open ones by owner and by instrument, money in the ledger.

    `lookup(account, symbol)` gives the instrument of a fill.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        journal: Journal,
        ledger: Ledger,
        lookup: Callable[[str, str], Instrument | None],
        log: Log,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self.journal = journal
        self.ledger = ledger
        self._lookup = lookup
        self._log = log
        self.orders: dict[str, Order] = {}
        self._by_strategy: dict[str, dict[str, Order]] = {}
        self._by_instrument: dict[tuple[str, str], dict[str, Order]] = {}
        self._closed: deque[str] = deque()
        self.refusals = Denials()
        self.recent: deque[tuple[str, Fill]] = deque(maxlen=FILLS_KEPT)
        self.first_fill_ns: dict[str, int] = {}
        self.last_fill_ns: dict[str, int] = {}
        self.last_paid_ns: dict[str, int] = {}  # account -> the time of its newest funding payment
        self.owners: set[str] = set()
        self.outside = Outside()
        self.claims = Claims()
        self.parts: dict[str, list[Fill]] = {}  # a forced trade of which not every part is booked yet
        self.outdated: set[str] = set()  # client ids of orders that were amended since the venue last spoke of them
        self.terms_ns: dict[str, int] = {}  # client id -> when the venue gave it its price and size, by its own clock
        self.on_forced: Callable[[Fill], None] = lambda fill: None
        self.missed: dict[str, list[Own]] = {}
        self.balances: dict[tuple[str, str], Balance] = {}
        self.digest = hashlib.sha256()
        self.counts = {"placed": 0, "denied": 0, "rejected": 0, "filled": 0, "unknown": 0, "fills": 0, "external": 0}
        self._encode = msgspec.json.Encoder().encode

    # -- the private streams -------------------------------------------------------------------------------------------------

    def attach(self, venue: str) -> None:
        """Hear everything that concerns the accounts of a venue."""
        self._bus.tap(topic("private", venue), self.take)

    def take(self, event: Any) -> None:
        """One private event, in line."""
        if isinstance(event, Fill):
            self.on_fill(event)
        elif isinstance(event, OrderUpdate):
            self.on_update(event)
        elif isinstance(event, Balance):
            self.balances[event.account, event.asset] = event
        elif isinstance(event, FundingPayment):
            self.on_funding(event)
        elif not isinstance(event, Position):
            self._log.warning("private_event_unread", kind=type(event).__name__)

    def on_fill(self, fill: Fill) -> bool:
        """Book a fill once, whoever's it is. False when it was known."""
        order = self.orders.get(fill.client_id) if fill.client_id else None
        instrument = self._lookup(fill.account, fill.symbol)
        if instrument is None:
            self._log.error("fill_without_instrument", account=fill.account, symbol=fill.symbol, trade_id=fill.trade_id)
            return False
        if order is not None:
            return self._book(fill, order.strategy, order, instrument)
        if not is_forced(fill):
            return self._book(fill, self.owner(fill.client_id), None, instrument)
        if self.ledger.knows(fill.account, fill.symbol, fill.trade_id):
            return False
        self._log.error("liquidation", account=fill.account, symbol=fill.symbol, side=fill.side, size=str(fill.size),
                        price=str(fill.price), cause=fill.cause)  # fmt: skip
        held = {h.strategy: h.size for h in self.ledger.holdings(account=fill.account) if h.symbol == fill.symbol}
        held.pop(EXTERNAL, None)
        for strategy, part in split(fill, held, instrument.lot, EXTERNAL, self.parts.get(fill.trade_id, ())):
            self._book(part, strategy, None, instrument)
        self.parts.pop(fill.trade_id, None)
        self.on_forced(fill)
        return True

    def owner(self, client_id: str) -> str:
        """Whose an order is that we have no record of, by its id alone."""
        return owner_of(client_id, self.owners) or EXTERNAL

    def _book(self, fill: Fill, strategy: str, order: Order | None, instrument: Instrument) -> bool:
        if not self.ledger.apply(fill, strategy, instrument):
            return False
        seq = self.record("fill", strategy, fill)
        self.counts["fills"] += 1
        self.note(strategy, fill)
        if order is None:
            self.counts["external"] += strategy == EXTERNAL
            self._log.warning("external_fill", account=fill.account, symbol=fill.symbol, side=fill.side, size=str(fill.size),
                              price=str(fill.price), cause=fill.cause or "not ours", strategy=strategy)  # fmt: skip
            self.tell(strategy, Own(seq, fill))
            return True
        violation = lifecycle.on_fill(order, fill, self.most(order))
        if violation:
            self._log.error("order_violation", client_id=order.client_id, strategy=strategy, reason=violation)
        self._log.info("fill", strategy=strategy, account=fill.account, symbol=fill.symbol, side=fill.side, size=str(fill.size),
                       price=str(fill.price), fee=str(fill.fee), client_id=fill.client_id, liquidity=fill.liquidity)  # fmt: skip
        self._tell(order, seq, fill)
        if order.state == "filled":
            self.counts["filled"] += 1
            self._close(order)
            self._tell(order, seq, order)
        return True

    def note(self, strategy: str, fill: Fill) -> None:
        """Remember a booked fill for those who ask for the newest."""
        self.recent.append((strategy, fill))
        self.first_fill_ns[fill.account] = min(fill.time_ns, self.first_fill_ns.get(fill.account, fill.time_ns))
        if is_forced(fill) and "#" in fill.trade_id:
            self._note_part(fill)
        if fill.cause != EXTERNAL:  # that one is our own inference, dated by our own clock
            self.last_fill_ns[fill.account] = fill.time_ns

    def _note_part(self, fill: Fill) -> None:
        if whole := whole_of(fill.trade_id):
            self.parts.pop(whole, None)
            return
        self.parts.setdefault(fill.trade_id.rpartition("#")[0], []).append(fill)

    def on_update(self, update: OrderUpdate, asked: bool = False) -> None:
        """The venue's word on an order; `asked` when it is the answer to a question."""
        order = self.orders.get(update.client_id)
        if order is None:
            if self.outside.see(update):
                self.counts["external"] += 1
                self.journal.append("external", update.account, self._encode(update), self._clock.now_ns())
                self._log.warning(
                    "external_order", account=update.account, symbol=update.symbol, client_id=update.client_id
                )
            return
        heard_ns = self.terms_ns.get(order.client_id, 0)
        if not asked and update.time_ns < heard_ns + (order.client_id in self.outdated):
            # Old news after new: what it says of price and size is over. (An answer is not judged so: not every venue dates it.)
            update = msgspec.structs.replace(update, price=order.price, size=order.size)
        elif order.is_open:
            self.terms_ns[order.client_id] = max(heard_ns, update.time_ns)
            self.outdated.discard(order.client_id)
        changed, violation = lifecycle.on_update(order, update)
        if violation:
            self._log.error("order_violation", client_id=order.client_id, strategy=order.strategy, reason=violation)
        if changed:
            self.settle(order, self.record("order", order.strategy, update))

    def outdate(self, order: Order) -> None:
        """Its terms have just changed, at a time that we do not know by the venue's clock: what was heard is older."""
        self.outdated.add(order.client_id)

    def on_funding(self, payment: FundingPayment) -> bool:
        """Book a funding payment once, over the strategies that held the position when it was due. False when it was known."""
        instrument = self._lookup(payment.account, payment.symbol)
        if instrument is None or not self.ledger.apply_funding(payment, instrument):
            return False
        self.note_paid(payment)
        seq = self.record("funding", payment.account, payment)
        self._log.info(
            "funding",
            account=payment.account,
            symbol=payment.symbol,
            amount=str(payment.amount),
            rate=str(payment.rate),
        )
        for strategy, size in self.ledger.held_at(payment.account, payment.symbol, payment.time_ns).items():
            if size and strategy != EXTERNAL:
                self.tell(strategy, Own(seq, payment))
        return True

    def note_paid(self, payment: FundingPayment) -> None:
        """Remember until when an account's funding is known."""
        self.last_paid_ns[payment.account] = max(self.last_paid_ns.get(payment.account, 0), payment.time_ns)

    # -- what the egress does --------------------------------------------------------------------------------------------------

    def register(self, order: Order) -> None:
        """An order whose intent is being made durable: from here on it counts as exposure."""
        self.orders[order.client_id] = order
        self._by_strategy.setdefault(order.strategy, {})[order.client_id] = order
        self._by_instrument.setdefault((order.account, order.symbol), {})[order.client_id] = order
        self.counts["placed"] += 1

    def deny(self, order: Order, refusal: Refusal) -> None:
        """Our own gate refused: the order ends before it began."""
        order.state, order.reason, order.message = "denied", refusal.reason, refusal.message
        order.updated_ns = self._clock.now_ns()
        self.counts["denied"] += 1
        if not self.refusals.note(order, refusal):
            return
        self.journal.append("refusal", order.strategy, self._encode(order), order.updated_ns)
        self._log.warning("order_denied", strategy=order.strategy, account=order.account, symbol=order.symbol, side=order.side,
                          size=str(order.size), reason=refusal.reason, message=refusal.message)  # fmt: skip

    def settle(self, order: Order, seq: int) -> None:
        """The state of an order changed: keep the indexes right and tell its owner."""
        if order.state in TERMINAL:
            self._close(order)
        self._tell(order, seq, order)

    def adopt(self, update: OrderUpdate, strategy: str = "") -> Order:
        """Make an order of the venue ours: one that the journal lost, or one that a person gives to a strategy."""
        order = Order(
            client_id=update.client_id,
            strategy=strategy or self.owner(update.client_id),
            account=update.account,
            symbol=update.symbol,
            side=update.side,
            type=update.type,
            size=update.size,
            price=update.price,
            reduce_only=update.reduce_only,
            state="open",
            venue_id=update.venue_id,
            tag="adopted",
            created_ns=update.time_ns,
            updated_ns=update.time_ns,
        )
        self.outside.remove(update)
        self.register(order)
        seq = self.record("intent", order.strategy, {"act": "adopt", "order": order})
        self._log.warning("order_adopted", strategy=order.strategy, account=order.account, symbol=order.symbol,
                          client_id=order.client_id)  # fmt: skip
        self._tell(order, seq, order)
        return order

    def transfer(self, account: str, symbol: str, source: str, target: str, size: Decimal) -> None:
        """Move a part of a position from one strategy to another. Raises `CallerMistake`."""
        time_ns = self._clock.now_ns()
        self.ledger.transfer(account, symbol, source, target, size, time_ns)
        body = {"account": account, "symbol": symbol, "source": source, "target": target, "size": size,
                "time_ns": time_ns}  # fmt: skip
        self.record("transfer", target, body)
        self._log.warning(
            "position_moved", account=account, symbol=symbol, size=str(size), source=source, strategy=target
        )

    def restore(self, order: Order) -> None:
        """An order that the journal tells of."""
        self.orders[order.client_id] = order
        if order.is_open:
            self._by_strategy.setdefault(order.strategy, {})[order.client_id] = order
            self._by_instrument.setdefault((order.account, order.symbol), {})[order.client_id] = order
        else:
            self._retire(order.client_id)

    def doubt(self, order: Order) -> None:
        """An intent whose effect nobody knows: a crash or a lost answer lies between it and now."""
        order.state, order.reason = "unknown", "unresolved"
        order.updated_ns = self._clock.now_ns()
        self.counts["unknown"] += 1
        self._log.warning("order_unknown", strategy=order.strategy, account=order.account, symbol=order.symbol,
                          client_id=order.client_id, message="found in the journal without an outcome")  # fmt: skip

    def absent(self, order: Order) -> None:
        """It is proved that the venue never had the order."""
        outcome = {"act": "place", "client_id": order.client_id, "outcome": "never_sent"}
        seq = self.record("outcome", order.strategy, outcome)
        order.state, order.reason = "never_sent", ""
        order.updated_ns = self._clock.now_ns()
        self._log.info("order_never_sent", strategy=order.strategy, symbol=order.symbol, client_id=order.client_id)
        self.settle(order, seq)

    def record(self, kind: str, key: str, body: Any) -> int:
        """Append one row of the order path to the journal and to the digest of this run."""
        encoded = self._encode(body)
        self.digest.update(encoded)
        return self.journal.append(kind, key, encoded, self._clock.now_ns())

    def _tell(self, order: Order, seq: int, event: Order | Fill) -> None:
        self.tell(order.strategy, Own(seq, event))

    def tell(self, strategy: str, own: Own) -> None:
        """Let a strategy hear; what comes while it is down waits for its next start."""
        name = f"own/{strategy}"
        if self._bus.listeners(name):
            self._bus.publish(name, own)
        elif strategy in self.owners:
            self.missed.setdefault(strategy, []).append(own)

    def _close(self, order: Order) -> None:
        if self._by_strategy.get(order.strategy, {}).pop(order.client_id, None) is None:
            return
        self._by_instrument[order.account, order.symbol].pop(order.client_id, None)
        self.claims.drop(order.client_id)
        self.terms_ns.pop(order.client_id, None)
        self.outdated.discard(order.client_id)
        self._retire(order.client_id)

    def _retire(self, client_id: str) -> None:
        self._closed.append(client_id)
        if len(self._closed) > CLOSED_KEPT:
            self.orders.pop(self._closed.popleft(), None)

    # -- questions -------------------------------------------------------------------------------------------------------------

    def most(self, order: Order) -> Decimal:
        """The largest size that the order may have there."""
        return self.claims.most(order, asyncio.get_running_loop().time()) if self.claims else order.size

    def exposure(self, order: Order) -> Decimal:
        """What the order may still trade, at worst."""
        return lifecycle.exposure(order, self.most(order))

    def open_orders(self, strategy: str = "", account: str = "", symbol: str = "") -> list[Order]:
        """Orders that may still trade, oldest first."""
        if strategy:
            found: Iterable[Order] = self._by_strategy.get(strategy, {}).values()
        elif account and symbol:
            found = self._by_instrument.get((account, symbol), {}).values()
        else:
            found = (order for orders in self._by_strategy.values() for order in orders.values())
        return [o for o in found if (not account or o.account == account) and (not symbol or o.symbol == symbol)]

    def count_open(self, strategy: str) -> int:
        """How many orders of a strategy may still trade."""
        return len(self._by_strategy.get(strategy, ()))

    def open_on(self, account: str, symbol: str) -> Collection[Order]:
        """Open orders of everybody on one instrument of one account."""
        return self._by_instrument.get((account, symbol), {}).values()

    def unresolved(self) -> list[Order]:
        """Orders whose outcome is not known."""
        return [order for order in self.open_orders() if order.state == "unknown"]

    def statistics(self) -> Mapping[str, Any]:
        return {
            **self.counts,
            "open": sum(len(orders) for orders in self._by_strategy.values()),
            "unresolved": len(self.unresolved()),
            "kept": len(self.orders),
        }
