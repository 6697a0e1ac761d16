"""The stage of an emulator: a paper market with its matching engine and accounts, behind no protocol at all.

A venue's emulator puts its own REST and WebSocket protocol before it. Everything here is a plain function on the clock of
its ports; what happens is told to one listener, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import (
    Accepted,
    Bar,
    BookDelta,
    CallerMistake,
    Cancel,
    Command,
    Event,
    Fill,
    Funding,
    Instrument,
    MarketEvent,
    OrderUpdate,
    Outcome,
    Place,
    Ports,
    Quote,
    Rejected,
    Timer,
    Trade,
    VenueStatus,
)
from drivers.paper.conditional import Conditionals
from drivers.paper.config import PaperConfig
from drivers.paper.floor import Floor
from drivers.paper.shelves import Shelves

TRADES_KEPT = 1_000


class Stage:
    """`on_market` hears quotes, trades, bars and funding of the symbols that are open; `on_private` what concerns accounts.

    `on_triggered(place, outcome)` hears of a conditional order that became active, after what it did was told.
    """

    def __init__(self, config: PaperConfig, accounts: Sequence[str], ports: Ports) -> None:
        self._clock = ports.clock
        self.venue = ports.venue
        self.accounts = tuple(accounts)
        self.on_market: Callable[[MarketEvent], None] = lambda event: None
        self.on_private: Callable[[Event], None] = lambda event: None
        self.on_triggered: Callable[[Place, Outcome], None] = lambda place, outcome: None
        self.trades: dict[str, list[Trade]] = {}
        self.conditionals = Conditionals()
        self._timers: list[Timer] = []
        self._running = False
        self._told = 0
        self.floor = Floor(config, self.accounts, replace(ports, publish=self._hear))

    # -- life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._running = True
        self.floor.start()

    def stop(self) -> None:
        self._running = False
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.floor.stop()

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Call `call` every so often until `stop`."""
        slot = len(self._timers)

        def due() -> None:
            if self._running:
                self._timers[slot] = self._clock.call_at(self.now_ns() + int(seconds * 1e9), due)
                call()

        self._timers.append(self._clock.call_at(self.now_ns() + int(seconds * 1e9), due))

    # -- market ---------------------------------------------------------------------------------------------------------

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        return self.floor.instruments

    def open(self, symbol: str) -> None:
        """Let the market of a symbol flow. Raises `CallerMistake` for one that is not listed."""
        self.floor.board.listed(symbol)
        self.floor.board.open(symbol)
        self.floor.board.subscribe("quotes", symbol, "")

    def keep_bars(self, symbol: str, timeframe: str) -> None:
        """From now on closed bars of this timeframe are told."""
        self.floor.board.subscribe("bars", symbol, timeframe)

    def quote(self, symbol: str) -> Quote:
        return self.floor.board.quote(symbol)

    def book(self, symbol: str, levels: int) -> BookDelta:
        """The present book as a snapshot, best first; it carries no ids."""
        return self.floor.board.orderbook(symbol, levels)

    def shelves(self, symbol: str, levels: int) -> Shelves | None:
        """The same book for those who look often: its `turn` works out only what changed. None for a recorded market."""
        return self.floor.board.shelves(symbol, levels)

    def klines(self, symbol: str, timeframe: str, limit: int, start_ns: int = 0, end_ns: int = 0) -> list[Bar]:
        """Closed bars, oldest first."""
        return self.floor.board.klines(symbol, timeframe, limit, start_ns, end_ns)

    def funding(self, symbol: str) -> Funding | None:
        return self.floor.board.funding(symbol)

    def last_price(self, symbol: str) -> float:
        """Of the last trade, else the middle of the quote."""
        trades = self.trades.get(symbol)
        return trades[-1].price if trades else self.quote(symbol).mid

    # -- commands ---------------------------------------------------------------------------------------------------------

    def execute(self, command: Command, share: float = 1.0) -> Outcome:
        """Carry a command out. What it caused was told when this returns; `share` cuts what a taker gets at once."""
        if isinstance(command, Place) and command.trigger is not None:
            return self._wait(command)
        if isinstance(command, Cancel) and self.conditionals.remove(command.account, command.client_id) is not None:
            return Accepted(client_id=command.client_id, venue_id=command.venue_id, time_ns=self.now_ns())
        return self.floor.execute(command, share)

    def _wait(self, place: Place) -> Outcome:
        if place.symbol not in self.instruments:
            message = f"Invalid symbol: {place.symbol}"
            return Rejected(client_id=place.client_id, reason="bad_symbol", message=message, time_ns=self.now_ns())
        if self.conditionals.find(place.account, place.client_id) or self.order(place.account, place.client_id):
            message = f"client id {place.client_id} is in use"
            return Rejected(
                client_id=place.client_id, reason="duplicate_client_id", message=message, time_ns=self.now_ns()
            )
        self.open(place.symbol)
        self.conditionals.add(place, self.last_price(place.symbol))
        return Accepted(client_id=place.client_id, venue_id="", time_ns=self.now_ns())

    def _trigger(self, symbol: str, price: float) -> None:
        for place in self.conditionals.reached(symbol, price):
            outcome = self.floor.execute(msgspec.structs.replace(place, trigger=None, expires_ns=0))
            self.on_triggered(place, outcome)

    def cancel_all(self, account: str, symbol: str = "") -> int:
        """Cancel every open order of the book (conditional ones apart); how many there were."""
        engine = self.floor.engine
        count = len(engine.open_orders(account, symbol))
        self.floor.tell(engine.cancel_all(account, symbol, self.now_ns()))
        return count

    def force_close(self, account: str, symbol: str, cause: str, share: Decimal = Decimal(1)) -> Fill | None:
        """The venue itself closes a position, or a part of it: `cause` is ``liquidation`` or ``adl``. None when it is flat."""
        events = self.floor.force_close(account, symbol, cause, share)
        return next((event for event in events if isinstance(event, Fill)), None)

    def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None:
        """Raises `CallerMistake`."""
        self.floor.set_leverage(account, symbol, leverage)

    # -- questions; accounts by their full names ----------------------------------------------------------------------------

    def order(self, account: str, client_id: str = "", venue_id: str = "") -> OrderUpdate | None:
        """An order, open or closed, by either id."""
        return self.floor.engine.order(account, client_id, venue_id)

    def account(self, account: str) -> str:
        """Raises `CallerMistake` for an account that does not exist."""
        if account not in self.accounts:
            raise CallerMistake(f"{account!r} is not an account of {self.venue}")
        return account

    # -- what happens -------------------------------------------------------------------------------------------------------

    def _hear(self, name: str, event: Event) -> None:
        self._told += 1
        if isinstance(event, VenueStatus):
            return
        if isinstance(event, Trade):
            self._keep(event)
        if isinstance(event, MarketEvent):
            self.on_market(event)
            if isinstance(event, Trade | Quote):
                price = event.price if isinstance(event, Trade) else event.mid
                self._trigger(event.symbol, price)
        else:
            self.on_private(event)

    def _keep(self, trade: Trade) -> None:
        kept = self.trades.setdefault(trade.symbol, [])
        kept.append(trade)
        if len(kept) > 2 * TRADES_KEPT:
            del kept[:TRADES_KEPT]

    def statistics(self) -> dict[str, Any]:
        return {"told": self._told, **self.conditionals.statistics(), **self.floor.statistics()}
