"""What goes on in the background: the clock's offset, the instruments, and waiting for the end of a maintenance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ctosd.abi import NotReady, Ports
from drivers.binance.errors import Verdict
from drivers.binance.presence import Presence
from drivers.binance.rest import Rest

CLOCK_S = 180.0
REFRESH = 20  # clock readings between two readings of the instruments: an hour
LONG_NS = 600_000_000_000
"""A maintenance that lasted so long was one; what came before it is forgotten."""


class Upkeep:
    """`refresh()` reads the instruments again."""

    def __init__(self, rest: Rest, ports: Ports, presence: Presence, refresh: Callable[[], Awaitable[None]]) -> None:
        self._rest = rest
        self._ports = ports
        self._presence = presence
        self._refresh = refresh
        self._reading = self._polling = False
        self._relapses = 0
        self.running = False

    async def attend(self) -> None:
        """Keep the clock's offset and the instruments fresh, for ever."""
        turn = 0
        while True:
            await self._ports.clock.sleep(CLOCK_S)
            if not self.running:
                continue
            turn += 1
            try:
                await self._rest.read_clock()
                if turn % REFRESH == 0:
                    await self._refresh()
            except NotReady:
                continue  # the age of the last reading shows in the clock's uncertainty

    def note(self, verdict: Verdict, account: str) -> None:
        """A refusal that means more than one request: a clock that is off, a venue in maintenance."""
        if verdict.reason == "timestamp" and not self._reading:
            self._reading = True
            self._ports.spawn(f"clock-again-{self._ports.venue}", self._read_again())
        if verdict.reason == "maintenance":
            self._presence.lose("maintenance", f"maintenance: {verdict.message}")
            if not self._polling:
                self._polling = True
                self._ports.spawn(f"maintenance-{self._ports.venue}", self._outwait())

    async def _read_again(self) -> None:
        try:
            await self._rest.read_clock()
        except NotReady:
            pass
        finally:
            self._reading = False

    async def _outwait(self) -> None:
        """Ask every few seconds whether it is over; less often when it was not over after all."""
        began_ns = self._ports.clock.now_ns()
        self._relapses += 1
        try:
            while True:
                await self._ports.clock.sleep(min(60.0, 5.0 * self._relapses))
                try:
                    await self._rest.read_clock()
                    break
                except NotReady:
                    continue
        finally:
            self._polling = False
        if self._ports.clock.now_ns() - began_ns > LONG_NS:
            self._relapses = 0
        self._presence.regain("maintenance")
