"""A strategy that trades all the time and never holds much: what tests/crashes.py kills in the middle of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Annotated

import msgspec
from annotated_types import Gt

from ctosd.abi import Fill, Instrument, Quote, Side, Strategy, exact

TRADED = 3
"""Fills of this life after which it may die."""


@dataclass(frozen=True, kw_only=True)
class PendulumParams:
    symbol: Annotated[str, "the instrument"]
    notional: Annotated[Decimal, Gt(0), "quote amount of each order"] = Decimal(300)
    amends: Annotated[bool, "make the resting orders smaller before they are cancelled"] = False


class PendulumState(msgspec.Struct):
    placed: int = 0
    swings: int = 0


class Pendulum(Strategy):
    """Takes from the market to and fro, and now and then rests an order, amends and cancels it."""

    Params = PendulumParams
    State = PendulumState

    async def on_start(self) -> None:
        self._released, self._left = False, True
        self._fills = 0
        self._armed: Callable[[], None] = lambda: None
        self._quote: Quote | None = None
        await self.sys.subscribe_ticks(self.params.symbol, "quotes")
        self.set_timer(0.02)

    def release(self, armed: Callable[[], None]) -> None:
        """Begin to trade; `armed` is called as soon as there were fills."""
        self._released, self._armed = True, armed

    def on_quote(self, quote: Quote) -> None:
        self._quote = quote

    def on_fill(self, fill: Fill) -> None:
        self.state.swings += 1
        self._fills += 1
        if self._fills == TRADED:
            self._armed()

    async def on_timer(self) -> None:
        if self._released and self._quote is not None:
            if self._left:
                await self._clear()
            await self._swing(self._quote)
        self.set_timer(0.03)

    async def _clear(self) -> None:
        """What the life before left open would add up, life after life."""
        for order in await self.sys.get_open_orders(self.params.symbol):
            await self.sys.revoke_order(order.client_id)
        self._left = False

    async def _swing(self, quote: Quote) -> None:
        symbol = self.params.symbol
        limits = await self.sys.exchange_limits(symbol)
        size = self._size(limits, exact(quote.bid))
        held = (await self.sys.get_position(symbol)).size
        side: Side = "sell" if held > 0 else "buy"
        self.state.placed += 1
        await self.sys.place_order(symbol, side, "market", size)
        if self.state.placed % 4 == 0:
            price = exact(quote.bid) * Decimal("0.98")
            self.state.placed += 1
            order = await self.sys.place_order(symbol, "buy", "post_only", size, price - price % limits.tick)
            if order.is_open and self.params.amends:
                await self.sys.amend_order(order.client_id, size=size - limits.lot)
            if order.is_open:
                await self.sys.revoke_order(order.client_id)

    def _size(self, limits: Instrument, price: Decimal) -> Decimal:
        lots = (self.params.notional / price / limits.lot).to_integral_value(ROUND_DOWN)
        return max(lots, Decimal(1)) * limits.lot
