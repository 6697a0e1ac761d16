"""The dynamic grid: one buy under and one sell over a baseline that moves with each filled order."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import Annotated, Literal

import msgspec
from annotated_types import Ge, Gt, Lt, MinLen

from ctosd.abi import Bar, CallerMistake, Fill, Handled, Instrument, Misconfigured, Order, Side, Strategy, exact

ZERO = Decimal(0)
SECOND_NS = 1_000_000_000
SIDES: tuple[Side, Side] = ("buy", "sell")
LONGEST_WAIT_S = 60
RESTED_NS = 60 * SECOND_NS  # an order that rested this long ends the row of failures before it
AMEND_TRIES = 3
THROUGH = ("post_only", "price_band")
COARSER = ("5m", "15m", "1h", "4h", "1d")


@dataclass(frozen=True, kw_only=True)
class GridParams:
    """Prices are given as factors of the baseline, amounts in quote money."""

    symbols: Annotated[tuple[str, ...], MinLen(1), "instruments, one grid each"]
    base_notional: Annotated[Decimal, Gt(0), "quote amount of each order"] = Decimal("8.88")
    base_quantity: Annotated[Decimal, Ge(0), "base units of each order; 0: use base_notional"] = ZERO
    buy_step: Annotated[Decimal, Gt(0), Lt(1), "the buy rests at baseline x this"] = Decimal("0.966")
    sell_step: Annotated[Decimal, Gt(1), "the sell rests at baseline x this"] = Decimal("1.018")
    buy_move: Annotated[Decimal, Gt(0), Lt(1), "a filled buy multiplies the baseline by this"] = Decimal("0.99")
    sell_move: Annotated[Decimal, Gt(1), "a filled sell multiplies the baseline by this"] = Decimal("1.01")
    low_guard: Annotated[Decimal, Gt(0), Lt(1), "halt when baseline / first baseline is below"] = Decimal("0.80")
    high_guard: Annotated[Decimal, Gt(1), "halt when baseline / first baseline is above"] = Decimal("2.00")
    side: Annotated[Literal["neutral", "long", "short"], "long sells only what it holds; spot is long"] = "neutral"
    max_inventory: Annotated[Decimal, Gt(0), "largest holding of one symbol, long or short, in quote"] = Decimal(200)
    max_loss: Annotated[Decimal, Gt(0), "halt a symbol that lost this much quote, fees counted"] = Decimal(50)
    on_halt: Annotated[Literal["cancel", "flatten"], "what a halted symbol does besides cancelling"] = "cancel"
    guard_bars: Annotated[str, "timeframe of the bars that max_loss is watched on; empty: at own fills only"] = "1m"
    reset: Annotated[int, Ge(0), "raise it by one to forget halts and take new baselines at the next start"] = 0


class Leg(msgspec.Struct):
    """One side of a grid: the order that rests, if one does."""

    order_id: str = ""
    price: Decimal = ZERO
    size: Decimal = ZERO  # of the whole order
    filled: Decimal = ZERO
    rest: Decimal = ZERO  # what a level that ended half filled still lacks


class Line(msgspec.Struct):
    """One symbol's grid. `cash` is what its fills moved since the first baseline, fees included."""

    baseline: Decimal = ZERO
    initial: Decimal = ZERO
    inventory: Decimal = ZERO
    cash: Decimal = ZERO
    halted: str = ""
    buy: Leg = msgspec.field(default_factory=Leg)
    sell: Leg = msgspec.field(default_factory=Leg)

    def leg(self, side: Side) -> Leg:
        return self.buy if side == "buy" else self.sell


class GridState(msgspec.Struct):
    lines: dict[str, Line] = {}
    reset: int = 0


