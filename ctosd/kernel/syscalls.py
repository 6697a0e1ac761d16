"""The syscalls: what a strategy's handle really does. One handle a strategy; revoking its seat ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import get_args

from ctosd.abi.errors import CallerMistake
from ctosd.abi.events import (
    CHANNELS,
    TERMINAL,
    Balance,
    Bar,
    BookDelta,
    Channel,
    Funding,
    OrderType,
    Position,
    TimeInForce,
    topic,
)
from ctosd.abi.instruments import Instrument, Side
from ctosd.abi.orders import Order
from ctosd.abi.syscalls import Number, OrderKind, Syscalls
from ctosd.core.bars import timeframe_ns
from ctosd.core.ledger import unrealised
from ctosd.kernel.desk import Desk
from ctosd.kernel.seat import Seat

MILLISECOND = 1_000_000
ZERO = Decimal(0)

Subscribe = Callable[[Channel, str], None]
"""Bring a channel's topic into the handler of the strategy."""


def number(value: Number, what: str) -> Decimal:
    """A price or a size as money. Floats are refused: which digits were meant?"""
    if isinstance(value, float):
        raise CallerMistake(f"{what} is the float {value!r}: write Decimal({str(value)!r}) or use abi.exact({value!r})")
    try:
        money = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise CallerMistake(f"{what} is {value!r}, not a number") from None
    if not money.is_finite():
        raise CallerMistake(f"{what} is {value!r}: it must be finite")
    return money


