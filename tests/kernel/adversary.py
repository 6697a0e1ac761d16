"""A venue that wishes us ill within its contract: it tells late, twice, out of order or not at all, and keeps the truth for itself.

What it may do: lose a request or an answer, answer late, tell `Unknown`, process a request at any time until it expires,
hide what happened from its queries for a while (each endpoint lags by its own time), tell its stream in any order within a
quarter of a minute, twice or not at all, lose the stream with all that was under way (it says so), fill, cancel, reject, liquidate at any moment.
What it may not do: tell what is not so.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import Fill, FundingPayment, NotReady, OrderUpdate, Position, Quote, VenueStatus
from ctosd.abi.commands import Accepted, Cancel, Command, Outcome, Place, Rejected, Unknown
from ctosd.abi.driver import ClockReading, Driver, Limit, Manifest, Ports
from ctosd.abi.events import TERMINAL, topic
from ctosd.kernel.clock import SECOND, VirtualClock
from ctosd.testing.venue import NoConfig, perpetual

VENUE, ACCOUNT = "test", "test/main"
ZERO, FEE = Decimal(0), Decimal("0.01")
BTC = perpetual(VENUE)
ETH = perpetual(VENUE, "ETH/USDT:USDT")
SYMBOLS = (BTC.symbol, ETH.symbol)
NEVER_S = -1.0
"""The delay of what a stream never tells, and says nothing of it. (What no query tells either is told.)"""
GIVEN_AT = Decimal(100)
"""The entry price of what a person moved onto the account."""


class ShiftedClock(VirtualClock):
    """The virtual clock as a machine's wall clock that somebody sets: its timers keep their distance."""

    def __init__(self, start_ns: int) -> None:
        super().__init__(start_ns)
        self.offset_ns = 0

    def now_ns(self) -> int:
        return self.time_ns + self.offset_ns

    def call_at(self, when_ns: int, call: Callable[[], None]) -> Any:
        return super().call_at(when_ns - self.offset_ns, call)

    def forget_timers(self) -> None:
        """The process is gone, and its timers with it."""
        self._heap.clear()


@dataclass
class Fate:
    """What becomes of the next command."""

    reach_s: float = 0.0  # until the venue acts on it; never when it is lost
    lost: bool = False
    refused: str = ""
    fills: Sequence[Decimal] = ()  # shares of the size that trade at once
    then: str = ""  # a state that the venue puts the order into right after it took it
    answer_s: float = 0.0  # after the venue acted
    unknown: bool = False  # the answer is lost
    patience_s: float = 6.0  # when a driver that hears nothing calls it unknown