class Grid(Strategy):
    """Keeps one post-only buy below and one sell above a baseline, which full fills of its own orders alone move."""

    Params = GridParams
    State = GridState

    params: GridParams
    state: GridState

    def __init__(self) -> None:
        self._instruments: dict[str, Instrument] = {}
        self._watch: dict[str, tuple[float, float]] = {}  # closes strictly between these need no thought
        self._due_ns: dict[tuple[str, str], int] = {}
        self._tries: dict[tuple[str, str], int] = {}
        self._cancelling: set[str] = set()
        self._cannot_amend: set[str] = set()
        self._through: dict[tuple[str, str], Decimal] = {}  # level of an order that rests at the touch instead
        self._said: dict[tuple[str, str], str] = {}

    async def on_start(self) -> None:
        for text in self.params.symbols:
            await self._open(text)
        self.state.reset = self.params.reset
        await self._adopt()
        for symbol in self._instruments:
            self._guard(symbol, None)
            await self._quote(symbol)

    def on_bar(self, bar: Bar) -> Handled:
        watch = self._watch.get(bar.symbol)
        broke = watch is not None and not watch[0] < bar.close < watch[1]
        return self._look(bar, broke) if broke or self._through else None

    async def _look(self, bar: Bar, broke: bool) -> None:
        await self._come_back(bar)
        if broke and self._guard(bar.symbol, exact(bar.close)):
            self.save()
            await self._quote(bar.symbol)

    async def on_fill(self, fill: Fill) -> None:
        line = self.state.lines.get(fill.symbol)
        if line is None or fill.symbol not in self._instruments:
            return
        _count(line, fill, self._instruments[fill.symbol])
        leg = line.leg(fill.side)
        if fill.client_id == leg.order_id:
            leg.filled += fill.size
            if leg.filled >= leg.size:
                self._complete(fill.symbol, fill.side)
        self._guard(fill.symbol, fill.price)
        await self._quote(fill.symbol)

    async def on_order(self, order: Order) -> None:
        line = self.state.lines.get(order.symbol)
        if line is not None and not order.is_open and order.client_id == line.leg(order.side).order_id:
            self._ended(order)
            await self._quote(order.symbol)

    async def on_timer(self) -> None:
        for symbol in self._instruments:
            await self._quote(symbol)
        self._set_timer()

    async def _open(self, text: str) -> None:
        instrument = await self.sys.exchange_limits(text)
        symbol = instrument.symbol
        self._instruments[symbol] = instrument
        if instrument.kind == "spot" and self.params.side == "short":
            raise Misconfigured(f"{symbol} is a spot pair and cannot be held short: write side: long, or a perpetual")
        line = self.state.lines.get(symbol)
        if line is None or self.state.reset != self.params.reset:
            await self._take_baseline(symbol, line)
        self._demand_minimum(instrument, self.state.lines[symbol].baseline)
        for frame in (self.params.guard_bars, *COARSER) if self.params.guard_bars else ():
            with suppress(CallerMistake):  # a recording of larger bars has none that small
                await self.sys.subscribe_ticks(symbol, "bars", timeframe=frame)
                break

    async def _take_baseline(self, symbol: str, line: Line | None) -> None:
        price = await self.sys.get_price_now(symbol)
        if line is None:
            line = self.state.lines[symbol] = Line(inventory=(await self.sys.get_position(symbol)).size)
        line.baseline = line.initial = price
        line.cash, line.halted = -line.inventory * price, ""
        self.log.info("grid_baseline", symbol=symbol, price=str(price), inventory=str(line.inventory))

    def _demand_minimum(self, instrument: Instrument, baseline: Decimal) -> None:
        for side in SIDES:
            price = self._price(instrument, baseline, side)
            size = self._fresh(instrument, price)
            worth = f"an order of this grid is {size} {instrument.base}, {size * price:.2f} quote"
            if too_small := _too_small(instrument, size, price):
                raise Misconfigured(f"{instrument.symbol}: {worth}: {too_small}; raise base_notional")
            if size * price > self.params.max_inventory:
                raise Misconfigured(f"{instrument.symbol}: {worth}: above max_inventory {self.params.max_inventory}")

    async def _adopt(self) -> None:
        resting = {order.client_id: order for order in await self.sys.get_open_orders() if order.type == "limit"}
        for symbol, side in ((symbol, side) for symbol in self._instruments for side in SIDES):
            leg = self.state.lines[symbol].leg(side)
            order = (resting.pop(leg.order_id, None) or await self._look_up(leg)) if leg.order_id else None
            if order is not None and not order.is_open:
                self._ended(order, waits=False)
            tagged = [order for order in resting.values() if order.tag == f"{symbol}:{side}"]
            if tagged and not leg.order_id:
                _take(leg, resting.pop(tagged[0].client_id))
        for order in resting.values():
            self.log.warning("grid_orphan_cancelled", symbol=order.symbol, client_id=order.client_id)
            await self.sys.revoke_order(order.client_id, order.symbol)

    async def _look_up(self, leg: Leg) -> Order | None:
        try:
            return await self.sys.get_order_status(leg.order_id)
        except CallerMistake:  # the kernel never heard of it, so it never left
            leg.order_id = ""
            return None

    def _complete(self, symbol: str, side: Side) -> None:
        line = self.state.lines[symbol]
        line.baseline *= self.params.buy_move if side == "buy" else self.params.sell_move
        self._release(line.leg(side), rest=ZERO)
        self._forget_failures(symbol, side)

    def _ended(self, order: Order, waits: bool = True) -> None:
        if order.state == "filled":
            self._complete(order.symbol, order.side)
            return
        leg = self.state.lines[order.symbol].leg(order.side)
        meant = order.client_id in self._cancelling
        self._release(leg, rest=order.remaining if order.filled else leg.rest)
        if meant or not waits:
            self._forget_failures(order.symbol, order.side)
            return
        if order.updated_ns - order.created_ns >= RESTED_NS:
            self._forget_failures(order.symbol, order.side)
        self._say(order.symbol, order.side, f"order {order.state}: {order.reason or 'from outside'}")
        self._later(order.symbol, order.side)

    def _release(self, leg: Leg, rest: Decimal) -> None:
        self._cancelling.discard(leg.order_id)
        leg.order_id, leg.price, leg.size, leg.filled, leg.rest = "", ZERO, ZERO, ZERO, rest

    def _guard(self, symbol: str, price: Decimal | None) -> bool:
        line = self.state.lines[symbol]
        ratio = line.baseline / line.initial
        if line.halted:
            return False
        if not self.params.low_guard <= ratio <= self.params.high_guard:
            line.halted = f"the baseline moved to {ratio:.4f} of the first one"
        elif price is not None and line.cash + line.inventory * price <= -self.params.max_loss:
            line.halted = f"lost {-(line.cash + line.inventory * price):.2f}, max_loss is {self.params.max_loss}"
        self._watch[symbol] = _loss_line(line, self.params.max_loss)
        if line.halted:
            self.log.error("grid_halted", symbol=symbol, reason=line.halted)
        return bool(line.halted)

    async def _quote(self, symbol: str) -> None:
        for side in SIDES:
            if not self._waits(symbol, side):
                await self._quote_side(symbol, side)
        if self.state.lines[symbol].halted and self.params.on_halt == "flatten":
            await self._flatten(symbol)

    async def _quote_side(self, symbol: str, side: Side) -> None:
        leg = self.state.lines[symbol].leg(side)
        wanted = self._wanted(symbol, side)
        stale = leg.order_id and wanted != (leg.price, leg.size - leg.filled)
        if stale and (wanted is None or not await self._amend(symbol, side, *wanted)):
            await self._cancel(symbol, side)
            wanted = self._wanted(symbol, side)
        if wanted is not None and not leg.order_id and not self._waits(symbol, side):
            await self._place(symbol, side, *wanted)

    async def _place(self, symbol: str, side: Side, price: Decimal, size: Decimal) -> None:
        instrument = self._instruments[symbol]
        reduces = instrument.kind == "perp" and self._closes_only(instrument, side)  # spot venues know no reduce-only
        tag = f"{symbol}:{side}"
        order = await self.sys.place_order(symbol, side, "post_only", size, price, reduce_only=reduces, tag=tag)
        if order.reason in THROUGH and (touch := await self._touch(instrument, side, price)) != price:
            order = await self.sys.place_order(symbol, side, "post_only", size, touch, reduce_only=reduces, tag=tag)
        if order.is_open or order.state == "filled":
            _take(self.state.lines[symbol].leg(side), order)
            if order.price != price:
                self._through[symbol, side] = price
            return
        self._say(symbol, side, f"{order.reason}: {order.message}" if order.message else order.reason)
        self._later(symbol, side)

    async def _touch(self, instrument: Instrument, side: Side, level: Decimal) -> Decimal:
        """The market went through the level: the best price at which a post-only order still rests, never a worse one."""
        book = await self.sys.get_orderbook(instrument.symbol, 1)
        shown = book.bids if side == "buy" else book.asks
        price = instrument.round_price(exact(shown[0][0]), side) if shown else level
        return min(level, price) if side == "buy" else max(level, price)

    async def _come_back(self, bar: Bar) -> None:
        """Move an order from the touch to its level when the market is on the level's other side again."""
        for side in SIDES:
            level = self._through.get((bar.symbol, side))
            if level is not None and (exact(bar.close) > level) == (side == "buy"):
                del self._through[bar.symbol, side]
                await self._quote(bar.symbol)

    async def _amend(self, symbol: str, side: Side, price: Decimal, size: Decimal) -> bool:
        """Whether nothing is left to do but wait; False: cancel and place instead."""
        leg = self.state.lines[symbol].leg(side)
        if symbol in self._cannot_amend or leg.order_id in self._cancelling:
            return False
        total = leg.filled + size
        order = await self.sys.amend_order(leg.order_id, symbol, price=price, size=total)
        if not order.is_open:
            return True  # its last event is under way and says what to do
        if (order.price, order.size) == (price, total) or not order.reason:
            leg.price, leg.size = price, total
            self._forget_failures(symbol, side)
            return True
        if order.reason == "unsupported":
            self._cannot_amend.add(symbol)
            return False
        self._later(symbol, side)
        return self._tries[symbol, side] < AMEND_TRIES

    async def _cancel(self, symbol: str, side: Side) -> None:
        leg = self.state.lines[symbol].leg(side)
        self._cancelling.add(leg.order_id)
        order = await self.sys.revoke_order(leg.order_id, symbol)
        if order.is_open:
            self._later(symbol, side)
        elif order.state != "filled":
            self._ended(order)

    async def _flatten(self, symbol: str) -> None:
        line = self.state.lines[symbol]
        crumbs = abs(line.inventory) < self._instruments[symbol].min_size
        if not (line.buy.order_id or line.sell.order_id or crumbs or self._waits(symbol, "flatten")):
            await self.sys.close_all_positions(symbol)
            self._later(symbol, "flatten")

    def _wanted(self, symbol: str, side: Side) -> tuple[Decimal, Decimal] | None:
        line, instrument = self.state.lines[symbol], self._instruments[symbol]
        if line.halted:
            return None
        leg = line.leg(side)
        price = self._price(instrument, line.baseline, side)
        if leg.order_id and self._through.get((symbol, side)) == price:
            price = leg.price
        room = instrument.floor_size(max(ZERO, self._room(line, instrument, side, price)))
        if leg.order_id and leg.filled:
            size = min(leg.size - leg.filled, room)
            return (price, size) if size > 0 else None
        size = min(leg.rest or self._fresh(instrument, price), room)
        if leg.rest and _too_small(instrument, size, price):
            size = min(self._fresh(instrument, price), room)  # crumbs no venue takes: the level begins again
        if too_small := _too_small(instrument, size, price):
            self._say(symbol, side, f"too small: {too_small}" if size < room else "the inventory leaves no room")
            return None
        return price, size

    def _price(self, instrument: Instrument, baseline: Decimal, side: Side) -> Decimal:
        step = self.params.buy_step if side == "buy" else self.params.sell_step
        return instrument.round_price(baseline * step, side)

    def _fresh(self, instrument: Instrument, price: Decimal) -> Decimal:
        return instrument.floor_size(self.params.base_quantity or self.params.base_notional / price)

    def _room(self, line: Line, instrument: Instrument, side: Side, price: Decimal) -> Decimal:
        ahead = line.inventory if side == "buy" else -line.inventory
        return -ahead if self._closes_only(instrument, side) else self.params.max_inventory / price - ahead

    def _closes_only(self, instrument: Instrument, side: Side) -> bool:
        return ("long" if instrument.kind == "spot" else self.params.side, side) in (("long", "sell"), ("short", "buy"))

    def _waits(self, symbol: str, what: str) -> bool:
        return self._due_ns.get((symbol, what), 0) > self.clock.now_ns()

    def _later(self, symbol: str, what: str) -> None:
        self._tries[symbol, what] = tries = self._tries.get((symbol, what), 0) + 1
        self._due_ns[symbol, what] = self.clock.now_ns() + min(LONGEST_WAIT_S, 2 ** min(tries - 1, 6)) * SECOND_NS
        self._set_timer()

    def _forget_failures(self, symbol: str, side: Side) -> None:
        for table in (self._tries, self._due_ns, self._said):
            table.pop((symbol, side), None)

    def _set_timer(self) -> None:
        now = self.clock.now_ns()
        self._due_ns = {key: due for key, due in self._due_ns.items() if due > now}
        if self._due_ns:
            self.set_timer((min(self._due_ns.values()) - now) / SECOND_NS)

    def _say(self, symbol: str, side: Side, reason: str) -> None:
        if self._said.get((symbol, side)) != reason:
            self._said[symbol, side] = reason
            self.log.warning("grid_no_order", symbol=symbol, side=side, reason=reason)


