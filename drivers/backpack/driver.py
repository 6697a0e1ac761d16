"""The Backpack driver: perpetuals and spot of one venue, several accounts, behind the verbs of every driver.

What Backpack has not: amending (cancel, then place), a dead-man switch, orders over WebSocket, hedge mode, a demo.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from ctosd.abi import (
    Balance,
    Bar,
    BookDelta,
    CallerMistake,
    Channel,
    ClockReading,
    Command,
    Costs,
    Driver,
    Fill,
    Finding,
    Funding,
    FundingPayment,
    Instrument,
    Manifest,
    Misconfigured,
    NotReady,
    OrderUpdate,
    Outcome,
    Ports,
    Position,
    Quote,
    Session,
)
from drivers.backpack.account import Account
from drivers.backpack.config import AccountConfig, BackpackConfig, endpoints_of, is_loopback
from drivers.backpack.desk import Desk
from drivers.backpack.limits import LIMITS, cost
from drivers.backpack.listing import Market
from drivers.backpack.private import BALANCES
from drivers.backpack.records import Settings
from drivers.backpack.sign import Signer
from drivers.backpack.streams import stream_of

QUIET: Mapping[Channel, tuple[float, float]] = {
    "quotes": (120.0, 30.0),
    "book": (0.0, 0.0),
    "trades": (0.0, 0.0),
    "bars": (0.0, 0.0),
    "funding": (120.0, 30.0),
}
"""How long a stream may be silent, and how soon its first message must come, in seconds; a calm market trades seldom."""

PRIVATE_NS = 15_000_000_000
"""How long a start waits for the private subscriptions to be in force."""

BUSY = ("BTC", "ETH", "SOL")
"""Coins whose quotes never rest, the busiest first."""


class Backpack(Driver):
    """Backpack Exchange."""

    manifest: ClassVar[Manifest] = Manifest(
        name="backpack",
        config=BackpackConfig,
        documentation="Backpack Exchange: perpetuals and spot, settled in USDC. No demo, no amending, no dead-man switch.",
        keeps_store=True,
        can_amend=False,
        can_batch=True,
        can_trigger=True,
        limits=LIMITS,
        emulator_credentials={  # the Ed25519 seed 00 01 … 1f
            "api_key": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
            "api_secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        },
        expiry_ms=5_000,
        grace_ms=10_000,
    )

    def __init__(self, config: BackpackConfig, accounts: Sequence[str], ports: Ports) -> None:
        super().__init__(config, accounts, ports)
        self._endpoints: dict[str, str] = {}
        self._desk: Desk | None = None
        self._public: Session | None = None
        self._sessions: list[Session] = []
        self._costs: dict[str, Costs] = {account: cost(account) for account in accounts}

    @property
    def desk(self) -> Desk:
        """The parts. Raises `NotReady` before the start."""
        if self._desk is None:
            raise NotReady(f"{self.venue} has not started")
        return self._desk

    @property
    def live(self) -> bool:
        try:
            return not is_loopback(endpoints_of(self.config)["rest"])
        except Misconfigured:
            return False  # there is nothing to connect to

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the venue and every account, then open the sessions. Raises `NotReady`, `AuthFailed` or `Misconfigured`."""
        if self._desk is not None:
            return  # asked again because something else was not ready
        endpoints = endpoints_of(self.config)
        desk = Desk(self.config, endpoints, self._open_accounts(), self.ports)
        await self._read(desk)
        try:
            await self._connect(desk, endpoints)
        except BaseException:
            await self._hang_up(desk)
            raise
        self._endpoints, self._desk = endpoints, desk
        desk.standing.begin()
        desk.upkeep.start()

    def _open_accounts(self) -> list[Account]:
        opened = []
        for name in self.accounts:
            settings = self.config.accounts.get(name.partition("/")[2], AccountConfig())
            opened.append(Account(name, settings, Signer.of(self.ports.secrets.get(name, {}))))
        return opened

    async def _read(self, desk: Desk) -> None:
        maintenance = await desk.market.maintenance()
        if maintenance:
            raise NotReady(f"{self.venue} is in maintenance: {maintenance}")
        await desk.upkeep.read_clock()
        if abs(desk.rest.skew.offset_ns) and (unsure := desk.rest.skew.refusal(self.ports.clock.now_ns())):
            self.ports.log.warning("backpack_clock_unsure", venue=self.venue, reason=unsure)
        fees: Settings | None = None
        for account in desk.accounts.values():
            if account.signer is not None:
                await desk.preflight.demand(account)
                fees = fees or account.settings
        await desk.market.load(fees or Settings())

    async def _connect(self, desk: Desk, endpoints: Mapping[str, str]) -> None:
        if self.ports.open_session is None:
            raise Misconfigured(f"{self.venue} needs the network, and no sessions were handed to its driver")
        public = desk.books.session = self._public = self.ports.open_session(desk.public)
        self._sessions = [public]
        busy = desk.public.busy = self._busy(desk)
        if busy:
            public.want(busy, first_s=0.0)
        await public.start()
        for account in desk.accounts.values():
            if account.signer is None:
                continue
            dialect = desk.private(account, account.signer, endpoints["private"], busy)
            session = self.ports.open_session(dialect)
            self._sessions.append(session)
            for stream in dialect.streams:
                session.want(stream, first_s=0.0)
            if self.config.balance_stream:
                session.want(BALANCES, first_s=0.0)
            await session.start()
        await self._confirmed(desk)

    async def _confirmed(self, desk: Desk) -> None:
        """Wait until every private subscription is in force. Raises `NotReady`."""
        clock = self.ports.clock
        deadline_ns = clock.now_ns() + PRIVATE_NS
        while not desk.standing.up:
            if clock.now_ns() > deadline_ns:
                raise NotReady(f"{self.venue}: {desk.standing.reason}")
            await clock.sleep(0.02)

    def _busy(self, desk: Desk) -> str:
        """The quotes of the busiest market that is listed."""
        best = min(desk.listing.by_symbol.values(), key=_rank, default=None)
        return stream_of("quotes", best) if best is not None else ""

    async def stop(self) -> None:
        if self._desk is not None:
            await self._hang_up(self._desk)
            self._desk = None

    async def _hang_up(self, desk: Desk) -> None:
        desk.standing.end()
        desk.upkeep.stop()
        desk.books.stop()
        sessions, self._sessions = self._sessions, []
        for session in sessions:
            await session.stop()

    # -- market ---------------------------------------------------------------------------------------------------------

    def instruments(self) -> Sequence[Instrument]:
        return tuple(market.instrument for market in self.desk.listing.by_symbol.values())

    async def subscribe(self, channel: Channel, symbol: str, timeframe: str = "") -> None:
        market = self.desk.listing.market(symbol)
        if channel == "funding" and not market.interval_ns:
            return  # spot has none
        stream = stream_of(channel, market, timeframe)
        quiet_s, first_s = QUIET[channel]
        self.desk.public.add(stream, channel, market, timeframe)
        if self._public is not None:
            self._public.want(stream, quiet_s=quiet_s, first_s=first_s)

    async def fetch_quote(self, symbol: str) -> Quote:
        return await self.desk.market.quote(symbol)

    async def fetch_orderbook(self, symbol: str, level: int) -> BookDelta:
        return await self.desk.market.book(symbol, level)

    async def fetch_klines(
        self, symbol: str, timeframe: str, limit: int, start_ns: int = 0, end_ns: int = 0
    ) -> Sequence[Bar]:
        return await self.desk.market.klines(symbol, timeframe, limit, start_ns, end_ns)

    async def fetch_funding(self, symbol: str) -> Funding | None:
        return await self.desk.market.funding(symbol)

    # -- trading --------------------------------------------------------------------------------------------------------

    @property
    def written(self) -> int:
        return self.desk.trading.written

    async def submit(self, command: Command) -> Outcome:
        desk = self.desk
        return await desk.trading.submit(desk.accounts[command.account], command)

    async def submit_batch(self, commands: Sequence[Command]) -> Sequence[Outcome]:
        if not commands:
            return []
        desk = self.desk
        return await desk.trading.submit_batch(desk.accounts[commands[0].account], commands)

    def costs(self, command: Command) -> Costs:
        return self._costs[command.account]

    async def cancel_everything(self, account: str, symbol: str = "") -> None:
        await self.desk.clearing.cancel(self._own(account), symbol)

    async def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None:
        """Backpack has one leverage for the whole account, so this is done only where the configuration allows it."""
        own = self._own(account)
        self.desk.listing.market(symbol)
        if own.settings is not None and own.settings.leverage_limit == leverage:
            return
        if not own.config.set_leverage:
            raise CallerMistake(
                f"Backpack keeps one leverage for the whole account (now {own.leverage.normalize():f}); it is changed only"
                f" with `set_leverage: true` under accounts: {account.partition('/')[2]}: of {self.venue}"
            )
        await self.desk.preflight.set_leverage(own, leverage)

    # -- queries --------------------------------------------------------------------------------------------------------

    def _own(self, account: str) -> Account:
        try:
            return self.desk.accounts[account]
        except KeyError:
            known = ", ".join(self.accounts)
            raise CallerMistake(f"{account!r} is not an account of {self.venue}; known: {known}") from None

    async def fetch_order(self, account: str, symbol: str, client_id: str) -> OrderUpdate | None:
        return await self.desk.queries.order(self._own(account), symbol, client_id)

    async def fetch_open_orders(self, account: str, symbol: str = "") -> Sequence[OrderUpdate]:
        own = self._own(account)
        return await self.desk.queries.open_orders(own, symbol) if own.signer is not None else ()

    async def fetch_fills(self, account: str, since_ns: int) -> Sequence[Fill]:
        own = self._own(account)
        return await self.desk.queries.fills(own, since_ns) if own.signer is not None else ()

    async def fetch_balances(self, account: str) -> Sequence[Balance]:
        own = self._own(account)
        return await self.desk.queries.balances(own) if own.signer is not None else ()

    async def fetch_positions(self, account: str) -> Sequence[Position]:
        own = self._own(account)
        return await self.desk.queries.positions(own) if own.signer is not None else ()

    async def fetch_funding_payments(self, account: str, since_ns: int) -> Sequence[FundingPayment]:
        own = self._own(account)
        return await self.desk.queries.payments(own, since_ns) if own.signer is not None else ()

    # -- what venues have beyond that -----------------------------------------------------------------------------------

    async def fetch_clock(self) -> ClockReading:
        return await self.desk.upkeep.read_clock()

    async def preflight(self, account: str, consent: Collection[str] = ()) -> Sequence[Finding]:
        return await self.desk.preflight.look(self._own(account), consent)

    def endpoints(self) -> Mapping[str, str]:
        return self._endpoints or endpoints_of(self.config)

    def statistics(self) -> Mapping[str, Any]:
        if self._desk is None:
            return {"started": False}
        sessions = {f"session {number}": dict(each.statistics()) for number, each in enumerate(self._sessions)}
        return {"started": True, **self._desk.statistics(), "sessions": sessions}


def _rank(market: Market) -> tuple[int, bool]:
    """The lower, the busier."""
    base = market.instrument.base
    return BUSY.index(base) if base in BUSY else len(BUSY), market.instrument.kind != "perp"