class Handle(Syscalls):
    """The trading syscalls of one strategy (or of the operator, who has a seat of his own)."""

    def __init__(self, desk: Desk, seat: Seat, subscribe: Subscribe) -> None:
        self._desk = desk
        self._seat = seat
        self._subscribe = subscribe

    def _enter(self, account: str, symbol: str) -> tuple[str, Instrument]:
        self._seat.demand()
        full = self._seat.account(account)
        return full, self._desk.instrument(full, symbol)

    # -- market ------------------------------------------------------------------------------------------------------------

    async def symbols(self, account: str = "") -> Sequence[Instrument]:
        self._seat.demand()
        return self._desk.market.instruments(self._seat.account(account).partition("/")[0])

    async def exchange_limits(self, symbol: str, account: str = "") -> Instrument:
        return self._enter(account, symbol)[1]

    async def get_price_now(self, symbol: str, account: str = "") -> Decimal:
        full, instrument = self._enter(account, symbol)
        await self._desk.attend(full, instrument.symbol)
        price = self._desk.market.last(instrument.venue, instrument.symbol)
        assert price is not None
        return price

    async def get_orderbook(self, symbol: str, level: int = 20, account: str = "") -> BookDelta:
        full, instrument = self._enter(account, symbol)
        if level < 1:
            raise CallerMistake(f"level is {level}: ask for at least one")
        return await self._desk.driver(full).fetch_orderbook(instrument.symbol, level)

    async def get_klines(
        self, symbol: str, timeframe: str, limit: int = 100, start_time: int = 0, end_time: int = 0, account: str = ""
    ) -> Sequence[Bar]:
        full, instrument = self._enter(account, symbol)
        timeframe_ns(timeframe)
        if limit < 1:
            raise CallerMistake(f"limit is {limit}: ask for at least one bar")
        return await self._desk.driver(full).fetch_klines(
            instrument.symbol, timeframe, limit, start_time * MILLISECOND, end_time * MILLISECOND
        )

    async def fees(self, symbol: str, account: str = "") -> Funding | None:
        full, instrument = self._enter(account, symbol)
        return await self._desk.driver(full).fetch_funding(instrument.symbol)

    async def subscribe_ticks(self, symbol: str, *channels: Channel, timeframe: str = "1m", account: str = "") -> None:
        full, instrument = self._enter(account, symbol)
        for channel in channels or ("quotes",):
            if channel not in CHANNELS:
                raise CallerMistake(f"no channel {channel!r}: there are {', '.join(CHANNELS)}")
            frame = timeframe if channel == "bars" else ""
            self._desk.market.watch(channel, instrument.venue, instrument.symbol, frame)
            self._subscribe(channel, topic(channel, instrument.venue, instrument.symbol, frame))
            await self._desk.driver(full).subscribe(channel, instrument.symbol, frame)

    # -- orders ------------------------------------------------------------------------------------------------------------

    async def place_order(
        self,
        symbol: str,
        side: Side,
        order_type: OrderKind,
        size: Number,
        price: Number | None = None,
        *,
        tif: TimeInForce = "gtc",
        post_only: bool = False,
        reduce_only: bool = False,
        trigger: Number | None = None,
        tag: str = "",
        account: str = "",
    ) -> Order:
        full, instrument = self._enter(account, symbol)
        kind, tif, post_only = _kind(order_type, tif, post_only)
        if side not in ("buy", "sell"):
            raise CallerMistake(f"side is {side!r}: write buy or sell")
        if (price is None) != (kind == "market"):
            raise CallerMistake("a limit order needs a price" if kind == "limit" else "a market order takes no price")
        if not self._desk.market.attends(instrument.venue, instrument.symbol):
            await self._desk.attend(full, instrument.symbol)
        now_ns = self._desk.clock.now_ns()
        order = Order(
            client_id=self._desk.ids.mint(self._seat.tag),
            strategy=self._seat.name,
            account=full,
            symbol=instrument.symbol,
            side=side,
            type=kind,
            size=number(size, "size"),
            price=None if price is None else number(price, "price"),
            tif=tif,
            post_only=post_only,
            reduce_only=reduce_only,
            trigger=None if trigger is None else number(trigger, "trigger"),
            tag=tag,
            created_ns=now_ns,
            updated_ns=now_ns,
        )
        return await self._desk.egress.place(self._seat, order)

    def _own(self, order_id: str) -> Order:
        self._seat.demand()
        order = self._desk.blotter.orders.get(order_id)
        if order is None or order.strategy != self._seat.name:
            raise CallerMistake(f"{self._seat.name} has no order {order_id!r}")
        return order

    async def revoke_order(self, order_id: str, symbol: str = "", account: str = "") -> Order:
        return await self._desk.egress.cancel(self._seat, self._own(order_id))

    async def amend_order(
        self, order_id: str, symbol: str = "", *, price: Number | None = None, size: Number | None = None
    ) -> Order:
        order = self._own(order_id)
        if price is None and size is None:
            raise CallerMistake("an amendment needs a price or a size")
        if order.state in TERMINAL:
            order.message = f"the order is {order.state}: there is nothing to amend"
            return order
        return await self._desk.egress.amend(
            self._seat,
            order,
            None if price is None else number(price, "price"),
            None if size is None else number(size, "size"),
        )

    async def get_open_orders(self, symbol: str = "", account: str = "") -> Sequence[Order]:
        self._seat.demand()
        full = self._seat.account(account) if account else ""
        name = self._desk.instrument(full or self._seat.accounts[0], symbol).symbol if symbol else ""
        return self._desk.blotter.open_orders(self._seat.name, full, name)

    async def get_order_status(self, order_id: str) -> Order:
        return self._own(order_id)

    async def cancel_all(self, symbol: str = "", account: str = "") -> Sequence[Order]:
        self._seat.demand()
        full = self._seat.account(account) if account else ""
        name = self._desk.instrument(full or self._seat.accounts[0], symbol).symbol if symbol else ""
        return await self._desk.cancel_own(self._seat, name, full)

    # -- account -----------------------------------------------------------------------------------------------------------

    async def fetch_balance(self, currency: str = "", account: str = "") -> Sequence[Balance]:
        self._seat.demand()
        full = self._seat.account(account)
        balances = await self._desk.driver(full).fetch_balances(full)
        return [each for each in balances if not currency or each.asset == currency.upper()]

    async def get_position(self, symbol: str, account: str = "") -> Position:
        full, instrument = self._enter(account, symbol)
        own = self._desk.blotter.ledger.position(full, self._seat.name, instrument.symbol)
        mark = self._desk.market.mark(instrument.venue, instrument.symbol)
        return Position(
            account=full,
            symbol=instrument.symbol,
            size=own.size,
            entry=own.entry,
            mark=mark if mark is not None else own.entry,
            unrealised=unrealised(own, mark) if mark is not None else ZERO,
            realised=own.realised,
            time_ns=self._desk.clock.now_ns(),
        )

    async def close_all_positions(self, symbol: str = "", account: str = "") -> Sequence[Order]:
        self._seat.demand()
        full = self._seat.account(account) if account else ""
        name = self._desk.instrument(full or self._seat.accounts[0], symbol).symbol if symbol else ""
        return await self._desk.close_own(self._seat, name, full)

    async def set_leverage(self, symbol: str, leverage: Number, account: str = "") -> None:
        full, instrument = self._enter(account, symbol)
        wanted = number(leverage, "leverage")
        if not 0 < wanted <= instrument.max_leverage:
            raise CallerMistake(
                f"leverage {wanted} of {instrument.symbol} must be above 0 and at most {instrument.max_leverage}"
            )
        await self._desk.driver(full).set_leverage(full, instrument.symbol, wanted)


def _kind(order_type: OrderKind, tif: TimeInForce, post_only: bool) -> tuple[OrderType, TimeInForce, bool]:
    """The seed's one word for an order's type, in our three."""
    if order_type == "market":
        return "market", "ioc", False
    if order_type == "post_only":
        return "limit", "gtc", True
    if order_type in ("ioc", "fok"):
        return "limit", order_type, False
    if order_type != "limit":
        raise CallerMistake(f"no order type {order_type!r}: there are {', '.join(get_args(OrderKind))}")
    if post_only and tif != "gtc":
        raise CallerMistake(f"post-only and {tif} exclude each other")
    return "limit", tif, post_only
