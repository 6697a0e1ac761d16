"""The paper venue: a matching engine fed by a synthetic or a recorded market, behind the verbs of every driver.

It keeps what an exchange would keep: what happens is committed to its store before anybody hears of it, so that a killed
daemon finds its orders, fills and balances as the venue last told them. Without latency and faults a command never suspends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from ctosd.abi import (
    Balance,
    Bar,
    BookDelta,
    CallerMistake,
    Channel,
    Command,
    Driver,
    Fill,
    Funding,
    FundingPayment,
    Instrument,
    Limit,
    Manifest,
    NotReady,
    OrderUpdate,
    Outcome,
    Ports,
    Position,
    Quote,
    Unknown,
)
from drivers.paper.config import LimitsConfig, PaperConfig
from drivers.paper.faults import Faults
from drivers.paper.floor import Floor

ORDERS = "orders"
"""The one bucket that every command takes a token from."""


def limits_of(config: LimitsConfig) -> tuple[Limit, ...]:
    """The declared buckets; a tenth is left for cancels and exits."""
    return (Limit(ORDERS, config.burst, config.orders_per_s, reserve=config.burst / 10),)


class Paper(Driver):
    """A simulated venue: no real money can move here."""

    manifest: ClassVar[Manifest] = Manifest(
        name="paper",
        config=PaperConfig,
        documentation="Simulated venue on a synthetic or recorded market: no keys, no network, no real money.",
        simulated=True,
        limits=limits_of(LimitsConfig()),
        expiry_ms=5_000,
        grace_ms=1_000,
    )

    def __init__(self, config: PaperConfig, accounts: Sequence[str], ports: Ports) -> None:
        super().__init__(config, accounts, ports)
        if config.limits != LimitsConfig():
            # The declared limits are the configured ones: this object's manifest hides the class's.
            self.manifest = replace(self.manifest, limits=limits_of(config.limits))  # type: ignore[misc]
        self.faults = Faults(config.faults, config.latency_ms, f"{config.market.seed}/faults")
        self._floor: Floor | None = None

    @property
    def floor(self) -> Floor:
        """The venue's inside. Raises `NotReady` before the start."""
        if self._floor is None:
            raise NotReady(f"{self.venue} has not started")
        return self._floor

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        if self._floor is not None and not self._floor.stopped:
            return  # asked again because something else was not ready
        floor = Floor(self.config, self.accounts, self.ports)
        floor.start()
        self._floor = floor

    async def stop(self) -> None:
        if self._floor is not None:
            self._floor.stop()

    # -- market ---------------------------------------------------------------------------------------------------------

    def instruments(self) -> Sequence[Instrument]:
        return tuple(self.floor.instruments.values())

    async def subscribe(self, channel: Channel, symbol: str, timeframe: str = "") -> None:
        self.floor.board.subscribe(channel, symbol, timeframe)

    def price_stream(self, symbol: str) -> tuple[Channel, str]:
        return self.floor.board.price_stream(symbol)

    async def fetch_quote(self, symbol: str) -> Quote:
        return self.floor.board.quote(symbol)

    async def fetch_orderbook(self, symbol: str, level: int) -> BookDelta:
        return self.floor.board.orderbook(symbol, level)

    async def fetch_klines(
        self, symbol: str, timeframe: str, limit: int, start_ns: int = 0, end_ns: int = 0
    ) -> Sequence[Bar]:
        return self.floor.board.klines(symbol, timeframe, limit, start_ns, end_ns)

    async def fetch_funding(self, symbol: str) -> Funding | None:
        return self.floor.board.funding(symbol)

    # -- trading --------------------------------------------------------------------------------------------------------

    async def submit(self, command: Command) -> Outcome:
        """Without latency and faults this never suspends. Fills may be published before it returns."""
        if self.faults.calm:
            return self.floor.execute(command)
        return await self._through_weather(command)

    async def _through_weather(self, command: Command) -> Outcome:
        """The way there, the front door, the engine, and the way back: each may fail."""
        faults = self.faults
        await self._travel(faults.way_s("order"))
        if faults.strikes("drop"):
            await self._travel(faults.way_s("ack"))
            return Unknown(
                client_id=command.client_id, message="the connection broke while the command was sent (injected)"
            )
        outcome: Outcome | None = faults.refusal(command, self.ports.clock.now_ns())
        if outcome is None:
            outcome = self.floor.execute(command, faults.share(command))
        await self._travel(faults.way_s("ack"))
        if faults.strikes("lose_ack"):
            return Unknown(
                client_id=command.client_id, message="the connection broke before the answer came (injected)"
            )
        return outcome

    async def _travel(self, seconds: float) -> None:
        if seconds > 0:
            await self.ports.clock.sleep(seconds)

    def set_fault(self, name: str, value: float) -> None:
        """Change a fault's probability, or a delay in ms, while the venue runs.

        Raises:
            CallerMistake: no such fault, or a value out of range.
        """
        self.faults.set(name, value)
        self.ports.log.warning("paper_fault_set", fault=name, value=value)

    def costs(self, command: Command) -> Sequence[tuple[str, float]]:
        return ONE

    async def set_leverage(self, account: str, symbol: str, leverage: Decimal) -> None:
        self.floor.set_leverage(self._own(account), symbol, leverage)

    # -- queries --------------------------------------------------------------------------------------------------------

    def _own(self, account: str) -> str:
        if account not in self.accounts:
            raise CallerMistake(f"{account!r} is not an account of {self.venue}; known: {', '.join(self.accounts)}")
        return account

    async def fetch_order(self, account: str, symbol: str, client_id: str) -> OrderUpdate | None:
        return self.floor.engine.order(self._own(account), client_id)

    async def fetch_open_orders(self, account: str, symbol: str = "") -> Sequence[OrderUpdate]:
        return self.floor.engine.open_orders(self._own(account), symbol)

    async def fetch_fills(self, account: str, since_ns: int) -> Sequence[Fill]:
        return self.floor.engine.fills(self._own(account), since_ns)

    async def fetch_balances(self, account: str) -> Sequence[Balance]:
        return self.floor.engine.balances(self._own(account))

    async def fetch_positions(self, account: str) -> Sequence[Position]:
        return self.floor.engine.positions(self._own(account))

    async def fetch_funding_payments(self, account: str, since_ns: int) -> Sequence[FundingPayment]:
        return self.floor.engine.payments(self._own(account), since_ns)

    def statistics(self) -> Mapping[str, Any]:
        if self._floor is None:
            return {"started": False}
        return {"started": True, **self._floor.statistics(), "faults": self.faults.statistics()}


ONE: tuple[tuple[str, float], ...] = ((ORDERS, 1.0),)
