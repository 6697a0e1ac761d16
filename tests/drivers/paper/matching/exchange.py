"""A small venue to match at: one perpetual, one spot pair, two accounts, and words to speak with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal as D
from typing import Any

from ctosd.abi import (
    Accepted,
    Amend,
    Bar,
    BookDelta,
    Cancel,
    Fill,
    Funding,
    Instrument,
    OrderUpdate,
    Outcome,
    Place,
    PrivateEvent,
    Quote,
    Trade,
)
from drivers.paper.matching import Engine, Rules

PERP = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"
SPOT = "BTC/USDT"
A, B = "paper/a", "paper/b"


def instrument(symbol: str, **changes: Any) -> Instrument:
    """Tick 1, lot 0.1, maker 1 bp, taker 5 bp: figures that can be checked in the head."""
    base, quote = symbol.split(":", maxsplit=1)[0].split("/")
    perp = ":" in symbol
    fields: dict[str, Any] = {
        "venue": "paper",
        "symbol": symbol,
        "native": symbol,
        "kind": "perp" if perp else "spot",
        "base": base,
        "quote": quote,
        "settle": quote,
        "tick": D(1),
        "lot": D("0.1"),
        "min_size": D("0.1"),
        "min_notional": D(5),
        "max_size": D(10_000),
        "max_market_size": D(1_000),
        "maker_fee": D("0.0001"),
        "taker_fee": D("0.0005"),
        "max_leverage": D(50) if perp else D(1),
        "maintenance_margin": D("0.01") if perp else D(0),
    }
    return Instrument(**(fields | changes))


@dataclass
class Venue:
    """An engine with a clock that ticks one nanosecond per act."""

    engine: Engine
    now: int = 1_000
    ids: int = 0
    outcome: Outcome | None = None
    events: list[PrivateEvent] = field(default_factory=list)
    sequence: int = 0

    def _tick(self) -> int:
        self.now += 1
        return self.now

    def _hear(self, events: Sequence[PrivateEvent]) -> list[PrivateEvent]:
        self.events = list(events)
        return self.events

    # -- market

    def quote(self, bid: float, bid_size: float, ask: float, ask_size: float, symbol: str = PERP) -> list[PrivateEvent]:
        return self._hear(self.engine.on_quote(Quote("paper", symbol, bid, bid_size, ask, ask_size, self._tick())))

    def trade(self, price: float, size: float, side: str, symbol: str = PERP) -> list[PrivateEvent]:
        return self._hear(self.engine.on_trade(Trade("paper", symbol, price, size, side, self._tick())))  # type: ignore[arg-type]

    def bar(
        self, o: float, h: float, lo: float, c: float, volume: float = 1000.0, symbol: str = PERP
    ) -> list[PrivateEvent]:
        now = self._tick()
        return self._hear(self.engine.on_bar(Bar("paper", symbol, "1m", o, h, lo, c, volume, now - 1, now)))

    def book(
        self, bids: list[tuple[float, float]], asks: list[tuple[float, float]], snapshot: bool = True
    ) -> list[PrivateEvent]:
        self.sequence += 1
        previous = 0 if snapshot else self.sequence - 1
        delta = BookDelta(
            "paper", PERP, bids, asks, self._tick(), prev_id=previous, last_id=self.sequence, snapshot=snapshot
        )
        return self._hear(self.engine.on_book(delta))

    def funding(
        self, rate: float, next_ns: int, now: int, mark: float = 0.0, interval: int = 100
    ) -> list[PrivateEvent]:
        return self._hear(self.engine.on_funding(Funding("paper", PERP, rate, mark, next_ns, now, interval)))

    # -- commands

    def place(
        self, side: str, size: str, price: str | None = None, account: str = A, symbol: str = PERP, **more: Any
    ) -> str:
        """Place an order; its client id. Without a price it is a market order."""
        self.ids += 1
        name = more.pop("client_id", f"c{self.ids}")
        share = more.pop("share", 1.0)
        command = Place(
            account=account,
            client_id=name,
            symbol=symbol,
            side=side,  # type: ignore[arg-type]
            type="limit" if price is not None else "market",
            size=D(size),
            price=D(price) if price is not None else None,
            **more,
        )
        self.outcome, events = self.engine.place(command, self._tick(), share)
        self._hear(events)
        return name

    def amend(
        self, name: str, price: str | None = None, size: str | None = None, account: str = A
    ) -> list[PrivateEvent]:
        command = Amend(
            account=account,
            client_id=name,
            venue_id="",
            symbol=PERP,
            price=D(price) if price else None,
            size=D(size) if size else None,
        )
        self.outcome, events = self.engine.amend(command, self._tick())
        return self._hear(events)

    def cancel(self, name: str, account: str = A) -> list[PrivateEvent]:
        command = Cancel(account=account, client_id=name, venue_id="", symbol=PERP)
        self.outcome, events = self.engine.cancel(command, self._tick())
        return self._hear(events)

    # -- what came of it

    @property
    def accepted(self) -> bool:
        return isinstance(self.outcome, Accepted)

    @property
    def reason(self) -> str:
        return getattr(self.outcome, "reason", "")

    @property
    def message(self) -> str:
        return getattr(self.outcome, "message", "")

    def fills(self, name: str = "") -> list[tuple[str, D, D]]:
        """(client id, price, size) of the fills of the last act."""
        found = [event for event in self.events if isinstance(event, Fill) and (not name or event.client_id == name)]
        return [(fill.client_id, fill.price, fill.size) for fill in found]

    def state(self, name: str, account: str = A) -> str:
        found = self.order(name, account)
        return found.state

    def order(self, name: str, account: str = A) -> OrderUpdate:
        found = self.engine.order(account, name)
        assert found is not None
        return found

    def cash(self, account: str = A, asset: str = "USDT") -> D:
        return {each.asset: each.total for each in self.engine.balances(account)}[asset]

    def available(self, account: str = A, asset: str = "USDT") -> D:
        return {each.asset: each.available for each in self.engine.balances(account)}[asset]

    def size(self, account: str = A, symbol: str = PERP) -> D:
        return {each.symbol: each.size for each in self.engine.positions(account)}.get(symbol, D(0))


def venue(leverage: str = "10", balances: dict[str, D] | None = None, **rules: Any) -> Venue:
    engine = Engine("paper", [instrument(PERP), instrument(ETH), instrument(SPOT)], Rules(**rules))
    for name in (A, B):
        engine.open_account(name, balances or {"USDT": D(100_000), "BTC": D(100)}, D(leverage))
    return Venue(engine)
