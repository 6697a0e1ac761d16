"""The auditor: our record compared with the venue's for as long as the daemon runs, and the count of what left.

Open orders every 30 s, fills, positions and funding every 5 min, paid from the venue's own budget. A difference is repaired and
counted; an order that left without an intent in the journal halts everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ctosd.abi.driver import Log
from ctosd.abi.errors import NotReady
from ctosd.kernel.desk import Desk
from ctosd.kernel.line import Line
from ctosd.kernel.recovery import Recovery

ORDERS_S = 30.0
FILLS_EVERY = 10
"""Every how many looks at the orders the fills and positions are looked at too."""


class Auditor:
    """One venue's. `on_breach(reason)` hears when more left than was meant."""

    def __init__(
        self,
        line: Line,
        accounts: tuple[str, ...],
        desk: Desk,
        recovery: Recovery,
        on_breach: Callable[[str], None],
        log: Log,
    ) -> None:
        self._line = line
        self._accounts = accounts
        self._desk = desk
        self._recovery = recovery
        self._on_breach = on_breach
        self._log = log
        self._breached = False
        self.looks = 0
        self.failures = 0
        self.repairs = 0

    async def run(self) -> None:
        """Look for ever; a venue that is down is looked at when it is back."""
        while True:
            await self._desk.clock.sleep(ORDERS_S)
            self.count()
            if self._line.up:
                await self.look()

    async def look(self) -> None:
        """One comparison of every account."""
        self.looks += 1
        whole = self.looks % FILLS_EVERY == 0
        for account in self._accounts:
            try:
                repairs = await self._recovery.compare_orders(account, fills=whole)
                if whole:
                    await self._recovery.compare_positions(account)
                    await self._recovery.take_funding(account)
            except NotReady as error:
                self.failures += 1
                self._log.debug("audit_waits", venue=self._line.driver.venue, account=account, reason=str(error))
                continue
            self.repairs += repairs
            if repairs:
                self._log.warning("audit_repaired", venue=self._line.driver.venue, account=account, repairs=repairs)

    def count(self) -> None:
        """Places and amends that left, by the driver's own count, must not be more than were meant."""
        written = self._line.driver.written
        if written is None or written <= self._line.meant or self._breached:
            return
        self._breached = True
        reason = f"{written} orders left for {self._line.driver.venue}, and only {self._line.meant} were meant"
        self._log.error("writes_exceed_intents", venue=self._line.driver.venue, reason=reason)
        self._on_breach(reason)

    def statistics(self) -> Mapping[str, Any]:
        return {"looks": self.looks, "failures": self.failures, "repairs": self.repairs}
