"""The desk: everything that trading needs, in one record, and what the kernel itself does with it for a strategy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from ctosd.abi.driver import Driver, Log
from ctosd.abi.errors import CallerMistake, NotReady
from ctosd.abi.events import TERMINAL, Fill
from ctosd.abi.instruments import Instrument, Side
from ctosd.abi.orders import Order
from ctosd.core.gate import Limits, Mode
from ctosd.core.ids import ClientIds
from ctosd.core.ledger import DUST
from ctosd.kernel.blotter import Blotter
from ctosd.kernel.bus import Bus
from ctosd.kernel.clock import SECOND, SteadyClock
from ctosd.kernel.egress import Egress
from ctosd.kernel.market import Market
from ctosd.kernel.seat import Seat
from ctosd.kernel.switch import Switch
from ctosd.kernel.tasks import Tasks

FLATTEN_TRIES = 5
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of the kernel that an order meets, wired once by `boot`."""

    clock: SteadyClock
    bus: Bus
    market: Market
    blotter: Blotter
    egress: Egress
    switch: Switch
    tasks: Tasks
    ids: ClientIds
    house: Limits
    log: Log

    def driver_of(self, account: str) -> Driver:
        """The driver of an account's venue, connected or not."""
        venue = account.partition("/")[0]
        line = self.egress.lines.get(venue)
        if line is None:
            known = ", ".join(self.egress.lines) or "none"
            raise CallerMistake(f"no venue {venue!r} (known: {known})")
        return line.driver

    def driver(self, account: str) -> Driver:
        """The driver of an account's venue. Raises `NotReady` while it is not connected."""
        driver = self.driver_of(account)
        line = self.egress.lines[driver.venue]
        if not line.up:
            raise NotReady(f"{driver.venue} is not connected: {line.reason}")
        return driver

    def instrument(self, account: str, symbol: str) -> Instrument:
        """The listed instrument that a caller means, by its unified or native spelling."""
        venue = account.partition("/")[0]
        found = self.market.instrument(venue, symbol)
        if found is not None:
            return found
        unified = self.market.symbol(venue, symbol)
        if not unified:
            known = [each.symbol for each in self.market.instruments(venue)]
            raise CallerMistake(f"{symbol!r} is not listed at {venue}; known: {', '.join(known[:12])}")
        listed = self.market.instrument(venue, unified)
        assert listed is not None
        return listed

    async def attend(self, account: str, symbol: str) -> None:
        """Keep a present price of `symbol` from now on: the gate, the marks and the price syscalls read it."""
        venue = account.partition("/")[0]
        if self.market.attends(venue, symbol):
            return
        driver = self.driver(account)
        channel, timeframe = driver.price_stream(symbol)
        self.market.watch(channel, venue, symbol, timeframe)
        await driver.subscribe(channel, symbol, timeframe)
        if self.market.mark(venue, symbol) is None:
            self.market.put_quote(await driver.fetch_quote(symbol))
        self.market.attended(venue, symbol)

    async def cancel_own(self, seat: Seat, symbol: str = "", account: str = "") -> list[Order]:
        """Cancel every open order of a strategy; returns them as they are afterwards."""
        orders = self.blotter.open_orders(seat.name, account, symbol)
        by_account: dict[str, list[Order]] = {}
        for order in orders:
            by_account.setdefault(order.account, []).append(order)
        await asyncio.gather(*(self.egress.cancel_together(seat, each) for each in by_account.values()))
        return orders

    async def close_own(self, seat: Seat, symbol: str = "", account: str = "") -> list[Order]:
        """Close a strategy's own sub-positions, reduce-only at market, in tries until flat or nothing more can be done."""
        placed: list[Order] = []
        for holding in list(self.blotter.ledger.holdings(seat.name, account)):
            if holding.size and (not symbol or holding.symbol == symbol):
                placed += await self._close(seat, holding.account, holding.symbol)
        return placed

    async def _close(self, seat: Seat, account: str, symbol: str) -> list[Order]:
        placed: list[Order] = []
        instrument = self.instrument(account, symbol)
        for attempt in range(FLATTEN_TRIES):
            size = self.blotter.ledger.position(account, seat.name, symbol).size
            closable = _closable(instrument, abs(size), self.market.mark(instrument.venue, symbol))
            if not closable:
                self._sweep(account, seat.name, symbol, size)
                break
            side: Side = "sell" if size > 0 else "buy"
            order = self.order(seat, account, symbol, side, closable, reduce_only=instrument.kind == "perp", tag="exit")
            placed.append(await self.egress.place(seat, order, privileged=True))
            if order.state in ("unknown", "denied", "rejected") or (order.state in TERMINAL and not order.filled):
                break
            if order.is_open:
                await self.clock.sleep(0.05 * (attempt + 1))
        return placed

    def _sweep(self, account: str, strategy: str, symbol: str, size: Decimal) -> None:
        """What no order can close is dust: the strategy is flat, and the account's position still adds up."""
        if size and size * self.blotter.ledger.position(account, DUST, symbol).size >= 0:
            self.blotter.transfer(account, symbol, strategy, DUST, size)

    def order(
        self,
        seat: Seat,
        account: str,
        symbol: str,
        side: Side,
        size: Decimal,
        *,
        reduce_only: bool = False,
        tag: str = "",
        client_id: str = "",
    ) -> Order:
        """A market order that has not been sent, under a fresh client id unless one is given."""
        now_ns = self.clock.now_ns()
        return Order(
            client_id=client_id or self.ids.mint(seat.tag),
            strategy=seat.name,
            account=account,
            symbol=symbol,
            side=side,
            type="market",
            size=size,
            tif="ioc",
            reduce_only=reduce_only,
            tag=tag,
            created_ns=now_ns,
            updated_ns=now_ns,
        )

    async def leave(self, seat: Seat, policy: str, within_s: float = 10.0) -> dict[str, Sequence[str]]:
        """Apply an exit policy (`keep`, `cancel`, `flatten`); returns what remained, in words."""
        if policy in ("cancel", "flatten"):
            await self.cancel_own(seat)
            await self._settled(seat, within_s)
        if policy == "flatten":
            await self.close_own(seat)
            await self._settled(seat, within_s)
        orders = [order.client_id for order in self.blotter.open_orders(seat.name)]
        held = [f"{h.size} {h.symbol} on {h.account}" for h in self.blotter.ledger.holdings(seat.name) if h.size]
        return {"orders": orders, "positions": held}

    async def _settled(self, seat: Seat, within_s: float) -> None:
        """Wait until no order of the strategy is open, or the time is over."""
        end_ns = self.clock.now_ns() + int(within_s * SECOND)
        while self.blotter.open_orders(seat.name) and self.clock.now_ns() < end_ns:
            await self.clock.sleep(0.02)


