"""The dead-man switch of futures: a countdown for each account and symbol, which cancels what is in the book."""

from __future__ import annotations

from ctosd.abi import Timer
from drivers.binance.emulator.desk import Desk
from drivers.binance.emulator.markets import Market
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime


class DeadMan:
    """Conditional orders are left alone, as by allOpenOrders: the venue's documents do not say otherwise."""

    def __init__(self, time: VenueTime, desk: Desk) -> None:
        self._time = time
        self._desk = desk
        self._timers: dict[tuple[str, str], Timer] = {}
        self.fired = 0

    def arm(self, trader: Trader, market: Market, countdown_ms: int) -> None:
        """Begin anew; 0 disarms."""
        key = (trader.account, market.symbol)
        old = self._timers.pop(key, None)
        if old is not None:
            old.cancel()
        if countdown_ms > 0:
            self._timers[key] = self._time.after(countdown_ms / 1000, lambda: self._fire(trader, market))

    def _fire(self, trader: Trader, market: Market) -> None:
        self._timers.pop((trader.account, market.symbol), None)
        self.fired += 1
        self._desk.cancel_all(trader, market)

    def statistics(self) -> dict[str, int]:
        return {"armed": len(self._timers), "fired": self.fired}
