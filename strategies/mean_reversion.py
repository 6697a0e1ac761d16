"""Mean reversion: buys what fell out of its Bollinger band, sells what rose out of it, and leaves at the mean."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite, sqrt
from typing import Annotated, Literal

import msgspec
from annotated_types import Ge, Gt

from ctosd.abi import Bar, CallerMistake, Fill, Instrument, Misconfigured, Order, OrderKind, Side, Strategy, exact

ZERO = Decimal(0)
LONGEST_WAIT_S = 60


@dataclass(frozen=True, kw_only=True)
class MeanReversionParams:
    """Distances from the mean are in standard deviations, amounts in quote money."""

    symbol: Annotated[str, "instrument"]
    timeframe: Annotated[str, "bars that are looked at, when they are closed"] = "15m"
    period: Annotated[int, Ge(2), "bars in mean and deviation"] = 20
    width: Annotated[float, Gt(0), "enter when a close lies this far from the mean or farther"] = 2.0
    leave: Annotated[float, Ge(0), "leave when a close is as near to the mean as this, or past it"] = 0.0
    hard_stop: Annotated[float, Gt(0), "leave at a loss this far from the mean, as it was at entry"] = 3.0
    time_stop: Annotated[int, Ge(1), "leave after this many bars"] = 20
    direction: Annotated[Literal["both", "long", "short"], "which entries are taken; spot is long"] = "both"
    amount: Annotated[Decimal, Gt(0), "quote amount of an entry"] = Decimal(100)
    entry: Annotated[Literal["market", "limit"], "limit: at the close, for one bar, unfilled it is taken back"] = (
        "market"
    )
    exit: Annotated[
        Literal["market", "limit"], "at the mean: limit waits one bar at the close; stops leave at market"
    ] = "market"
    max_inventory: Annotated[Decimal, Gt(0), "largest holding, long or short, in quote"] = Decimal(200)
    max_loss: Annotated[Decimal, Gt(0), "leave and halt after losing this much quote, fees counted"] = Decimal(50)
    reset: Annotated[int, Ge(0), "raise it by one to forget a halt at the next start"] = 0


class MeanReversionState(msgspec.Struct):
    """What own fills made, and the plan that the next bar goes on with. `cash` counts fees and starts at 0."""

    held: Decimal = ZERO
    cash: Decimal = ZERO
    order_id: str = ""  # the one order that works
    heard: Decimal = ZERO  # what of it was heard as fills
    entered_ns: int = 0  # time of the fill that opened what is held
    stop: float = 0.0  # price beyond which what is held has failed
    leaving: str = ""  # why, until nothing is held
    resting: bool = False  # a stop or the time ended the last trade: no entry before a close inside the band
    halted: str = ""
    reset: int = 0
    began: bool = False


class Band:
    """Mean and deviation of the last closes, incrementally.

    The sums are of distances from an origin near the price, and are made afresh each period, so that they do not drift.
    """

    def __init__(self, period: int) -> None:
        self._closes: deque[float] = deque(maxlen=period)
        self._origin = self._sum = self._squares = 0.0
        self._age = 0

    @property
    def full(self) -> bool:
        return len(self._closes) == self._closes.maxlen

    @property
    def mean(self) -> float:
        return self._origin + self._sum / len(self._closes)

    @property
    def deviation(self) -> float:
        """Of the population, as Bollinger has it."""
        count = len(self._closes)
        return sqrt(max(0.0, self._squares / count - (self._sum / count) ** 2))

    def push(self, close: float) -> None:
        if self.full:
            gone = self._closes[0] - self._origin
            self._sum -= gone
            self._squares -= gone * gone
        self._closes.append(close)
        self._age += 1
        if self._age >= (self._closes.maxlen or 1) or len(self._closes) == 1:
            self._refresh()
        else:
            come = close - self._origin
            self._sum += come
            self._squares += come * come

    def _refresh(self) -> None:
        self._age = 0
        self._origin = self._closes[-1]
        self._sum = sum(close - self._origin for close in self._closes)
        self._squares = sum((close - self._origin) ** 2 for close in self._closes)


class MeanReversion(Strategy):
    """Enters when a bar closes outside its Bollinger band, leaves at the mean, at a stop, or when time is up.

    One order works at a time. Exits are sized by what own fills hold, and reduce-only where the venue knows that.
    """

    Params = MeanReversionParams
    State = MeanReversionState

    params: MeanReversionParams
    state: MeanReversionState

    def __init__(self) -> None:
        self._last_ns = 0
        self._tries = 0
        self._said = ""

    async def on_start(self) -> None:
        self._instrument = await self.sys.exchange_limits(self.params.symbol)
        self._symbol = self._instrument.symbol
        self._band = Band(self.params.period)
        await self._demand()
        await self._begin()
        await self._adopt()
        # Subscribed first: a bar that closes while the older ones are read is heard, and dropped only if it was read too.
        await self.sys.subscribe_ticks(self._symbol, "bars", timeframe=self.params.timeframe)
        self._learn(await self.sys.get_klines(self._symbol, self.params.timeframe, limit=self.params.period))
        self.log.info("mean_reversion_ready", symbol=self._symbol, warm=self._band.full, held=str(self.state.held))
        if self.state.leaving:
            await self._leave("market")

    async def on_bar(self, bar: Bar) -> None:
        if bar.time_ns <= self._last_ns or bar.symbol != self._symbol:
            return
        self._learn((bar,))
        self.save()
        if not await self._idle():
            return
        if self._holds():
            await self._consider_leaving(bar)
        elif self._band.full and not self.state.halted:
            await self._consider_entering(bar.close)

    async def on_fill(self, fill: Fill) -> None:
        if fill.symbol != self._symbol:
            return
        was_flat = not self._holds()
        self._count(fill)
        if fill.client_id == self.state.order_id:
            self.state.heard += fill.size
        if was_flat and self._holds():
            self.state.entered_ns = fill.time_ns
        elif not self._holds():
            self.state.leaving, self._tries = "", 0

    async def on_order(self, order: Order) -> None:
        if order.client_id != self.state.order_id or order.is_open:
            return
        self._ended(order)

    async def on_timer(self) -> None:
        """An exit was refused, or filled in part: what is left goes at market."""
        if self.state.leaving and await self._idle():
            await self._leave("market")

    async def _demand(self) -> None:
        """Refuse what could never trade."""
        params, instrument = self.params, self._instrument
        if not params.leave < params.width < params.hard_stop:
            raise Misconfigured(
                f"leave {params.leave}, width {params.width} and hard_stop {params.hard_stop} must grow in this order"
            )
        if instrument.kind == "spot" and params.direction == "short":
            raise Misconfigured(f"{self._symbol} is a spot pair and cannot be held short: write direction: long")
        if params.amount > params.max_inventory:
            raise Misconfigured(f"amount {params.amount} is more than max_inventory {params.max_inventory}: lower it")
        price = await self.sys.get_price_now(self._symbol)
        if too_small := self._too_small(instrument.floor_size(params.amount / price), price):
            raise Misconfigured(f"an entry of {params.amount} {instrument.quote} is {too_small}: raise amount")

    async def _begin(self) -> None:
        state = self.state
        if not state.began:
            state.held, state.began = (await self.sys.get_position(self._symbol)).size, True
            state.entered_ns = self.clock.now_ns() if state.held else 0
            state.cash = -state.held * await self.sys.get_price_now(self._symbol)
        if state.reset != self.params.reset:
            state.halted, state.reset = "", self.params.reset
            state.cash = -state.held * await self.sys.get_price_now(self._symbol)

    async def _adopt(self) -> None:
        """Know again the one order that may still work; take back any other."""
        for order in await self.sys.get_open_orders():
            if order.client_id != self.state.order_id:
                await self.sys.revoke_order(order.client_id, order.symbol)
        if self.state.order_id:
            await self._idle()

    async def _idle(self) -> bool:
        """Whether no order works. One that a bar left unfilled is taken back, and its end awaited."""
        if self.state.order_id:
            try:
                order = await self.sys.get_order_status(self.state.order_id)
                if order.is_open and order.type == "limit":
                    order = await self.sys.revoke_order(order.client_id, order.symbol)
            except CallerMistake:  # the kernel never heard of it, so it never left
                self.state.order_id = ""
                return True
            if not order.is_open:
                self._ended(order)
        return not self.state.order_id

    def _ended(self, order: Order) -> None:
        """An order works no more, once all its fills were heard. An exit that left something is tried again."""
        if order.filled > self.state.heard:
            return
        self.state.order_id = ""
        if order.state not in ("filled", "cancelled"):
            self._say(f"{order.state}: {order.reason} {order.message}".strip())
        if self.state.leaving and order.state != "filled":
            self._again()

    async def _consider_entering(self, close: float) -> None:
        score = self._score(close)
        inside = abs(score) < self.params.width
        if self.state.resting and inside:
            self.state.resting = False
        side: Side = "buy" if score < 0 else "sell"
        if inside or self.state.resting or abs(score) >= self.params.hard_stop or not self._takes(side):
            return
        sign = -1 if side == "buy" else 1
        self.state.stop = self._band.mean + sign * self.params.hard_stop * self._band.deviation
        price = exact(close)
        await self._send(side, self.params.entry, self._instrument.floor_size(self.params.amount / price), price)

    async def _consider_leaving(self, bar: Bar) -> None:
        if self.state.leaving:
            await self._leave("market")  # an exit that a bar did not fill
            return
        self.state.leaving = self._reason_to_leave(bar)
        if self.state.leaving:
            await self._leave(self.params.exit if self.state.leaving == "mean" else "market", bar.close)

    def _reason_to_leave(self, bar: Bar) -> str:
        state, params = self.state, self.params
        price, away = exact(bar.close), 1 if state.held < 0 else -1  # the side of the mean on which it was entered
        if state.cash + state.held * price <= -params.max_loss:
            state.halted = f"lost {-(state.cash + state.held * price):.2f}, max_loss is {params.max_loss}"
            self.log.error("mean_reversion_halted", symbol=self._symbol, reason=state.halted)
            return "max_loss"
        if state.stop and away * (bar.close - state.stop) >= 0:
            state.resting = True
            return "hard_stop"
        if bar.time_ns - state.entered_ns >= params.time_stop * (bar.time_ns - bar.open_ns):
            state.resting = True
            return "time_stop"
        return "mean" if self._band.full and away * self._score(bar.close) <= params.leave else ""

    async def _leave(self, kind: OrderKind, close: float = 0.0) -> None:
        """Close what own fills hold; never more."""
        size = self._instrument.floor_size(abs(self.state.held))
        if not self._holds():
            self.state.leaving = ""
            return
        side: Side = "sell" if self.state.held > 0 else "buy"
        self.log.info("mean_reversion_leaves", symbol=self._symbol, reason=self.state.leaving, size=str(size))
        await self._send(side, kind, size, exact(close), reduces=True)

    async def _send(self, side: Side, kind: OrderKind, size: Decimal, close: Decimal, reduces: bool = False) -> None:
        price = self._instrument.round_price(close, side) if kind == "limit" else None
        if not reduces and (too_small := self._too_small(size, price or close)):
            self._say(f"no entry: {too_small}")
            return
        reduce_only = reduces and self._instrument.kind == "perp"  # spot venues know no reduce-only
        tag = "exit" if reduces else "entry"
        order = await self.sys.place_order(self._symbol, side, kind, size, price, reduce_only=reduce_only, tag=tag)
        self.state.order_id, self.state.heard = order.client_id, ZERO
        if not order.is_open:
            self._ended(order)

    def _learn(self, bars: Iterable[Bar]) -> None:
        for bar in bars:
            if bar.time_ns > self._last_ns and isfinite(bar.close):
                self._band.push(bar.close)
                self._last_ns = bar.time_ns

    def _score(self, close: float) -> float:
        """Deviations from the mean; 0 in a market that does not move."""
        deviation = self._band.deviation
        return (close - self._band.mean) / deviation if deviation > 0 else 0.0

    def _takes(self, side: Side) -> bool:
        if side == "sell" and self._instrument.kind == "spot":
            return False
        return self.params.direction != ("short" if side == "buy" else "long")

    def _holds(self) -> bool:
        """Whether what is held is more than crumbs."""
        return abs(self.state.held) >= max(self._instrument.min_size, self._instrument.lot)

    def _count(self, fill: Fill) -> None:
        sign = 1 if fill.side == "buy" else -1
        self.state.held += sign * fill.size
        self.state.cash -= sign * fill.size * fill.price
        if self._instrument.kind == "spot" and fill.fee_asset == self._instrument.base:
            self.state.held -= fill.fee
        elif fill.fee_asset in (self._instrument.quote, self._instrument.settle):
            self.state.cash -= fill.fee

    def _too_small(self, size: Decimal, price: Decimal) -> str:
        instrument: Instrument = self._instrument
        least = max(instrument.min_size, instrument.lot)
        if size < least:
            return f"{size} {instrument.base}, the least is {least} {instrument.base}"
        if size * price < instrument.min_notional:
            return f"{size * price:.2f} {instrument.quote}, the least is {instrument.min_notional} {instrument.quote}"
        return ""

    def _again(self) -> None:
        self._tries += 1
        self.set_timer(min(LONGEST_WAIT_S, 2 ** min(self._tries - 1, 6)))

    def _say(self, reason: str) -> None:
        """Log a refusal once, not at each try."""
        if reason != self._said:
            self._said = reason
            self.log.warning("mean_reversion_no_order", symbol=self._symbol, reason=reason)