def _closable(instrument: Instrument, size: Decimal, mark: Decimal | None) -> Decimal:
    """How much of `size` one market order can close; 0 when the venue takes no order so small."""
    most = instrument.max_market_size
    found = instrument.floor_size(size if most is None else min(size, most))
    if found < max(instrument.min_size, instrument.lot):
        return ZERO
    if instrument.kind == "spot" and mark is not None and found * mark < instrument.min_notional:
        return ZERO
    return found


def freeze(desk: Desk, fill: Fill) -> None:
    """The venue closed a position by itself: what it took away is not traded back until a person says so."""
    reason = f"{fill.symbol} was reduced by the venue ({fill.cause})"
    desk.switch.freeze(fill.account, fill.symbol, reason)
    body = msgspec.json.encode({"account": fill.account, "symbol": fill.symbol, "reason": reason})
    desk.blotter.journal.append("freeze", fill.account, body, desk.clock.now_ns())


def set_mode(desk: Desk, mode: Mode, reason: str, by: str) -> None:
    """Turn the kill switch, here and in the journal."""
    desk.switch.set(mode, reason, by)
    body = msgspec.json.encode({"mode": mode, "reason": reason, "by": by})
    desk.blotter.journal.commit_now(desk.blotter.journal.append("mode", mode, body, desk.clock.now_ns()))
    desk.log.warning("mode", mode=mode, reason=reason, by=by)
