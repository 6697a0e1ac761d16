"""The venue's rate limits, counted exactly: requests in the last sixty seconds of one account, unsigned ones of one address.

Sheet section 9: 2000 a minute, and 30 a minute of historical market data, which count among the former too. A sliding
minute is never kinder than a fixed one.
"""

from __future__ import annotations

from collections import deque

from drivers.backpack.emulator.refusals import Refusal

MINUTE_NS = 60_000_000_000
REST, HISTORY = 2_000, 30
HISTORICAL = frozenset({"/api/v1/klines", "/api/v1/trades/history", "/api/v1/fundingRates"})


class Window:
    """One limit of one caller."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.peak = 0
        self.refused = 0
        self._times: deque[int] = deque()

    def used(self, now_ns: int) -> int:
        times = self._times
        while times and times[0] <= now_ns - MINUTE_NS:
            times.popleft()
        return len(times)

    def full(self, now_ns: int) -> bool:
        return self.used(now_ns) >= self.allowed

    def take(self, now_ns: int) -> None:
        self._times.append(now_ns)
        self.peak = max(self.peak, len(self._times))


class Limits:
    """All windows, by ``rest@caller`` and ``history@caller``."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}

    def take(self, caller: str, path: str, now_ns: int) -> None:
        """Count one request. Raises `Refusal` and counts nothing when a limit is reached."""
        windows = [self._window("rest", caller, REST)]
        if path in HISTORICAL:
            windows.append(self._window("history", caller, HISTORY))
        full = [window for window in windows if window.full(now_ns)]
        for window in full:
            window.refused += 1
        if full:
            raise Refusal("TOO_MANY_REQUESTS", "Too many requests")
        for window in windows:
            window.take(now_ns)

    def _window(self, name: str, caller: str, allowed: int) -> Window:
        return self._windows.setdefault(f"{name}@{caller}", Window(allowed))

    def statistics(self, now_ns: int) -> dict[str, dict[str, int]]:
        return {
            name: {
                "used": window.used(now_ns),
                "allowed": window.allowed,
                "peak": window.peak,
                "refused": window.refused,
            }
            for name, window in self._windows.items()
        }
