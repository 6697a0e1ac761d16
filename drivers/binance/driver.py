"""Binance USDⓈ-M futures or spot, live or demo: the driver that joins the parts.

One venue entry is one product (`product: usdm` or `spot`). The two have other hosts, keys, limit pools, stream rules and
error codes, and the same symbol at both is not the same market; two entries keep all of that apart, and a process that
trades one of them opens no connection to the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

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
    MarketEvent,
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
from drivers.binance import instruments, limits
from drivers.binance.account import Account
from drivers.binance.books import Books
from drivers.binance.config import BinanceConfig
from drivers.binance.endpoints import addresses, is_live
from drivers.binance.fills import Fills
from drivers.binance.history import History
from drivers.binance.market import Market
from drivers.binance.orders import OrderEntry
from drivers.binance.payments import Payments
from drivers.binance.preflight import Preflight
from drivers.binance.presence import Presence
from drivers.binance.privates import Privates
from drivers.binance.publics import Publics
from drivers.binance.rest import Rest
from drivers.binance.sign import Signer, signer
from drivers.binance.streams import check_depth, stream
from drivers.binance.sweep import Sweep
from drivers.binance.upkeep import Upkeep
from drivers.binance.wire import Decoder

FUNDING_S = 15.0  # a stream that speaks every second and is silent for so long is stale
DAY_MS = 86_400_000
MOST_LEVERAGE = 125


class Binance(Driver):
    """One product of Binance."""

    manifest: ClassVar[Manifest] = Manifest(
        name="binance",
        config=BinanceConfig,
        documentation="Binance USDⓈ-M futures or spot (`product:`), live or demo, one product a venue entry.",
        keeps_store=True,
        can_batch=True,
        can_trigger=True,
        has_dead_man=True,
        limits=limits.limits("usdm"),
        emulator_credentials={"api_key": "emulator", "api_secret": "emulator"},
    )

    def __init__(self, config: BinanceConfig, accounts: Sequence[str], ports: Ports) -> None:
        super().__init__(config, accounts, ports)
        self.product = config.product
        if config.product == "spot":
            # The declared abilities and limits are those of the product: this object's manifest hides the class's.
            self.manifest = replace(  # type: ignore[misc]
                self.manifest, limits=limits.limits("spot"), can_batch=False, has_dead_man=False
            )
        self._addresses = addresses(config)
        self._instruments: list[Instrument] = []
        self.natives: dict[str, str] = {}  # unified symbol -> Binance's
        self.symbols: dict[str, str] = {}  # Binance's -> unified
        self._signers: dict[str, Signer | None] = {}
        self.book: dict[str, Account] = {}  # the accounts by their names
        self.pools = limits.Pools(config.product)
        self.rest = Rest(config.product, self._addresses["rest"], ports, self.pools, self._signers)
        self.presence = Presence(ports)
        self.market = Market(self.rest, ports, self.natives)
        self.history = History(self.rest, ports, self.book, self.natives, self.symbols)
        self._fills = Fills(
            self.rest, ports, self.history, self.natives, self.symbols,
            always=config.symbols, history_ms=int(config.history_days * DAY_MS),
        )  # fmt: skip
        self.orders = OrderEntry(
            self.rest, ports, self.pools, self.book, self.natives, price=self._price, find=self.history.order
        )
        self.sweep = Sweep(self.rest, ports.clock, self.natives)
        self.payments = Payments(self.rest, self.symbols)
        self.privates = Privates(
            self.rest, ports, self.pools, self.presence, self.history, self.payments, self._addresses,
            over_socket=config.orders == "websocket",
        )  # fmt: skip
        self.publics = Publics(config.product, self._addresses, ports, self.pools)
        self.books = Books(config.product, ports, self.market.snapshot, self._renew_book)
        self._decoder = Decoder(ports.venue, self.symbols)
        self._depths: dict[str, str] = {}  # stream -> symbol
        self._flowing: set[tuple[str, str, str]] = set()
        self._bridges: dict[str, Callable[[], Awaitable[None]]] = {}  # stream -> what tells the same by query
        self.upkeep = Upkeep(self.rest, ports, self.presence, self._read_instruments)
        self.rest.on_verdict = self.upkeep.note
        self._started = self._attended = False
        self.publics.on_subscribed = self._on_subscribed
        self.publics.on_lost = self._on_lost
        self.publics.on_silent = self._bridge

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        if self._started:
            return
        await self._close()  # what a failed attempt left behind
        try:
            await self._connect()
        except BaseException:
            await self._close()
            raise
        self._started = self.upkeep.running = True
        if not self._attended:
            self._attended = True
            self.ports.spawn(f"clock-{self.venue}", self.upkeep.attend())
            self.ports.spawn(f"books-{self.venue}", self.books.tend())
        self.presence.open()

    async def _connect(self) -> None:
        check_depth(self.product, self.config.depth_ms)
        for name in self.accounts:
            self._signers[name] = signer(self.ports.secrets.get(name, {}))
        await self.rest.read_clock()
        await self._read_instruments()
        for name in self.accounts:
            self.book[name] = Account(name, self._signers[name], self.symbols, self.ports.store, self.ports.clock)
        for account in self.book.values():
            if account.signer is not None:
                for finding in await self._look().obstacles(account):
                    error = AuthFailed if finding.subject == "credentials" else Misconfigured
                    raise error(f"{account.name}: {finding.subject}: {finding.message}; {finding.remedy}")
                await self.privates.start(account)

    async def stop(self) -> None:
        self._started = self.upkeep.running = False
        await self._close()

    async def _close(self) -> None:
        self.presence.close()
        await asyncio.gather(self.publics.stop(), self.privates.stop())
        self._flowing.clear()

    async def _read_instruments(self) -> None:
        info = await self.rest.read("instruments")
        if not isinstance(info, dict):
            raise NotReady("the list of instruments cannot be read")
        differing = self.pools.adopt(info.get("rateLimits", ()))
        if differing:
            self.orders.forget_costs()
            self.ports.log.info("limits_differ", venue=self.venue, limits=", ".join(differing))
        found, unread = instruments.read(self.product, self.venue, info)
        if unread:
            self.ports.log.warning("instruments_unread", venue=self.venue, count=len(unread), symbols=unread[:5])
        if not found:
            raise NotReady("the venue lists no instrument that can be traded")
        keyed = next((name for name, each in self._signers.items() if each is not None), "")
        if keyed and self.product == "usdm":
            try:
                found = instruments.with_brackets(found, await self.rest.read("brackets", account=keyed))
            except NotReady:
                pass  # leverage bounds are for display; orders are bounded by the venue
        self._instruments = found
        self.payments.adopt(found)
        self.natives.update({instrument.symbol: instrument.native for instrument in found})
        self.symbols.update({instrument.native: instrument.symbol for instrument in found})
        self._decoder.symbols.update(self.symbols)

    # -- market ---------------------------------------------------------------------------------------------------------

    def instruments(self) -> Sequence[Instrument]:
        return tuple(self._instruments)

    async def subscribe(self, channel: Channel, symbol: str, timeframe: str = "") -> None:
        native = self.market.native(symbol)
        key = (channel, symbol, timeframe)
        if key in self._flowing:
            return
        wanted = stream(self.product, channel, native, timeframe, self.config.depth_ms)
        if channel == "funding":
            await self.market.hours(symbol)
        if channel == "book":
            self.books.follow(symbol)
            self._depths[wanted.name] = symbol
        quiet_s = {"quotes": self.config.quiet_s, "book": self.config.quiet_s, "funding": FUNDING_S}.get(channel, 0.0)
        first_s = self.config.first_s * (10 if channel == "trades" else 1)
        to = topic(channel, self.venue, symbol, timeframe)
        if channel in ("quotes", "book", "funding"):
            self._bridges[wanted.name] = lambda: self._ask_instead(channel, symbol, to)
        deliver = self._deliver(channel, to)
        await self.publics.want(wanted, deliver, quiet_s=quiet_s, first_s=first_s)
        self._flowing.add(key)

    def _deliver(self, channel: Channel, to: str) -> Callable[[bytes, int], None]:
        """What takes the frames of one stream: plain functions, for this is the busiest path of all."""
        decode, publish = self._decoder.decode, self.ports.publish

        def straight(frame: bytes, recv_ns: int) -> None:
            event = decode(frame, recv_ns)
            if event is not None:
                publish(to, event)

        def book(frame: bytes, recv_ns: int) -> None:
            event: MarketEvent | None = decode(frame, recv_ns)
            if isinstance(event, BookDelta):
                self.books.take(event)

        def funding(frame: bytes, recv_ns: int) -> None:
            event: MarketEvent | None = decode(frame, recv_ns)
            if isinstance(event, Funding):
                publish(to, self.market.with_interval(event))

        return {"book": book, "funding": funding}.get(channel, straight)

    async def _bridge(self, name: str) -> None:
        """A stream stays silent: a query tells what it would have told. Trades and bars that were missed are not made up."""
        ask = self._bridges.get(name)
        if ask is not None:
            await ask()

    async def _ask_instead(self, channel: Channel, symbol: str, to: str) -> None:
        if channel == "book":
            await self.books.refresh(symbol)
            return
        event = await (self.market.quote(symbol) if channel == "quotes" else self.market.funding(symbol))
        if event is not None:
            self.ports.publish(to, event)

    def _on_subscribed(self, name: str) -> None:
        if name in self._depths:
            self.books.subscribed(self._depths[name])

    def _on_lost(self, name: str) -> None:
        if name in self._depths:
            self.books.lost(self._depths[name])

    def _renew_book(self, symbol: str, reason: str) -> None:
        for name, each in self._depths.items():
            if each == symbol:
                self.publics.renew(name, reason)

    async def fetch_quote(self, symbol: str) -> Quote:
        return await self.market.quote(symbol)

    async def _price(self, symbol: str) -> Decimal:
        return exact((await self.market.quote(symbol)).mid)

    async def fetch_orderbook(self, symbol: str, level: int) -> BookDelta:
        book = self.books.live(symbol)
        return await self.market.orderbook(symbol, level) if book is None else book.snapshot(level)

    async def fetch_klines(
        self, symbol: str, timeframe: str, limit: int, start_ns: int = 0, end_ns: int = 0
    ) -> Sequence[Bar]:
        return await self.market.klines(symbol, timeframe, limit, start_ns, end_ns)

    async def fetch_funding(self, symbol: str) -> Funding | None:
        return await self.market.funding(symbol)

    # -- trading --------------------------------------------------------------------------------------------------------

    @property
    def written(self) -> int:
        return self.orders.written

    def submit(self, command: Command) -> Coroutine[Any, Any, Outcome]:
        return self.orders.submit(command)

    async def submit_batch(self, commands: Sequence[Command]) -> Sequence[Outcome]:
        return await self.orders.submit_batch(commands)

    def costs(self, command: Command) -> Costs:
        return self.orders.costs(command)

    async def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None:
        native = self.market.native(symbol)
        if self.product == "spot":
            raise CallerMistake("there is no leverage on Binance spot")
        if leverage != int(leverage) or not 1 <= leverage <= MOST_LEVERAGE:
            raise CallerMistake(f"a leverage of {leverage}: write a whole number from 1 to {MOST_LEVERAGE}")
        self.history.account(account)
        answer = await self.rest.read(
            "leverage", [("symbol", native), ("leverage", f"{int(leverage)}")], account=account
        )
        if not isinstance(answer, dict) or str(answer.get("leverage")) != f"{int(leverage)}":
            raise NotReady(f"{symbol}: the venue did not confirm a leverage of {leverage}")
        self.book[account].data.leverage[symbol] = leverage

    async def cancel_everything(self, account: str, symbol: str = "") -> None:
        if self.history.account(account).signer is not None:
            await self.sweep.cancel_everything(account, symbol)

    async def refresh_dead_man(self, account: str, symbols: Collection[str], timeout_s: float) -> None:
        await self.sweep.refresh_dead_man(account, symbols, timeout_s)

    # -- queries --------------------------------------------------------------------------------------------------------

    def _keyed(self, account: str) -> bool:
        """Whether there is anything to ask for: an account without a key has no orders and no money here."""
        return self.history.account(account).signer is not None

    async def fetch_order(self, account: str, symbol: str, client_id: str) -> OrderUpdate | None:
        if not self._keyed(account):
            raise NotReady(f"{account} has no credentials to ask with")
        return await self.history.order(account, symbol, client_id)

    async def fetch_open_orders(self, account: str, symbol: str = "") -> Sequence[OrderUpdate]:
        return await self.history.open_orders(account, symbol) if self._keyed(account) else ()

    async def fetch_fills(self, account: str, since_ns: int) -> Sequence[Fill]:
        return await self._fills.fetch(account, since_ns) if self._keyed(account) else ()

    async def fetch_balances(self, account: str) -> Sequence[Balance]:
        return await self.history.balances(account) if self._keyed(account) else ()

    async def fetch_positions(self, account: str) -> Sequence[Position]:
        return await self.history.positions(account) if self._keyed(account) else ()

    async def fetch_funding_payments(self, account: str, since_ns: int) -> Sequence[FundingPayment]:
        return await self.payments.fetch(self.book[account], since_ns) if self._keyed(account) else ()

    async def fetch_clock(self) -> ClockReading:
        return await self.rest.read_clock()

    async def preflight(self, account: str, consent: Collection[str] = ()) -> Sequence[Finding]:
        return await self._look().look(self.history.account(account), consent, self.ports.clock.now_ns())

    def _look(self) -> Preflight:
        return Preflight(self.rest, self.history, self.natives, self.config.symbols, self.config.margin)

    # -- of itself ------------------------------------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        return is_live(self.config, self._addresses["rest"])

    def endpoints(self) -> Mapping[str, str]:
        return dict(self._addresses)

    def statistics(self) -> Mapping[str, Any]:
        return {
            "product": self.product,
            "environment": self.config.environment,
            "instruments": len(self._instruments),
            "down": self.presence.reasons,
            "rest": self.rest.statistics(),
            "orders": self.orders.statistics(),
            "streams": self.publics.statistics(),
            "private": self.privates.statistics(),
            "decoder": self._decoder.statistics(),
            "books": self.books.statistics(),
            "accounts": {name: each.data.statistics() for name, each in self.book.items()},
        }