def _loss_line(line: Line, max_loss: Decimal) -> tuple[float, float]:
    if line.halted or not line.inventory:
        return -inf, inf
    edge = float((-max_loss - line.cash) / line.inventory)
    return (edge, inf) if line.inventory > 0 else (-inf, edge)


def _count(line: Line, fill: Fill, instrument: Instrument) -> None:
    sign = 1 if fill.side == "buy" else -1
    line.inventory += sign * fill.size
    line.cash -= sign * fill.size * fill.price
    if instrument.kind == "spot" and fill.fee_asset == instrument.base:
        line.inventory -= fill.fee
    elif fill.fee_asset in (instrument.quote, instrument.settle):
        line.cash -= fill.fee


def _too_small(instrument: Instrument, size: Decimal, price: Decimal) -> str:
    if size < instrument.min_size or not size:
        return f"{size} {instrument.base}, the least is {max(instrument.min_size, instrument.lot)} {instrument.base}"
    if size * price < instrument.min_notional:
        return f"{size * price:.2f} {instrument.quote}, the least is {instrument.min_notional} {instrument.quote}"
    return ""


def _take(leg: Leg, order: Order) -> None:
    """Make `order` the leg's own. What it filled already is counted when the fill is heard."""
    leg.order_id, leg.price, leg.size, leg.filled = order.client_id, order.price or ZERO, order.size, ZERO