@dataclass
class Told:
    """One of our orders, or a person's, as it is."""

    update: OrderUpdate
    ours: bool
    hidden_ns: int = 0  # until when queries do not know it
    history: list[tuple[int, OrderUpdate]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return self.update.state not in TERMINAL


class Truth:
    """The venue's own books: they outlive every process of ours."""

    def __init__(self, clock: ShiftedClock) -> None:
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self.orders: dict[str, Told] = {}
        self.fills: list[Fill] = []
        self.gifts: list[tuple[int, str, Decimal]] = []  # what moved a position without a trade
        self.payments: list[FundingPayment] = []
        self.reached: Counter[str] = Counter()  # client ids of places that were processed
        self.underway: Counter[str] = Counter()  # places that may still be processed
        self.lags = [0.0, 0.0, 0.0, 0.0]  # of order, open orders, fills, positions
        self.delays: tuple[float, ...] = (0.0,)  # of the stream, in turn
        self.twice = False
        self.deaf = 0
        self.up = True
        self.era = 0  # counts the connections of the stream
        self.hide_s = 0.0
        self.driver: Adversary | None = None
        self.wrong: list[str] = []
        self._turn = 0

    # -- telling -----------------------------------------------------------------------------------------------------------

    def tell(self, event: OrderUpdate | Fill | FundingPayment | Position) -> None:
        """Put an event on the stream, to come out of it whenever its turn is."""
        for _ in range(1 + self.twice):
            self._turn += 1
            delay_s = self.delays[self._turn % len(self.delays)]
            if delay_s == NEVER_S:
                continue
            if delay_s > 0:
                self.loop.call_later(delay_s, self._out, event, self.era)
            else:
                self._out(event, self.era)

    def _out(self, event: Any, era: int) -> None:
        if self.up and era == self.era and self.driver is not None:
            self.driver.ports.publish(topic("private", VENUE), event)

    def lose_stream(self, reason: str = "the stream was lost") -> None:
        """All that is under way is gone; the driver notices."""
        self.era += 1
        self.up = False
        self._status(reason)

    def reopen(self) -> None:
        if not self.up:
            self.up = True
            self._status("")

    def _status(self, reason: str) -> None:
        if self.driver is not None:
            status = VenueStatus(venue=VENUE, up=self.up, reason=reason, time_ns=self.clock.time_ns)
            self.driver.ports.publish(topic("status", VENUE), status)

    # -- what happens ---------------------------------------------------------------------------------------------------------

    def write(self, name: str, **changes: Any) -> OrderUpdate:
        """An order changes."""
        told = self.orders[name]
        time_ns = max(self.clock.time_ns, told.update.time_ns + 1)  # no venue does two things to an order at one time
        told.update = msgspec.structs.replace(told.update, time_ns=time_ns, **changes)
        told.history.append((self.clock.time_ns, told.update))
        self.tell(told.update)
        return told.update

    def open(self, update: OrderUpdate, *, ours: bool) -> None:
        hidden_ns = self.clock.time_ns + int(self.hide_s * SECOND) if ours else 0
        self.orders[update.client_id] = Told(update, ours, hidden_ns, [(self.clock.time_ns, update)])
        self.tell(update)

    def trade(self, name: str, size: Decimal) -> None:
        """A resting order trades."""
        told = self.orders[name]
        order = told.update
        size = min(size, order.size - order.filled)
        if not told.live or size <= 0:
            return
        self._book(order.symbol, name, order.venue_id, order.side, order.price or Decimal(100), size, "")
        filled = order.filled + size
        self.write(name, filled=filled, state="filled" if filled == order.size else "partially_filled")

    def _book(
        self, symbol: str, name: str, venue_id: str, side: Any, price: Decimal, size: Decimal, cause: str
    ) -> None:
        fill = Fill(account=ACCOUNT, symbol=symbol, trade_id=f"t{len(self.fills) + 1}", client_id=name, venue_id=venue_id,
                    side=side, price=price, size=size, fee=FEE * (1 + len(self.fills) % 3), fee_asset="USDT",
                    liquidity="maker", time_ns=self.clock.time_ns, cause=cause)  # fmt: skip
        self.fills.append(fill)
        self.tell(fill)

    def force(self, symbol: str, cause: str, part: Decimal) -> None:
        """The venue closes a part of the position by itself."""
        held = self.position(symbol)
        size = (abs(held) * part).quantize(BTC.lot)
        if size:
            self._book(symbol, "", "", "sell" if held > 0 else "buy", Decimal(90), size, cause)

    def end(self, name: str, state: Any, reason: str = "") -> None:
        if self.orders[name].live:
            self.write(name, state=state, reason=reason)

    def pay(self, symbol: str) -> None:
        """Funding on what is held."""
        held = self.position(symbol)
        if held:
            payment = FundingPayment(account=ACCOUNT, symbol=symbol, payment_id=f"f{len(self.payments) + 1}",
                                     amount=-held * Decimal("0.01"), asset="USDT", rate=Decimal("0.0001"), position=held,
                                     time_ns=self.clock.time_ns)  # fmt: skip
            self.payments.append(payment)
            self.tell(payment)

    def give(self, symbol: str, size: Decimal) -> None:
        """A position moves onto the account from elsewhere; no trade tells of it."""
        self.gifts.append((self.clock.time_ns, symbol, size))

    # -- questions --------------------------------------------------------------------------------------------------------------

    def position(self, symbol: str, until_ns: int | None = None) -> Decimal:
        horizon_ns = self.clock.time_ns if until_ns is None else until_ns
        size = sum((given for at_ns, name, given in self.gifts if name == symbol and at_ns <= horizon_ns), ZERO)
        for fill in self.fills:
            if fill.symbol == symbol and fill.time_ns <= horizon_ns:
                size += fill.size if fill.side == "buy" else -fill.size
        return size

    def as_of(self, told: Told, lag_s: float) -> OrderUpdate | None:
        """An order as an endpoint knows it that lags."""
        now_ns = self.clock.time_ns
        if now_ns < told.hidden_ns:
            return None
        past = bisect_right(told.history, now_ns - int(lag_s * SECOND), key=lambda entry: entry[0])
        return told.history[past - 1][1] if past else None

    def horizon_ns(self, endpoint: int) -> int:
        return self.clock.time_ns - int(self.lags[endpoint] * SECOND)

    def ours(self) -> Mapping[str, Told]:
        return {name: told for name, told in self.orders.items() if told.ours}


class Adversary(Driver):
    """The driver of one process of ours. When the process dies it does nothing any more."""

    manifest = Manifest(name="adversary", config=NoConfig, simulated=True, limits=(Limit("orders", 8, 2, 2),),
                        expiry_ms=5_000, grace_ms=10_000)  # fmt: skip

    def __init__(self, truth: Truth, ports: Ports) -> None:
        super().__init__(NoConfig(), (ACCOUNT,), ports)
        self.truth = truth
        self.fates: list[Fate] = []
        self.dead = False
        self.sent = 0
        self.on_send: Callable[[Command], None] = lambda command: None

    # -- life --------------------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        await self._demand()
        self.truth.driver = self
        self.truth.era += 1
        self.truth.up = True

    async def stop(self) -> None:
        self.truth.driver = None

    def die(self) -> None:
        self.dead = True
        self.truth.era += 1
        self.truth.driver = None

    async def _demand(self) -> None:
        if self.dead:
            await asyncio.get_running_loop().create_future()
        if self.truth.deaf:
            raise NotReady("the venue does not answer")

    # -- commands ---------------------------------------------------------------------------------------------------------------

    @property
    def written(self) -> int | None:
        return self.sent

    async def submit(self, command: Command) -> Outcome:
        truth, loop = self.truth, asyncio.get_running_loop()
        if self.dead:
            truth.wrong.append(f"a dead process sent {command}")
        self.sent += not isinstance(command, Cancel)
        self.on_send(command)
        fate = self.fates.pop(0) if self.fates else Fate()
        answer: asyncio.Future[Outcome] = loop.create_future()
        if isinstance(command, Place):
            truth.underway[command.client_id] += 1
        # What a request may still do is bounded by the time for which it was signed, by the venue's own clock.
        left_s = (getattr(command, "expires_ns", 0) - self.ports.clock.now_ns()) / SECOND
        if not fate.lost:
            expired = not isinstance(command, Cancel) and fate.reach_s >= left_s
            if fate.reach_s:
                loop.call_later(fate.reach_s, self._reach, command, fate, answer, expired)
            else:
                self._reach(command, fate, answer, expired)
        elif isinstance(command, Place):
            loop.call_later(left_s, self._gone, command)
        if not answer.done():
            unheard = Unknown(client_id=command.client_id, message="no answer")
            loop.call_later(fate.patience_s, _answer, answer, unheard)
        return await answer

    def _gone(self, command: Place) -> None:
        self.truth.underway[command.client_id] -= 1

    def _reach(self, command: Command, fate: Fate, answer: asyncio.Future[Outcome], expired: bool) -> None:
        if isinstance(command, Place):
            self._gone(command)
        outcome = self._refuse(command, "timestamp") if expired else self._act(command, fate)
        if fate.unknown:
            outcome = Unknown(client_id=command.client_id, message="connection reset")
        if fate.answer_s:
            asyncio.get_running_loop().call_later(fate.answer_s, _answer, answer, outcome)
        else:
            _answer(answer, outcome)

    def _refuse(self, command: Command, reason: str) -> Outcome:
        now_ns = self.truth.clock.time_ns
        return Rejected(client_id=command.client_id, reason=reason, message="no", time_ns=now_ns)

    def _act(self, command: Command, fate: Fate) -> Outcome:
        truth, name = self.truth, command.client_id
        if isinstance(command, Place):
            truth.reached[name] += 1
            if name in truth.orders:
                return self._refuse(command, "duplicate_client_id")
            if fate.refused:
                return self._refuse(command, fate.refused)
            return self._place(command, fate)
        told = truth.orders.get(name)
        if told is None or not told.live:
            return self._refuse(command, "order_not_found")
        if fate.refused:
            return self._refuse(command, fate.refused)
        if isinstance(command, Cancel):
            truth.end(name, "cancelled")
        else:
            order = told.update
            size = command.size or order.size
            if size <= order.filled:
                return self._refuse(command, "amend_reject")
            truth.write(name, price=command.price or order.price, size=size)
        return self._accept(command)

    def _accept(self, command: Command) -> Outcome:
        truth = self.truth
        order = truth.orders[command.client_id].update
        return Accepted(client_id=command.client_id, venue_id=order.venue_id, time_ns=order.time_ns)

    def _place(self, command: Place, fate: Fate) -> Outcome:
        truth, name = self.truth, command.client_id
        update = OrderUpdate(account=command.account, symbol=command.symbol, client_id=name, venue_id=f"v{len(truth.orders)}",
                             state="open", side=command.side, type=command.type, size=command.size, filled=ZERO,
                             time_ns=truth.clock.time_ns, price=command.price, reduce_only=command.reduce_only)  # fmt: skip
        truth.open(update, ours=True)
        for part in fate.fills:
            truth.trade(name, (command.size * part).quantize(BTC.lot))
        if fate.then:
            truth.end(name, fate.then, "post_only")
        elif command.tif == "ioc" or command.type == "market":
            truth.end(name, "cancelled", "not_filled")
        return self._accept(command)

    def costs(self, command: Command) -> Sequence[tuple[str, float]]:
        return (("orders", 1),)

    # -- queries -----------------------------------------------------------------------------------------------------------------

    async def fetch_order(self, account: str, symbol: str, client_id: str) -> OrderUpdate | None:
        await self._demand()
        told = self.truth.orders.get(client_id)
        return self.truth.as_of(told, self.truth.lags[0]) if told is not None else None

    async def fetch_open_orders(self, account: str, symbol: str = "") -> Sequence[OrderUpdate]:
        await self._demand()
        seen = [self.truth.as_of(told, self.truth.lags[1]) for told in self.truth.orders.values()]
        return [u for u in seen if u is not None and u.state not in TERMINAL and (not symbol or u.symbol == symbol)]

    async def fetch_fills(self, account: str, since_ns: int) -> Sequence[Fill]:
        await self._demand()
        until_ns = self.truth.horizon_ns(2)
        return [fill for fill in self.truth.fills if since_ns <= fill.time_ns <= until_ns]

    async def fetch_funding_payments(self, account: str, since_ns: int) -> Sequence[FundingPayment]:
        await self._demand()
        until_ns = self.truth.horizon_ns(2)
        return [payment for payment in self.truth.payments if since_ns <= payment.time_ns <= until_ns]

    async def fetch_positions(self, account: str) -> Sequence[Position]:
        await self._demand()
        sizes = {symbol: self.truth.position(symbol, self.truth.horizon_ns(3)) for symbol in SYMBOLS}
        return [Position(account=ACCOUNT, symbol=symbol, size=size, entry=GIVEN_AT, mark=GIVEN_AT, unrealised=ZERO)
                for symbol, size in sizes.items() if size]  # fmt: skip

    async def fetch_clock(self) -> ClockReading:
        await self._demand()
        return ClockReading(offset_ns=-self.truth.clock.offset_ns, round_trip_ns=0)

    async def fetch_balances(self, account: str) -> Sequence[Any]:
        return ()

    # -- the market, which does not move -----------------------------------------------------------------------------------------

    def instruments(self) -> Sequence[Any]:
        return (BTC, ETH)

    async def subscribe(self, channel: Any, symbol: str, timeframe: str = "") -> None:
        pass

    async def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None:
        pass

    async def fetch_quote(self, symbol: str) -> Quote:
        return Quote(VENUE, symbol, 99.9, 1.0, 100.1, 1.0, self.ports.clock.now_ns())

    async def fetch_orderbook(self, symbol: str, level: int) -> Any:
        raise NotReady("no book here")

    async def fetch_klines(self, symbol: str, timeframe: str, limit: int, start_ns: int = 0, end_ns: int = 0) -> Any:
        return ()

    async def fetch_funding(self, symbol: str) -> None:
        return None


def _answer(answer: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not answer.done():
        answer.set_result(outcome)
