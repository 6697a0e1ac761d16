"""The OKX driver: spot and linear perpetuals, REST and WebSocket, several accounts of one venue."""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from ctosd.abi import (
    AuthFailed,
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
    exact,
    topic,
)
from drivers.okx.account import Account
from drivers.okx.catalogue import Catalogue
from drivers.okx.config import OkxConfig
from drivers.okx.controls import Controls
from drivers.okx.endpoints import addresses, is_live
from drivers.okx.errors import Refused
from drivers.okx.limits import limits
from drivers.okx.link import Link
from drivers.okx.listing import Listing
from drivers.okx.market import Market
from drivers.okx.marketdata import MarketData
from drivers.okx.orders import Orders
from drivers.okx.preflight import Preflight, no_credentials
from drivers.okx.presence import Presence
from drivers.okx.queries import Queries
from drivers.okx.records import Push, StatusRow
from drivers.okx.replies import BROKEN
from drivers.okx.requests import Writer
from drivers.okx.rest import Rest
from drivers.okx.sign import Signer

CLOCK_S = 180.0
LISTING_S = 3_600.0
SOON_NS = 30_000_000_000

read_status = msgspec.json.Decoder(Push[StatusRow]).decode


class Okx(Driver):
    """OKX v5."""

    manifest: ClassVar[Manifest] = Manifest(
        name="okx",
        config=OkxConfig,
        documentation="OKX: spot and linear perpetuals, demo and live.",
        can_amend=True,
        can_batch=True,
        can_hedge=True,
        can_trigger=True,
        has_dead_man=True,
        limits=limits(),
        emulator_credentials={"api_key": "emulator", "api_secret": "emulator", "passphrase": "emulator"},
        expiry_ms=5_000,
        grace_ms=10_000,
    )

    def __init__(self, config: OkxConfig, accounts: Sequence[str], ports: Ports) -> None:
        super().__init__(config, accounts, ports)
        self._addresses = addresses(config)
        demo, hedge = config.environment == "demo", config.position_mode == "hedge"
        self._listing = Listing(ports.venue)
        signers = {name: Signer.of(name, ports.secrets.get(name, {}), simulated=demo) for name in accounts}
        self._accounts = {name: Account(name, signer, self._listing) for name, signer in signers.items()}
        self._rest = Rest(self._addresses["rest"], ports, simulated=demo)
        self._rest.on_refusal = self._refused
        self._catalogue = Catalogue(ports, self._listing, self._rest)
        self._data = MarketData(ports, self._listing, self._rest)
        self._market = Market(config, ports, self._listing, self._data, self._addresses)
        self._queries = Queries(ports, self._listing, self._rest, config.history_days)
        self._controls = Controls(
            ports, self._listing, self._rest, self._queries, config.tag, config.margin, hedge=hedge
        )
        self._preflight = Preflight(config, self._listing, self._rest, self._queries, self._controls)
        writer = Writer(config.tag, config.margin, config.position_mode)
        websocket = config.orders == "websocket"
        self._orders = Orders(ports, self._listing, self._rest, writer, self._accounts, websocket=websocket)
        self._orders.price_of = self._price
        self._presence = Presence(ports, self._rest, config.environment, self._broken_link)
        self._started = self._stopped = False
        self._asked_clock_ns = 0

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        if self._started and not self._stopped:
            return
        self._stopped = False
        try:
            await self._rest.read_clock()
            await self._ask_status()
            await self._list()
            for account in self._accounts.values():
                if account.has_keys:
                    await self._check(account)
            await self._market.start()
            self._watch_status()
            await self._connect()
        except Refused as error:
            await self._disconnect()
            if error.reason != "auth":
                raise
            raise AuthFailed(
                f"{error}; make a key for {self.config.environment} trading in region {self.config.region}"
            ) from None
        except BaseException:
            await self._disconnect()
            raise
        self._started = True
        self._presence.begin()
        for name, coroutine in (("clock", self._keep_time()), ("listing", self._keep_listing())):
            self.ports.spawn(f"{self.venue}-{name}", coroutine)

    async def stop(self) -> None:
        self._stopped = True
        await self._disconnect()

    async def _connect(self) -> None:
        for account in self._accounts.values():
            if account.has_keys:
                link = Link(account, self.ports, self._listing, self._addresses, self._rest.venue_ns)
                link.when_changed, link.when_skewed = self._link_changed, self._ask_clock
                self._orders.links[account.name] = link
                await link.start()

    async def _disconnect(self) -> None:
        links = list(self._orders.links.values())
        self._orders.links.clear()
        for link in links:
            await link.stop()
        await self._market.stop()

    async def _check(self, account: Account) -> None:
        """Raises `Misconfigured` with the remedy when no order of the account may leave."""
        for finding in await self._preflight(account):
            if finding.blocks:
                raise Misconfigured(f"{account.name}: {finding.subject}: {finding.message}; {finding.remedy}")
            if not finding.ok:
                self.ports.log.warning(
                    "okx_preflight",
                    account=account.name,
                    subject=finding.subject,
                    reason=finding.message,
                    remedy=finding.remedy,
                )

    async def _list(self) -> None:
        """Raises `NotReady`."""
        await self._catalogue.read(next((each for each in self._accounts.values() if each.has_keys), None))
        self._market.decoder.forget()

    # -- what goes on beside --------------------------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        while not self._stopped:
            await self.ports.clock.sleep(CLOCK_S)
            await self._read_clock()

    async def _read_clock(self) -> None:
        try:
            await self._rest.read_clock()
        except NotReady as error:
            self.ports.log.warning("okx_clock_unread", venue=self.venue, reason=str(error))

    async def _keep_listing(self) -> None:
        while not self._stopped:
            await self.ports.clock.sleep(LISTING_S)
            await self._relist()

    async def _relist(self) -> None:
        try:
            await self._list()
        except NotReady as error:
            self.ports.log.warning("okx_listing_old", venue=self.venue, reason=str(error))

    def _refused(self, reason: str, costs: Costs) -> None:
        """A refusal that says something of more than its own request."""
        now_ns = self.ports.clock.now_ns()
        if not self._started or self._stopped:
            return
        if reason == "timestamp":
            self._ask_clock()
        elif reason == "maintenance":
            self._presence.suspect()
        elif reason in {"filter", "bad_symbol"} and now_ns - self._catalogue.read_ns > SOON_NS:
            self._catalogue.read_ns = now_ns
            self.ports.spawn(f"{self.venue}-relist", self._relist())

    def _ask_clock(self) -> None:
        now_ns = self.ports.clock.now_ns()
        if now_ns - self._asked_clock_ns > SOON_NS:
            self._asked_clock_ns = now_ns
            self.ports.spawn(f"{self.venue}-clock-now", self._read_clock())

    # -- presence -------------------------------------------------------------------------------------------------------

    def _broken_link(self) -> str:
        links = self._orders.links.values()
        if not links:
            return "" if self._market.up else "the market connections are down"
        return next((link.reason or "down" for link in links if not link.up), "")

    def _link_changed(self, link: Link, resumed: bool) -> None:
        self._presence.changed()
        if resumed:
            self.ports.spawn(f"{self.venue}-money", self._tell_money(link.account))

    async def _tell_money(self, account: Account) -> None:
        """Balances and positions as they stand, after a time in which nobody told."""
        name = topic("private", self.venue)
        try:
            balances = await self._queries.balances(account)
            positions = await self._queries.positions(account)
        except NotReady as error:
            self.ports.log.warning("okx_money_unread", account=account.name, reason=str(error))
            return
        for balance in balances:
            self.ports.publish(name, balance)
        for position in positions:
            self.ports.publish(name, position)

    async def _ask_status(self) -> None:
        try:
            await self._presence.ask()
        except NotReady as error:
            self.ports.log.warning("okx_status_unread", venue=self.venue, reason=str(error))

    def _watch_status(self) -> None:
        self._market.public.raw["status"] = self._hear_status
        self._market.public.when_up = lambda resumed: self._presence.changed()
        if self.ports.open_session is not None:
            self._market.session("public").want("status", first_s=0.0)

    def _hear_status(self, frame: bytes) -> None:
        try:
            rows = read_status(frame).data
        except BROKEN:
            return
        self._presence.hear(rows)

    # -- market ---------------------------------------------------------------------------------------------------------

    def instruments(self) -> Sequence[Instrument]:
        return [product.instrument for product in self._listing]

    async def subscribe(self, channel: Channel, symbol: str, timeframe: str = "") -> None:
        self._market.subscribe(channel, symbol, timeframe)

    async def fetch_quote(self, symbol: str) -> Quote:
        return await self._data.quote(symbol)

    async def fetch_orderbook(self, symbol: str, level: int) -> BookDelta:
        return await self._data.book(symbol, level)

    async def fetch_klines(
        self, symbol: str, timeframe: str, limit: int, start_ns: int = 0, end_ns: int = 0
    ) -> Sequence[Bar]:
        return await self._data.bars(symbol, timeframe, limit, start_ns, end_ns)

    async def fetch_funding(self, symbol: str) -> Funding | None:
        return await self._data.funding(symbol)

    async def _price(self, symbol: str) -> Decimal:
        quote = await self._data.quote(symbol)
        return exact(quote.mid)

    # -- trading --------------------------------------------------------------------------------------------------------

    @property
    def written(self) -> int:
        return self._orders.written

    def submit(self, command: Command) -> Coroutine[Any, Any, Outcome]:
        return self._orders.submit(command)

    async def submit_batch(self, commands: Sequence[Command]) -> Sequence[Outcome]:
        return await self._orders.submit_batch(commands)

    def costs(self, command: Command) -> Costs:
        return self._orders.costs(command)

    async def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None:
        await self._controls.set_leverage(self._account(account), symbol, leverage)

    async def cancel_everything(self, account: str, symbol: str = "") -> None:
        native = self._listing.find(symbol).native if symbol else ""
        await self._controls.cancel_everything(self._keyed(account), native)

    async def refresh_dead_man(self, account: str, symbols: Collection[str], timeout_s: float) -> None:
        await self._controls.refresh_dead_man(self._keyed(account), symbols, timeout_s)

    # -- queries --------------------------------------------------------------------------------------------------------

    def _account(self, name: str) -> Account:
        try:
            return self._accounts[name]
        except KeyError:
            raise CallerMistake(
                f"{name!r} is not an account of {self.venue}; known: {', '.join(self.accounts)}"
            ) from None

    def _keyed(self, name: str) -> Account:
        """Raises `NotReady` for an account without credentials: the venue cannot be asked about it."""
        account = self._account(name)
        if not account.has_keys:
            raise NotReady(f"{name} has no credentials")
        return account

    async def fetch_order(self, account: str, symbol: str, client_id: str) -> OrderUpdate | None:
        return await self._queries.order(self._keyed(account), self._listing.find(symbol), client_id)

    async def fetch_open_orders(self, account: str, symbol: str = "") -> Sequence[OrderUpdate]:
        owner = self._account(account)
        native = self._listing.find(symbol).native if symbol else ""
        if not owner.has_keys:
            return ()
        found = await self._queries.open_orders(owner, native)
        link = self._orders.links.get(account)
        if owner.conditionals.armed and link is not None and not link.watches_conditionals:
            self.ports.spawn(f"{self.venue}-conditionals", self._watch_conditionals(link))
        return found

    async def _watch_conditionals(self, link: Link) -> None:
        """Conditional orders from before the start: from now on their stream is heard."""
        try:
            await link.watch_conditionals()
        except (NotReady, AuthFailed) as error:
            self.ports.log.warning("okx_conditionals_unheard", account=link.account.name, reason=str(error))

    async def fetch_fills(self, account: str, since_ns: int) -> Sequence[Fill]:
        owner = self._account(account)
        return await self._queries.fills(owner, since_ns) if owner.has_keys else ()

    async def fetch_balances(self, account: str) -> Sequence[Balance]:
        owner = self._account(account)
        return await self._queries.balances(owner) if owner.has_keys else ()

    async def fetch_positions(self, account: str) -> Sequence[Position]:
        owner = self._account(account)
        return [each for each in await self._queries.positions(owner) if each.size] if owner.has_keys else ()

    async def fetch_funding_payments(self, account: str, since_ns: int) -> Sequence[FundingPayment]:
        owner = self._account(account)
        return await self._queries.funding_payments(owner, since_ns) if owner.has_keys else ()

    async def fetch_clock(self) -> ClockReading:
        return await self._rest.read_clock()

    async def preflight(self, account: str, consent: Collection[str] = ()) -> Sequence[Finding]:
        owner = self._account(account)
        return await self._preflight(owner, consent) if owner.has_keys else [no_credentials(account)]

    # -- what it is -----------------------------------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        return is_live(self.config, self._addresses["rest"])

    def endpoints(self) -> Mapping[str, str]:
        return dict(self._addresses)

    def statistics(self) -> Mapping[str, Any]:
        return {
            "environment": self.config.environment,
            "presence": self._presence.statistics(),
            "listing": self._listing.statistics(),
            "rest": self._rest.statistics(),
            "market": self._market.statistics(),
            "orders": self._orders.statistics(),
            "accounts": {name: link.statistics() for name, link in self._orders.links.items()},
        }
