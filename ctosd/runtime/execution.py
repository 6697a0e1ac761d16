"""The ExecutionEngine: a strategy's wish for a position, made into orders.

`set_coin_position` trades the difference to a signed quote target; `place_incremental_orders` trades a quote amount.
Soft means post-only and chased: the order rests behind the touch, tightens to it round by round, and follows the market
with the remaining quantity only. Otherwise the order goes at market, bounded in slippage by an immediate limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ctosd.abi.errors import CallerMistake
from ctosd.abi.events import TERMINAL
from ctosd.abi.instruments import Instrument, Side, exact
from ctosd.abi.orders import Order
from ctosd.abi.syscalls import Number
from ctosd.kernel.clock import SECOND
from ctosd.kernel.syscalls import Handle, number

ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Chase:
    """How a soft order follows the market. Fractions of price; seconds."""

    start_offset: Decimal = Decimal("0.0001")
    rounds: int = 200
    every_s: float = 6.66
    cap_s: float = 3 * 3600.0
    max_slip: Decimal = Decimal("0.01")
    on_timeout: str = "cancel"  # or market


@dataclass(frozen=True, kw_only=True)
class Slicing:
    """How much one order may take. `slippage` bounds a market slice; `depth` is the share of the displayed levels used."""

    slippage: Decimal = Decimal("0.005")
    levels: int = 20
    depth: Decimal = Decimal("0.5")
    slices: int = 50


class ExecutionEngine(Handle):
    """The syscalls with the two composite ones."""

    chase = Chase()
    slicing = Slicing()

    async def set_coin_position(
        self, coin: str, usdt_amount: Number, soft: bool = True, *, stack: bool = False, account: str = ""
    ) -> Sequence[Order]:
        full, instrument = self._coin(coin, account)
        target = number(usdt_amount, "usdt_amount")
        price = await self.get_price_now(instrument.symbol, full)
        held = self._desk.blotter.ledger.position(full, self._seat.name, instrument.symbol).size
        change = target if stack else target - held * price
        dead_band = max(Decimal(1), instrument.min_notional)
        if abs(change) < dead_band:
            return []
        side: Side = "buy" if change > 0 else "sell"
        closing = min(abs(change) / price, abs(held)) if held and (held > 0) != (change > 0) else ZERO
        if not target and not stack:
            return await self._trade(instrument, full, side, abs(held), soft, reduce_only=instrument.kind == "perp")
        placed: list[Order] = []
        if closing:
            placed += await self._trade(instrument, full, side, closing, soft, reduce_only=instrument.kind == "perp")
        opening = abs(change) / price - closing
        if opening * price >= dead_band:
            placed += await self._trade(instrument, full, side, opening, soft, reduce_only=False)
        return placed

    async def place_incremental_orders(
        self, amount: Number, coin: str, side: Side, soft: bool = True, *, reduce_only: bool = False, account: str = ""
    ) -> Sequence[Order]:
        full, instrument = self._coin(coin, account)
        if side not in ("buy", "sell"):
            raise CallerMistake(f"side is {side!r}: write buy or sell")
        quote = number(amount, "amount")
        if quote <= 0:
            raise CallerMistake(f"amount is {quote}: the side says the direction, the amount is positive")
        price = await self.get_price_now(instrument.symbol, full)
        return await self._trade(instrument, full, side, quote / price, soft, reduce_only=reduce_only)

    def _coin(self, coin: str, account: str) -> tuple[str, Instrument]:
        """The instrument that a bare coin means: its perpetual first, else its spot pair."""
        self._seat.demand()
        full = self._seat.account(account)
        if "/" in coin or "-" in coin:
            return full, self._desk.instrument(full, coin)
        listed = self._desk.market.instruments(full.partition("/")[0])
        found = sorted((each for each in listed if each.base == coin.upper()), key=lambda each: each.kind)
        if not found:
            raise CallerMistake(f"{coin!r} is not listed at {full}")
        return full, found[0]

    async def _trade(
        self, instrument: Instrument, account: str, side: Side, size: Decimal, soft: bool, *, reduce_only: bool
    ) -> list[Order]:
        wanted = instrument.floor_size(size)
        if wanted < instrument.min_size:
            return []
        if soft:
            return await self._chase(instrument, account, side, wanted, reduce_only)
        return await self._slice(instrument, account, side, wanted, reduce_only)

    # -- at market, in slices ------------------------------------------------------------------------------------------------

    async def _slice(
        self, instrument: Instrument, account: str, side: Side, wanted: Decimal, reduce_only: bool
    ) -> list[Order]:
        placed: list[Order] = []
        start = await self.get_price_now(instrument.symbol, account)
        slip = self.slicing.slippage if side == "buy" else -self.slicing.slippage
        bound = self._crossing(instrument, side, start * (1 + slip))
        for slice_ in range(self.slicing.slices):
            rest = wanted - sum((order.filled for order in placed), ZERO)
            size = min(rest, await self._room(instrument, account, side, rest))
            if size < max(instrument.min_size, instrument.lot):
                break
            order = await self.place_order(
                instrument.symbol,
                side,
                "ioc",
                size,
                bound,
                reduce_only=reduce_only,
                account=account,
                tag=f"slice-{slice_}",
            )
            placed.append(order)
            if not order.filled:
                break
        return placed

    def _crossing(self, instrument: Instrument, side: Side, price: Decimal) -> Decimal:
        """A bound that must cross rounds towards the market's far side, one tick at the most."""
        return instrument.round_price(price, "sell" if side == "buy" else "buy")

    async def _room(self, instrument: Instrument, account: str, side: Side, rest: Decimal) -> Decimal:
        """How much of `rest` one slice may take: the displayed depth's share and the seat's order limit."""
        book = await self.get_orderbook(instrument.symbol, self.slicing.levels, account)
        levels = book.asks if side == "buy" else book.bids
        shown = sum((exact(size) for _, size in levels), ZERO)
        room = max(shown * self.slicing.depth, instrument.min_size)
        largest = self._seat.limits.max_order_notional
        if largest is not None and levels:
            room = min(room, largest * Decimal("0.99") / exact(levels[-1][0]))
        if instrument.max_market_size is not None:
            room = min(room, instrument.max_market_size)
        return instrument.floor_size(min(room, rest))

    # -- soft, chased ---------------------------------------------------------------------------------------------------------

    async def _chase(
        self, instrument: Instrument, account: str, side: Side, wanted: Decimal, reduce_only: bool
    ) -> list[Order]:
        chase, clock = self.chase, self._desk.clock
        start = await self.get_price_now(instrument.symbol, account)
        end_ns = clock.now_ns() + int(chase.cap_s * SECOND)
        placed: list[Order] = []
        turn = 0
        while True:
            rest = instrument.floor_size(wanted - sum((order.filled for order in placed), ZERO))
            if rest < max(instrument.min_size, instrument.lot):
                return placed
            price = await self._resting_price(instrument, account, side, turn)
            slipped = (price / start - 1) * (1 if side == "buy" else -1)
            if slipped > chase.max_slip or clock.now_ns() >= end_ns:
                break
            order = await self.place_order(
                instrument.symbol,
                side,
                "post_only",
                rest,
                price,
                reduce_only=reduce_only,
                account=account,
                tag=f"chase-{turn}",
            )
            placed.append(order)
            if order.state in ("denied", "unknown"):
                return placed
            turn = await self._rest(order, instrument, account, turn + 1, end_ns)
            if not order.filled:
                await clock.sleep(0.05)
        if chase.on_timeout == "market":
            placed += await self._slice(instrument, account, side, rest, reduce_only)
        return placed

    async def _resting_price(self, instrument: Instrument, account: str, side: Side, turn: int) -> Decimal:
        """Behind the touch by an offset that shrinks to nothing over the rounds; never through it."""
        book = await self.get_orderbook(instrument.symbol, 1, account)
        levels = book.bids if side == "buy" else book.asks
        touch = exact(levels[0][0]) if levels else await self.get_price_now(instrument.symbol, account)
        left = max(ZERO, 1 - Decimal(turn) / self.chase.rounds)
        offset = self.chase.start_offset * left
        return instrument.round_price(touch * (1 - offset if side == "buy" else 1 + offset), side)

    async def _rest(self, order: Order, instrument: Instrument, account: str, turn: int, end_ns: int) -> int:
        """Let the order stand, round by round, while its price is right; returns the next round when it is gone."""
        clock = self._desk.clock
        while order.is_open:
            until_ns = min(end_ns, clock.now_ns() + int(self.chase.every_s * SECOND))
            while order.state not in TERMINAL and clock.now_ns() < until_ns:
                await clock.sleep(0.25)
            turn += 1
            moved = order.price != await self._resting_price(instrument, account, order.side, turn)
            if order.state not in TERMINAL and (moved or clock.now_ns() >= end_ns):
                await self.revoke_order(order.client_id)
                while order.state not in TERMINAL:
                    await clock.sleep(0.05)
        return turn
