"""An honest desk for one strategy: it records orders, applies the venue's rules, and fills only what the test fills.

Events are queued and delivered one at a time, as the kernel does: `pump` runs the handlers until the queue is empty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ctosd.abi import Bar, BookDelta, CallerMistake, Fill, Instrument, Order, Position, Side, Strategy

SECOND = 1_000_000_000
D = Decimal


class Log:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def _say(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    debug = info = warning = error = _say

    def said(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.lines if name == event]


class Desk:
    """Syscalls, clock and venue of one strategy. Everything that a test may turn is a public attribute."""

    def __init__(self, **instrument: Any) -> None:
        fields: dict[str, Any] = {
            "venue": "paper",
            "symbol": "BTC/USDT:USDT",
            "native": "x",
            "kind": "perp",
            "base": "BTC",
            "quote": "USDT",
            "settle": "USDT",
            "tick": D("0.1"),
            "lot": D("0.001"),
            "min_size": D("0.001"),
            "min_notional": D(5),
        }
        self.instrument = Instrument(**{**fields, **instrument})
        self.symbol = self.instrument.symbol
        self.ns = 1_700_000_000 * SECOND
        self.price = D(1000)
        self.position = D(0)
        self.log = Log()
        self.orders: dict[str, Order] = {}
        self.acts: list[str] = []
        self.refuse: deque[str] = deque()  # reasons for the next places; "" lets one through
        self.refuse_amends: deque[str] = deque()
        self.can_amend = True
        self.cancels_at_once = True
        self.fills_at_once = False  # market orders
        self.klines: list[Bar] = []
        self.subscribed: list[tuple[str, str]] = []
        self.queue: deque[tuple[str, Any]] = deque()
        self.timer_ns = 0
        self.saves = 0
        self._minted = 0
        self.strategy: Any = None

    # -- life -------------------------------------------------------------------------------------------------------------

    async def start(self, kind: type[Strategy], state: bytes = b"", **params: Any) -> Any:
        """A fresh instance, as after a start of the daemon; `state` is what the last one left."""
        strategy: Any = kind()
        strategy.name, strategy.sys, strategy.log, strategy.clock = "unit", self, self.log, self
        strategy.params = kind.Params(**params)
        strategy.state = msgspec.json.decode(state, type=kind.State) if state else kind.State()
        strategy.set_timer = self.set_timer
        strategy.save = self.save
        self.timer_ns = 0
        self.strategy = strategy
        await strategy.on_start()
        await self.pump()
        return strategy

    def state(self) -> bytes:
        return msgspec.json.encode(self.strategy.state)

    async def pump(self) -> None:
        while self.queue:
            name, event = self.queue.popleft()
            coro = getattr(self.strategy, name)(event)
            if coro is not None:
                await coro
            self.demand_one_order_a_side()

    async def advance(self, seconds: float) -> None:
        """Let time pass, firing timers when they are due."""
        end_ns = self.ns + round(seconds * SECOND)
        while self.timer_ns and self.timer_ns <= end_ns:
            self.ns, self.timer_ns = self.timer_ns, 0
            await self.strategy.on_timer()
            await self.pump()
        self.ns = end_ns

    def save(self) -> None:
        self.saves += 1

    def set_timer(self, seconds: float) -> None:
        self.timer_ns = self.ns + max(1, round(seconds * SECOND)) if seconds else 0

    def now_ns(self) -> int:
        return self.ns

    # -- what the world does ------------------------------------------------------------------------------------------------

    def fill(self, order: Order, size: str | Decimal = "", price: Decimal | None = None, **more: Any) -> None:
        """Fill an open order, wholly or by `size`; what the strategy hears of it waits in the queue."""
        assert order.is_open, order
        amount = D(size) if size else order.remaining
        assert 0 < amount <= order.remaining
        at = price or order.price or self.price
        order.filled += amount
        order.notional += amount * at
        order.state = "filled" if not order.remaining else "partially_filled"
        self.position += amount if order.side == "buy" else -amount
        done: dict[str, Any] = {"fee": D(0), "fee_asset": "USDT", **more}
        self._minted += 1
        self.queue.append(
            (
                "on_fill",
                Fill(
                    account="paper/main",
                    symbol=order.symbol,
                    trade_id=f"t{self._minted}",
                    client_id=order.client_id,
                    venue_id="",
                    side=order.side,
                    price=at,
                    size=amount,
                    liquidity="maker",
                    time_ns=self.ns,
                    **done,
                ),
            )
        )
        if order.state == "filled":
            self.queue.append(("on_order", order))

    def end(self, order: Order, state: Any = "cancelled", reason: str = "") -> None:
        """The venue ends an order."""
        assert order.is_open
        order.state, order.reason, order.updated_ns = state, reason, self.ns
        self.queue.append(("on_order", order))

    def bar(self, close: float, seconds: int = 60) -> Bar:
        """Close one bar; time passes by its length."""
        open_ns, self.ns = self.ns, self.ns + seconds * SECOND
        self.price = D(repr(close))
        bar = Bar("paper", self.symbol, "1m", close, close, close, close, 1.0, open_ns, self.ns)
        self.queue.append(("on_bar", bar))
        return bar

    def open(self, side: Side | None = None) -> list[Order]:
        return [order for order in self.orders.values() if order.is_open and side in (None, order.side)]

    def only(self, side: Side) -> Order:
        (order,) = self.open(side)
        return order

    def demand_one_order_a_side(self) -> None:
        tags = [order.tag for order in self.open() if order.type == "limit"]
        assert len(tags) == len(set(tags)), f"two orders rest on one side: {tags}"

    # -- syscalls -------------------------------------------------------------------------------------------------------------

    async def exchange_limits(self, symbol: str, account: str = "") -> Instrument:
        if symbol.replace("-", "/", 1) != self.symbol:
            raise CallerMistake(f"{symbol} is not listed")
        return self.instrument

    async def get_price_now(self, symbol: str, account: str = "") -> Decimal:
        return self.price

    async def get_orderbook(self, symbol: str, level: int = 20, account: str = "") -> BookDelta:
        price = float(self.price)
        return BookDelta("test", symbol, [(price, 1.0)], [(price, 1.0)], 0, snapshot=True)

    async def get_position(self, symbol: str, account: str = "") -> Position:
        zero = D(0)
        return Position(account="paper/main", symbol=symbol, size=self.position, entry=zero, mark=zero, unrealised=zero)

    async def get_klines(self, symbol: str, timeframe: str, limit: int = 100) -> Sequence[Bar]:
        return self.klines[-limit:]

    async def subscribe_ticks(self, symbol: str, *channels: str, timeframe: str = "1m", account: str = "") -> None:
        self.subscribed += [(channel, timeframe) for channel in channels]

    async def place_order(
        self,
        symbol: str,
        side: Side,
        order_type: str,
        size: Decimal,
        price: Decimal | None = None,
        *,
        reduce_only: bool = False,
        tag: str = "",
    ) -> Order:
        assert symbol == self.symbol
        assert self.instrument.on_lot(size), size
        assert price is None or self.instrument.on_tick(price), price
        self._minted += 1
        order = Order(
            client_id=f"o{self._minted}",
            strategy="unit",
            account="paper/main",
            symbol=symbol,
            side=side,
            type="market" if order_type == "market" else "limit",
            size=size,
            price=price,
            post_only=order_type == "post_only",
            reduce_only=reduce_only,
            tag=tag,
            state="open",
            created_ns=self.ns,
            updated_ns=self.ns,
        )
        self.acts.append(f"place {side} {size} {price or 'market'}")
        reason = self.refuse.popleft() if self.refuse else self._refusal(order)
        self.orders[order.client_id] = order
        if reason == "unknown":
            order.state = "unknown"
        elif reason:
            order.state, order.reason = "rejected", reason
            self.queue.append(("on_order", order))
        elif order.type == "market" and self.fills_at_once:
            self.fill(order)
        return order

    def _refusal(self, order: Order) -> str:
        assert order.size >= self.instrument.min_size
        if order.price is not None and order.post_only:
            crosses = order.price > self.price if order.side == "buy" else order.price < self.price
            return "post_only" if crosses else ""
        return ""

    async def amend_order(
        self, order_id: str, symbol: str = "", *, price: Decimal | None = None, size: Decimal | None = None
    ) -> Order:
        order = self.orders[order_id]
        self.acts.append(f"amend {order.side} {size} {price}")
        if not order.is_open:
            return order
        reason = self.refuse_amends.popleft() if self.refuse_amends else ("" if self.can_amend else "unsupported")
        order.reason = reason
        if not reason:
            assert price is not None
            assert size is not None
            assert self.instrument.on_tick(price)
            assert size > order.filled
            order.price, order.size = price, size
        return order

    async def revoke_order(self, order_id: str, symbol: str = "", account: str = "") -> Order:
        order = self.orders[order_id]
        self.acts.append(f"cancel {order.side}")
        if order.is_open and self.cancels_at_once:
            self.end(order)
        return order

    async def get_open_orders(self, symbol: str = "", account: str = "") -> Sequence[Order]:
        return self.open()

    async def get_order_status(self, order_id: str) -> Order:
        if order_id not in self.orders:
            raise CallerMistake(f"no order {order_id}")
        return self.orders[order_id]

    async def close_all_positions(self, symbol: str = "", account: str = "") -> Sequence[Order]:
        side: Side = "sell" if self.position > 0 else "buy"
        return [await self.place_order(symbol, side, "market", abs(self.position), reduce_only=True, tag="exit")]


@pytest.fixture
def desk() -> Desk:
    """A perpetual at 1000, tick 0.1, lot 0.001, least order 5 quote."""
    return Desk()


@pytest.fixture
def make_desk() -> Callable[..., Desk]:
    """A desk with another instrument."""
    return Desk
