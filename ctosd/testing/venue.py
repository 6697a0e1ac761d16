"""A venue for tests that does what it is told: every answer, delay and loss is the test's own choice.

It trades nothing by itself. `script` a reply for the next command, `fill` an order, `push` any private event; what
a real venue would do of its own accord is the paper venue's business.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ctosd.abi.commands import Accepted, Amend, Cancel, Command, Outcome, Place, Rejected, Unknown
from ctosd.abi.driver import Driver, Limit, Manifest, Ports
from ctosd.abi.errors import CtosError, NotReady
from ctosd.abi.events import Balance, Bar, BookDelta, Channel, Fill, Funding, OrderUpdate, Position, Quote, topic
from ctosd.abi.instruments import Instrument

ZERO = Decimal(0)
Reply = Callable[[Command], Outcome]


def perpetual(venue: str = "test", symbol: str = "BTC/USDT:USDT", **changes: Any) -> Instrument:
    """A plain linear perpetual: tick 0.1, lot 0.001."""
    facts: dict[str, Any] = {
        "venue": venue,
        "symbol": symbol,
        "native": symbol.replace("/", "").replace(":", "-"),
        "kind": "perp",
        "base": symbol.partition("/")[0],
        "quote": "USDT",
        "settle": "USDT",
        "tick": Decimal("0.1"),
        "lot": Decimal("0.001"),
        "min_size": Decimal("0.001"),
        "min_notional": Decimal(5),
        "max_leverage": Decimal(20),
    }
    return Instrument(**{**facts, **changes})


@dataclass(frozen=True)
class NoConfig:
    """The scripted venue has nothing to configure."""


class ScriptedVenue(Driver):
    """A driver whose every answer is scripted; unscripted commands are accepted and rest."""

    manifest = Manifest(
        name="scripted",
        config=NoConfig,
        simulated=True,
        limits=(Limit("orders", 1000, 1000, 100),),
        expiry_ms=0,
        grace_ms=0,
    )

    def __init__(self, accounts: Sequence[str], ports: Ports, instruments: Sequence[Instrument] = ()) -> None:
        super().__init__(NoConfig(), accounts, ports)
        self.listed = tuple(instruments) or (perpetual(ports.venue),)
        self.received: list[Command] = []
        self.replies: deque[Reply] = deque()
        self.hold: asyncio.Event | None = None
        self.book: dict[str, OrderUpdate] = {}
        self.done: list[Fill] = []
        self.fail_start: list[CtosError] = []
        self.subscriptions: list[tuple[str, str, str]] = []
        self.left: int | None = None  # what it says of how many orders left it
        self.foreign: dict[str, Decimal] = {}  # positions that no order of ours made
        self.deaf = False

    # -- what a test does --------------------------------------------------------------------------------------------------

    def quote(self, bid: float, ask: float, symbol: str = "") -> None:
        """Publish a quote."""
        name = symbol or self.listed[0].symbol
        quote = Quote(self.venue, name, bid, 1.0, ask, 1.0, self.ports.clock.now_ns())
        self.ports.publish(topic("quotes", self.venue, name), quote)

    def push(self, event: OrderUpdate | Fill | Balance) -> None:
        """Publish a private event."""
        self.ports.publish(topic("private", self.venue), event)

    def fill(
        self, client_id: str, size: Decimal | None = None, price: Decimal | None = None, tell: bool = True
    ) -> Fill:
        """Let a resting order trade; `tell` False keeps it from the private stream, as a lost connection would."""
        order = self.book[client_id]
        amount = size if size is not None else order.size - order.filled
        fill = Fill(
            account=order.account,
            symbol=order.symbol,
            trade_id=f"t{len(self.done) + 1}",
            client_id=client_id,
            venue_id=order.venue_id,
            side=order.side,
            price=price or order.price or Decimal(100),
            size=amount,
            fee=Decimal("0.01"),
            fee_asset="USDT",
            liquidity="maker",
            time_ns=self.ports.clock.now_ns(),
        )
        filled = order.filled + amount
        self._write(order, filled=filled, state="filled" if filled >= order.size else "partially_filled")
        self.done.append(fill)
        if tell:
            self.push(fill)
            self.push(self.book[client_id])
        return fill

    def _write(self, order: OrderUpdate, **changes: Any) -> OrderUpdate:
        facts = {name: getattr(order, name) for name in order.__struct_fields__}
        facts.update(changes, time_ns=self.ports.clock.now_ns())
        self.book[order.client_id] = OrderUpdate(**facts)
        return self.book[order.client_id]

    # -- the driver ----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        if self.fail_start:
            raise self.fail_start.pop(0)

    async def stop(self) -> None:
        pass

    def instruments(self) -> Sequence[Instrument]:
        return self.listed

    async def subscribe(self, channel: Channel, symbol: str, timeframe: str = "") -> None:
        self.subscriptions.append((channel, symbol, timeframe))

    async def submit(self, command: Command) -> Outcome:
        self.received.append(command)
        if self.hold is not None:
            await self.hold.wait()
        if self.replies:
            return self.replies.popleft()(command)
        return self.accept(command)

    @property
    def written(self) -> int | None:
        return self.left

    def accept(self, command: Command) -> Outcome:
        """Do what the command says and tell the private stream."""
        now_ns = self.ports.clock.now_ns()
        if isinstance(command, Place):
            update = OrderUpdate(account=command.account, symbol=command.symbol, client_id=command.client_id,
                                 venue_id=f"v{len(self.book) + 1}", state="open", side=command.side, type=command.type,
                                 size=command.size, filled=ZERO, price=command.price, time_ns=now_ns)  # fmt: skip
            self.book[command.client_id] = update
            return Accepted(client_id=command.client_id, venue_id=update.venue_id, time_ns=now_ns)
        order = self.book.get(command.client_id)
        if order is None or order.state not in ("open", "partially_filled"):
            return Rejected(
                client_id=command.client_id, reason="order_not_found", message="no such order", time_ns=now_ns
            )
        if isinstance(command, Amend):
            order = self._write(order, price=command.price or order.price, size=command.size or order.size)
        elif isinstance(command, Cancel):
            order = self._write(order, state="cancelled")
        self.push(order)
        return Accepted(client_id=order.client_id, venue_id=order.venue_id, time_ns=now_ns)

    def reject(self, reason: str, message: str = "no") -> None:
        """Refuse the next command."""
        self.replies.append(lambda command: Rejected(client_id=command.client_id, reason=reason, message=message,
                                                     time_ns=self.ports.clock.now_ns()))  # fmt: skip

    def lose(self, arrived: bool) -> None:
        """Lose the answer to the next command, which did or did not arrive."""

        def reply(command: Command) -> Outcome:
            if arrived:
                self.accept(command)
            return Unknown(client_id=command.client_id, message="connection reset")

        self.replies.append(reply)

    def costs(self, command: Command) -> Sequence[tuple[str, float]]:
        return (("orders", 1),)

    async def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None:
        pass

    def _demand(self) -> None:
        if self.deaf:
            raise NotReady("the venue does not answer")

    async def fetch_quote(self, symbol: str) -> Quote:
        self._demand()
        return Quote(self.venue, symbol, 99.9, 1.0, 100.1, 1.0, self.ports.clock.now_ns())

    async def fetch_orderbook(self, symbol: str, level: int) -> BookDelta:
        self._demand()
        return BookDelta(self.venue, symbol, [(99.9, 50.0)], [(100.1, 50.0)], self.ports.clock.now_ns(), snapshot=True)

    async def fetch_klines(
        self, symbol: str, timeframe: str, limit: int, start_ns: int = 0, end_ns: int = 0
    ) -> Sequence[Bar]:
        return ()

    async def fetch_funding(self, symbol: str) -> Funding | None:
        return None

    async def fetch_order(self, account: str, symbol: str, client_id: str) -> OrderUpdate | None:
        self._demand()
        return self.book.get(client_id)

    async def fetch_open_orders(self, account: str, symbol: str = "") -> Sequence[OrderUpdate]:
        self._demand()
        live = [each for each in self.book.values() if each.state in ("open", "partially_filled")]
        return [each for each in live if each.account == account and (not symbol or each.symbol == symbol)]

    async def fetch_fills(self, account: str, since_ns: int) -> Sequence[Fill]:
        self._demand()
        return [fill for fill in self.done if fill.account == account and fill.time_ns >= since_ns]

    async def fetch_balances(self, account: str) -> Sequence[Balance]:
        return [Balance(account=account, asset="USDT", total=Decimal(1000), available=Decimal(1000), time_ns=0)]

    async def fetch_positions(self, account: str) -> Sequence[Position]:
        """What the fills add up to, and whatever `foreign` holds."""
        self._demand()
        sizes: dict[str, Decimal] = dict(self.foreign)
        for fill in self.done:
            if fill.account == account:
                sizes[fill.symbol] = sizes.get(fill.symbol, ZERO) + (fill.size if fill.side == "buy" else -fill.size)
        price = Decimal(100)
        return [
            Position(account=account, symbol=symbol, size=size, entry=price, mark=price, unrealised=ZERO)
            for symbol, size in sizes.items()
            if size
        ]

    def statistics(self) -> Mapping[str, Any]:
        return {"received": len(self.received)}
