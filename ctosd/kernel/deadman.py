"""The dead man's switch: venues that have one cancel our orders by themselves unless the daemon's heartbeat renews it.

It is renewed only while there is evidence of life: a daemon whose loop stands still or whose journal cannot write must
not hold orders in a market. A graceful stop disarms it, so that an exit policy of `keep` keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ctosd.abi.clock import Clock
from ctosd.abi.driver import Driver, Log
from ctosd.abi.errors import NotReady
from ctosd.kernel.blotter import Blotter

TURNS = 3
"""Renewals within one timeout: two may be lost."""
FIRST_S = 0.25
"""Two beats of the watchdog and a half: before the first one there can be no evidence of life."""


class DeadMan:
    """The switches of one venue's accounts. `alive()` says why the daemon may not be called alive, else nothing."""

    def __init__(
        self, driver: Driver, blotter: Blotter, clock: Clock, alive: Callable[[], str], timeout_s: float, log: Log
    ) -> None:
        self._driver = driver
        self._blotter = blotter
        self._clock = clock
        self._alive = alive
        self._timeout_s = timeout_s
        self._log = log
        self._armed: dict[str, set[str]] = {}
        self._said = ""
        self.renewals = 0
        self.failures = 0

    async def run(self) -> None:
        """Renew for ever."""
        await self._clock.sleep(FIRST_S)
        while True:
            trouble = self._alive()
            if trouble:
                self._say(trouble)
            else:
                await self.beat()
            await self._clock.sleep(self._timeout_s / TURNS)

    async def beat(self) -> None:
        """Arm it for every symbol in which we have open orders, and disarm it where the last one is gone."""
        for account in self._driver.accounts:
            symbols = {order.symbol for order in self._blotter.open_orders(account=account)}
            gone = self._armed.get(account, set()) - symbols
            try:
                if gone:
                    await self._driver.refresh_dead_man(account, sorted(gone), 0)
                if symbols:
                    await self._driver.refresh_dead_man(account, sorted(symbols), self._timeout_s)
                    self.renewals += 1
            except NotReady as error:
                self.failures += 1
                self._say(str(error))
            else:
                self._armed[account] = symbols
                self._said = ""

    async def disarm(self) -> None:
        """A graceful end: what stays open stays open by somebody's will."""
        for account, symbols in self._armed.items():
            if symbols:
                try:
                    await self._driver.refresh_dead_man(account, sorted(symbols), 0)
                except NotReady as error:
                    self._say(f"not disarmed, open orders may be cancelled within {self._timeout_s:g} s: {error}")
        self._armed.clear()

    def _say(self, reason: str) -> None:
        if reason != self._said:
            self._said = reason
            self._log.warning("dead_man_not_renewed", venue=self._driver.venue, reason=reason)

    def statistics(self) -> Mapping[str, Any]:
        return {
            "timeout_s": self._timeout_s,
            "armed": {account: sorted(symbols) for account, symbols in self._armed.items()},
            "renewals": self.renewals,
            "failures": self.failures,
            "trouble": self._said,
        }
