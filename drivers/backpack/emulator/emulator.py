"""Backpack's REST and WebSocket protocol over a paper market: what ties the parts together.

Accounts are ``main`` and ``second``, with the keys whose seeds are the bytes 0 to 31 and 1 to 32. A third one without a key
trades where a fault needs somebody else to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import ctosd.abi
from ctosd.abi import Conversation, Event, Peer, Ports, Reply, Request, Timer
from drivers.backpack.emulator.accounts import Accounts
from drivers.backpack.emulator.books import Books
from drivers.backpack.emulator.candles import Candles
from drivers.backpack.emulator.desk import Desk
from drivers.backpack.emulator.faults import FAULTS, Faults
from drivers.backpack.emulator.feeds import Feeds
from drivers.backpack.emulator.formats import plain
from drivers.backpack.emulator.history import History
from drivers.backpack.emulator.keys import Keys
from drivers.backpack.emulator.ledger import Ledger
from drivers.backpack.emulator.limits import Limits
from drivers.backpack.emulator.markets import BALANCES, QUOTE, SEED, Markets, settings_of
from drivers.backpack.emulator.orders import Execution, Ticket
from drivers.backpack.emulator.public import Public
from drivers.backpack.emulator.refusals import Refusal
from drivers.backpack.emulator.reporter import Reporter
from drivers.backpack.emulator.rest import Rest
from drivers.backpack.emulator.streams import Hub
from drivers.backpack.emulator.tape import Tape
from drivers.paper.config import AccountConfig, PaperConfig
from drivers.paper.stage import Stage

NAMES = ("main", "second")
HOUSE = "house"
RICHES = Decimal(10) ** 12


class Emulator(ctosd.abi.Emulator):
    """The venue on loopback. `settings` is a `PaperConfig`, or None for the usual market."""

    name = "backpack"
    config: ClassVar[type] = PaperConfig
    faults: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(self, settings: PaperConfig | None, ports: Ports) -> None:
        config = settings_of(settings)
        super().__init__(config, ports)
        accounts = tuple(f"{ports.venue}/{name}" for name in NAMES)
        house = f"{ports.venue}/{HOUSE}"
        seed = SEED if config.market.seed is None else config.market.seed
        self._faults = Faults(f"{seed}/backpack")
        self._stage = Stage(_with_house(config), (*accounts, house), ports)
        self._keys = Keys(accounts)
        self._limits = Limits()
        self._timers: dict[int, Timer] = {}
        self._count = 0
        self._markets = Markets(self._stage.instruments, config)
        self._ledger = Ledger(accounts)
        self._reporter = Reporter(self._ledger, self._now_ns)
        self._books = Books(self._stage, accounts, self._now_ns)
        self._desk = Desk(self._stage, self._markets, self._ledger, self._reporter, self._faults, self._later, house)
        self._accounts = Accounts(self._stage, self._markets, self._desk, accounts, config.leverage, self._now_ns)
        self._build()

    def _build(self) -> None:
        stage, markets, faults, now = self._stage, self._markets, self._faults, self._now_ns
        tape, candles = Tape(self._ledger), Candles(stage, stage.now_ns)
        public = Public(stage, markets, self._books, tape, candles, faults, now)
        history = History(self._ledger, markets, faults, now)
        self._rest = Rest(
            public, self._accounts, self._desk, history, markets, self._keys, self._limits, faults, now, stage.now_ns
        )
        self._hub = Hub(markets, self._keys, faults, now, stage.now_ns, self._later)
        self._feeds = Feeds(stage, markets, self._books, tape, candles, public, self._accounts, self._hub, faults, now)
        self._reporter.tell_private = self._accounts.tell_private = self._hub.publish_private
        self._reporter.on_execution = self._on_execution
        self._reporter.on_filled = self._on_filled
        self._reporter.on_position = self._accounts.hear_position
        self._reporter.on_balance = self._accounts.hear_balance
        stage.on_market = self._feeds.hear
        stage.on_private = self._on_private

    # -- life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._stage.start()
        for market in self._markets.all:
            self._stage.keep_bars(market.symbol, "1m")  # a past that is made up later would not fit what was traded
        self._feeds.start()
        self._stage.every(1.0, self._hub.beat)

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._hub.cut()
        self._stage.stop()

    def _now_ns(self) -> int:
        """The venue's clock."""
        return self._stage.now_ns() + int(self._faults.value("clock_skew") * 1e9)

    def _later(self, delay_ns: int, call: Callable[[], None]) -> None:
        self._count += 1
        number = self._count

        def due() -> None:
            self._timers.pop(number, None)
            call()

        self._timers[number] = self.ports.clock.call_at(self._stage.now_ns() + delay_ns, due)

    # -- what happens -------------------------------------------------------------------------------------------------------

    def _on_private(self, event: Event) -> None:
        self._reporter.hear(event)

    def _on_execution(self, execution: Execution) -> None:
        self._feeds.execute(execution)

    def _on_filled(self, ticket: Ticket) -> None:
        if ticket.attached:
            self._later(0, lambda: self._attach(ticket))

    def _attach(self, ticket: Ticket) -> None:
        try:
            self._desk.attach(ticket)
        except Refusal as refusal:
            self.ports.log.debug("backpack_emulator_attached_refused", order=ticket.id, reason=refusal.message)

    # -- the contract -----------------------------------------------------------------------------------------------------

    def endpoints(self) -> Mapping[str, str]:
        return {"rest": "http:", "ws": "ws:/"}

    def credentials(self) -> Sequence[Mapping[str, str]]:
        return [{"api_key": key.api_key, "api_secret": key.api_secret} for key in self._keys.all]

    def handle(self, request: Request) -> Reply:
        reply = self._rest.answer(request)
        if request.method != "GET":  # orders of accounts stand in the books
            for market in self._markets.all:
                self._feeds.look(market)
        return reply

    def connect(self, request: Request, peer: Peer) -> Conversation | Reply:
        if request.path not in ("", "/"):
            return Refusal("RESOURCE_NOT_FOUND", "Not found").reply()
        if self._faults.value("maintenance"):
            return Refusal("MAINTENANCE", "The exchange is under maintenance").reply()
        return self._hub.connect(peer)

    def set_fault(self, name: str, value: float) -> None:
        self._faults.set(name, value)
        if name == "key_expired":
            self._keys.expired = bool(value)
        elif value and name in ("liquidation", "adl"):
            self._close_positions(name, Decimal(str(value)))
        elif value and name == "cut":
            self._hub.cut()
        elif value and name == "close_notice":
            self._hub.notice()

    def _close_positions(self, cause: str, share: Decimal) -> None:
        """Of every account with a key."""
        engine = self._stage.floor.engine
        for account in self._ledger.books:
            for position in list(engine.positions(account)):
                self._stage.force_close(account, position.symbol, cause, share)

    def statistics(self) -> Mapping[str, Any]:
        engine, accounts = self._stage.floor.engine, self._ledger.statistics()
        for account, told in accounts.items():
            told["positions"] = {each.symbol: plain(each.size) for each in engine.positions(account)}
            told["balances"] = {each.asset: plain(each.total) for each in engine.balances(account)}
        return {
            "limits": self._limits.statistics(self._stage.now_ns()),
            "refused": self._rest.refused,
            "accounts": accounts,
            "sockets": self._hub.statistics(),
            "faults": self._faults.statistics(),
            "stage": self._stage.statistics(),
        }


def _with_house(config: PaperConfig) -> PaperConfig:
    """The settings with an account that can always trade."""
    assets = {QUOTE, *BALANCES, *(symbol.partition("/")[0] for symbol in config.market.symbols)}
    house = AccountConfig(balances=dict.fromkeys(sorted(assets), RICHES))
    return replace(config, accounts={**config.accounts, HOUSE: house})
