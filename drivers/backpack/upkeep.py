"""What the driver does of its own accord while it runs: the venue's status and clock, balances and positions, ids.

Two tasks with a tick a second, so that status and clock never wait for an account's scarce reads. Nothing here raises: what cannot be read now is read at the next turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ctosd.abi import ClockReading, CtosError, Event, Ports, Position, topic
from drivers.backpack.account import Account
from drivers.backpack.clientids import ClientIds
from drivers.backpack.config import BackpackConfig
from drivers.backpack.instants import SECOND
from drivers.backpack.marketdata import MarketData
from drivers.backpack.queries import Queries
from drivers.backpack.rest import Rest
from drivers.backpack.standing import Standing

TICK_S = 1.0
CLOCK_S = 300.0
PRUNE_S = 60.0
SOON_S = 2.0
"""How long after a fill balances are read again: several fills cost one read."""

ZERO = Decimal(0)


class Upkeep:
    """Keeps what streams do not tell."""

    def __init__(
        self,
        config: BackpackConfig,
        ports: Ports,
        rest: Rest,
        market: MarketData,
        queries: Queries,
        ids: ClientIds,
        standing: Standing,
        accounts: Sequence[Account],
    ) -> None:
        self._config = config
        self._ports = ports
        self._clock = ports.clock
        self._publish: Callable[[str, Event], None] = ports.publish
        self._rest = rest
        self._market = market
        self._queries = queries
        self._ids = ids
        self._standing = standing
        self._accounts = [account for account in accounts if account.signer is not None]
        self._topic = topic("private", ports.venue)
        self._due: dict[str, int] = {}
        self._stopped = False
        self.faults = 0
        rest.on_trouble = self.trouble

    def start(self) -> None:
        now_ns = self._clock.now_ns()
        self._due = {
            "status": now_ns + int(self._config.status_s * SECOND),
            "clock": now_ns + int(CLOCK_S * SECOND),
            "prune": now_ns + int(PRUNE_S * SECOND),
        }
        for account in self._accounts:
            self._due[f"holdings {account.name}"] = now_ns
        self._ports.spawn("backpack-watch", self._run(self.watch))
        self._ports.spawn("backpack-upkeep", self._run(self.tend))

    def stop(self) -> None:
        self._stopped = True

    def trouble(self, reason: str, message: str) -> None:
        """A request met maintenance, or a clock that the venue finds wrong: look at once."""
        if reason == "maintenance" and self._standing.maintenance:
            return
        self._due["status" if reason == "maintenance" else "clock"] = self._clock.now_ns()

    async def _run(self, turn: Callable[[], Awaitable[None]]) -> None:
        while not self._stopped:
            await turn()
            await self._clock.sleep(TICK_S)

    async def watch(self) -> None:
        """Do what is due now for the venue; it waits for nothing that is scarce."""
        await self._guarded("status", self._config.status_s, self.look)
        await self._guarded("clock", CLOCK_S, self.read_clock)
        await self._guarded("prune", PRUNE_S, self._prune)

    async def tend(self) -> None:
        """Do what is due now for the accounts."""
        for account in self._accounts:
            if account.stirred:
                account.stirred = False
                key = f"holdings {account.name}"
                self._due[key] = min(self._due[key], self._clock.now_ns() + int(SOON_S * SECOND))
            if self._standing.maintenance:
                continue
            await self._guarded(f"holdings {account.name}", self._config.balances_s, self._holdings, account)

    async def _guarded(self, name: str, every_s: float, act: Callable[..., Any], *args: Any) -> None:
        if self._stopped or self._clock.now_ns() < self._due[name]:
            return
        self._due[name] = self._clock.now_ns() + int(every_s * SECOND)
        try:
            await act(*args)
        except CtosError as error:
            self.faults += 1
            self._ports.log.debug("backpack_upkeep_failed", what=name, reason=str(error))

    # -- the acts -------------------------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Ask whether the venue is in maintenance."""
        reason = await self._market.maintenance()
        if bool(reason) != bool(self._standing.maintenance):
            self._ports.log.warning("backpack_maintenance", venue=self._ports.venue, begins=bool(reason), reason=reason)
        self._standing.maintain(reason)

    async def read_clock(self) -> ClockReading:
        """Measure the venue's clock, and sign by it from now on."""
        reading = await self._market.clock()
        if self._rest.skew.note(reading, self._clock.now_ns()):
            offset_ms = reading.offset_ns / 1e6
            self._ports.log.warning("backpack_clock_stepped", venue=self._ports.venue, offset_ms=offset_ms)
        return reading

    async def _prune(self) -> None:
        self._ids.prune(self._clock.now_ns())

    async def _holdings(self, account: Account) -> None:
        """Tell balances and positions as the venue has them, and that those which it lists no more are flat."""
        await self._queries.settings(account)
        for balance in await self._queries.balances(account):
            self._publish(self._topic, balance)
        positions = await self._queries.positions(account)
        listed = {position.symbol for position in positions if position.size}
        gone = [symbol for symbol in account.held if symbol not in listed]
        for position in positions:
            self._publish(self._topic, position)
        for symbol in gone:
            self._publish(self._topic, self._flat(account, symbol))
        account.held = {position.symbol: position.size for position in positions if position.size}

    def _flat(self, account: Account, symbol: str) -> Position:
        return Position(
            account=account.name,
            symbol=symbol,
            size=ZERO,
            entry=ZERO,
            mark=ZERO,
            unrealised=ZERO,
            leverage=account.leverage,
            time_ns=self._clock.now_ns(),
        )

    def statistics(self) -> Mapping[str, Any]:
        return {"faults": self.faults}
