"""OKX's REST and WebSocket protocol over a paper market: what ties the parts together.

Two demo accounts, ``main`` and ``second``, whose keys are ``emulator`` and ``emulator2`` in all three fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import ctosd.abi
from ctosd.abi import Conversation, Event, MarketEvent, Peer, Ports, Reply, Request, Timer
from drivers.okx.emulator.accounts import Accounts
from drivers.okx.emulator.algos import Algos
from drivers.okx.emulator.candles import Candles
from drivers.okx.emulator.channels import URLS
from drivers.okx.emulator.deadman import DeadMan
from drivers.okx.emulator.desk import Desk
from drivers.okx.emulator.faults import FAULTS, Faults
from drivers.okx.emulator.feeds import Feeds
from drivers.okx.emulator.figures import plain
from drivers.okx.emulator.history import History
from drivers.okx.emulator.holdings import Holdings
from drivers.okx.emulator.keys import Keys
from drivers.okx.emulator.ledger import Book, Numbers
from drivers.okx.emulator.limits import Limits
from drivers.okx.emulator.listing import SEED, Listing, Market, settings_of
from drivers.okx.emulator.public import Public
from drivers.okx.emulator.refusals import Refusal
from drivers.okx.emulator.reporter import Reporter
from drivers.okx.emulator.rest import Rest
from drivers.okx.emulator.routes import account_routes, public_routes, trade_routes
from drivers.okx.emulator.sockets import Hub
from drivers.okx.emulator.trading import Trading
from drivers.paper.config import PaperConfig
from drivers.paper.stage import Stage

NAMES = ("main", "second")
ALWAYS = ("BTC/USDT:USDT", "BTC/USDT", "ETH/USDT:USDT", "ETH/USDT")
FIRST_UID = 44_705_892_343_619_584
PREFIX = "/ws/v5/"


class Emulator(ctosd.abi.Emulator):
    """The venue on loopback. `settings` is a `PaperConfig`, or None for the usual market."""

    name = "okx"
    config: ClassVar[type] = PaperConfig
    faults: ClassVar[Mapping[str, str]] = FAULTS

    def __init__(self, settings: PaperConfig | None, ports: Ports) -> None:
        config = settings_of(settings)
        super().__init__(config, ports)
        accounts = tuple(f"{ports.venue}/{name}" for name in NAMES)
        seed = SEED if config.market.seed is None else config.market.seed
        self._faults = Faults(f"{seed}/okx")
        self._stage = Stage(config, accounts, ports)
        self._listing = Listing(self._stage.instruments)
        self._keys = Keys(accounts)
        self._limits = Limits()
        self._books = {account: Book(account, str(FIRST_UID + place)) for place, account in enumerate(accounts)}
        self._timers: dict[int, Timer] = {}
        self._count = 0
        self._build(config)

    def _build(self, config: PaperConfig) -> None:
        stage, listing, books, now, clock = self._stage, self._listing, self._books, self._now_ns, self._stage.now_ns
        faults, limits, numbers = self._faults, self._limits, Numbers()
        self._reporter = Reporter(listing, books, numbers, now, self._mark)
        self._desk = Desk(stage, listing, books, self._reporter, numbers, faults, now, config.price_band)
        self._algos = Algos(stage, listing, books, numbers, now)
        self._candles = Candles(stage, self._market_ns)
        self._public = Public(stage, listing, self._candles, self._desk, faults, now)
        self._holdings = Holdings(stage, listing, books, now, self._mark)
        self._deadman = DeadMan(self._desk, books, now, self._later)
        trading = Trading(self._desk, self._algos, listing, limits, now, clock)
        accounts = Accounts(stage, listing, books, self._holdings, now)
        routes = {
            **public_routes(self._public),
            **account_routes(accounts, self._holdings, History(listing, books, now), now),
            **trade_routes(trading, self._desk, self._algos, self._deadman),
        }
        self._rest = Rest(routes, self._keys, limits, faults, now, clock)
        self._hub = Hub(listing, self._keys, trading, limits, faults, now, clock)
        self._feeds = Feeds(stage, listing, books, self._public, self._candles, self._holdings, self._hub, faults, now)
        self._wire()

    def _wire(self) -> None:
        """Who tells whom."""
        stage, reporter, feeds = self._stage, self._reporter, self._feeds
        stage.on_market = self._on_market
        stage.on_private = self._on_private
        stage.on_triggered = self._algos.triggered
        reporter.adopt = self._algos.adopt
        reporter.on_order, reporter.on_trade = feeds.order, feeds.execution
        reporter.on_position, reporter.on_money = feeds.position, feeds.money
        self._algos.tell = feeds.algo
        self._hub.on_subscribed = feeds.subscribed

    # -- life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._stage.start()
        settings: PaperConfig = self.settings
        if settings.market.kind == "synthetic":
            for symbol in (*settings.market.symbols, *ALWAYS):  # the others begin when they are asked for
                self._stage.open(symbol)
        engine = self._stage.floor.engine
        for account in self._books:
            for balance in engine.balances(account):
                self._reporter.remember(account, balance.asset, balance.total)
        self._feeds.start()

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._hub.cut()
        self._stage.stop()

    def _now_ns(self) -> int:
        """The venue's clock."""
        return self._stage.now_ns() + int(self._faults.value("clock_skew") * 1e9)

    def _market_ns(self) -> int:
        """The market's time: a recorded one has the stamps of its recording."""
        settings: PaperConfig = self.settings
        recorded = self._stage.floor.tape.at_ns if settings.market.kind == "recorded" else 0
        return recorded or self._stage.now_ns()

    def _mark(self, market: Market) -> Decimal:
        return self._desk.mark(market)

    def _later(self, delay_ns: int, call: Callable[[], None]) -> Timer:
        self._count += 1
        number = self._count

        def due() -> None:
            self._timers.pop(number, None)
            call()

        timer = self._timers[number] = self.ports.clock.call_at(self._stage.now_ns() + delay_ns, due)
        return timer

    def _on_market(self, event: MarketEvent) -> None:
        self._feeds.hear(event)

    def _on_private(self, event: Event) -> None:
        self._reporter.hear(event)

    # -- the contract -----------------------------------------------------------------------------------------------------

    def endpoints(self) -> Mapping[str, str]:
        return {"rest": "http:", **{url: f"ws:{PREFIX}{url}" for url in URLS}}

    def credentials(self) -> Sequence[Mapping[str, str]]:
        return [
            {"api_key": key.api_key, "api_secret": key.secret, "passphrase": key.passphrase} for key in self._keys.all
        ]

    def handle(self, request: Request) -> Reply:
        return self._rest.answer(request)

    def connect(self, request: Request, peer: Peer) -> Conversation | Reply:
        url = request.path.removeprefix(PREFIX)
        if not request.path.startswith(PREFIX) or url not in URLS:
            return Refusal("404").reply()
        if not self._limits.free(f"ws.connect@{request.remote}", self._stage.now_ns()):
            return Refusal("50011").reply()
        return self._hub.connect(url, peer)

    def set_fault(self, name: str, value: float) -> None:
        was = self._faults.value(name)
        self._faults.set(name, value)
        if name == "key_expired":
            self._keys.expired = bool(value)
            if value:
                self._hub.expire()
        elif name == "live_keys":
            self._keys.live = bool(value)
        elif name == "maintenance" and bool(was) != bool(value):
            self._feeds.maintenance(self._public.maintain(bool(value)))
        elif value and name in ("liquidation", "adl"):
            self._close_positions(name, Decimal(str(value)))
        elif value and name == "cut":
            self._hub.cut()
        elif value and name == "ws_notice":
            self._notice(value)

    def _notice(self, seconds: float) -> None:
        for socket in self._hub.notice():
            close = socket.close
            self._later(int(seconds * 1e9), lambda close=close: close(1000, "service upgrade"))  # type: ignore[misc]

    def _close_positions(self, cause: str, share: Decimal) -> None:
        for account in self._books:
            for position in list(self._stage.floor.engine.positions(account)):
                self._stage.force_close(account, position.symbol, cause, share)

    def statistics(self) -> Mapping[str, Any]:
        engine = self._stage.floor.engine
        accounts = {}
        for account, book in self._books.items():
            accounts[account] = {
                **book.truth(),
                "positions": {each.symbol: plain(each.size) for each in engine.positions(account)},
                "balances": {each.asset: plain(each.total) for each in engine.balances(account)},
                "algos": self._algos.truth(account),
            }
        return {
            "limits": self._limits.statistics(self._stage.now_ns()),
            "rest": self._rest.statistics(),
            "accounts": accounts,
            "sockets": self._hub.statistics(),
            "dead_man": self._deadman.statistics(),
            "faults": self._faults.statistics(),
            "stage": self._stage.statistics(),
        }
