"""The limits of the sheet (section 11), counted exactly in sliding windows on the clock that the emulator is given.

OKX says how many in how long and not by which algorithm. A sliding window is never kinder than a fixed one or a token
bucket: a client that is never refused here keeps OKX's limits however they are counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from drivers.okx.emulator.refusals import Refusal

SECOND = 1_000_000_000

TABLE: dict[str, tuple[int, float]] = {
    "pub.time": (10, 2),
    "pub.status": (1, 5),
    "pub.instruments": (20, 2),
    "pub.ticker": (20, 2),
    "pub.tickers": (20, 2),
    "pub.books": (40, 2),
    "pub.books_full": (10, 2),
    "pub.candles": (40, 2),
    "pub.hist_candles": (20, 2),
    "pub.trades": (100, 2),
    "pub.hist_trades": (20, 2),
    "pub.funding": (10, 2),
    "pub.funding_hist": (10, 2),
    "pub.mark": (10, 2),
    "pub.index": (20, 2),
    "pub.price_limit": (20, 2),
    "pub.open_interest": (20, 2),
    "acc.instruments": (20, 2),
    "acc.balance": (10, 2),
    "acc.positions": (10, 2),
    "acc.config": (5, 2),
    "acc.posmode": (5, 2),
    "acc.fee": (5, 2),
    "acc.leverage": (20, 2),
    "acc.lev_info": (20, 2),
    "acc.maxsize": (20, 2),
    "acc.bills": (5, 1),
    "acc.bills_archive": (5, 2),
    "trd.place": (60, 2),
    "trd.amend": (60, 2),
    "trd.cancel": (60, 2),
    "trd.batch_place": (300, 2),
    "trd.batch_amend": (300, 2),
    "trd.batch_cancel": (300, 2),
    "trd.subaccount": (1000, 2),
    "trd.get_order": (60, 2),
    "trd.pending": (60, 2),
    "trd.fills": (60, 2),
    "trd.history7d": (40, 2),
    "trd.archive": (20, 2),
    "trd.fills_hist": (10, 2),
    "trd.close": (20, 2),
    "trd.caa": (1, 1),
    "trd.rate": (1, 1),
    "trd.algo_place": (20, 2),
    "trd.algo_cancel": (20, 2),
    "trd.algo_get": (20, 2),
    "ws.connect": (3, 1),
    "ws.ops": (480, 3600),
}
Cost = tuple[str, int]
"""``name@scope`` and how many."""


class Window:
    """One limit of one caller."""

    __slots__ = ("_times", "allowed", "length_ns", "peak", "refused", "used")

    def __init__(self, allowed: int, seconds: float) -> None:
        self.allowed = allowed
        self.length_ns = int(seconds * SECOND)
        self.used = self.peak = self.refused = 0
        self._times: deque[tuple[int, int]] = deque()

    def settle(self, now_ns: int) -> int:
        """How many of the last window's count still."""
        times = self._times
        while times and times[0][0] <= now_ns - self.length_ns:
            self.used -= times.popleft()[1]
        return self.used

    def take(self, count: int, now_ns: int) -> None:
        self._times.append((now_ns, count))
        self.used += count
        self.peak = max(self.peak, self.used)


class Limits:
    """All windows, by ``name@scope``."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}

    def take(self, costs: Sequence[Cost], now_ns: int) -> None:
        """Count all of it. Raises `Refusal` and counts nothing when one limit is reached."""
        sums: dict[str, int] = {}
        for name, count in costs:
            sums[name] = sums.get(name, 0) + count
        windows = [(self._window(name), count) for name, count in sums.items()]
        full = [(window, count) for window, count in windows if window.settle(now_ns) + count > window.allowed]
        for window, _ in full:
            window.refused += 1
        if full:
            pools = {name.partition("@")[0] for name in sums if self._windows[name] in [each for each, _ in full]}
            raise Refusal("50061" if pools == {"trd.subaccount"} else "50011")
        for window, count in windows:
            window.take(count, now_ns)

    def free(self, name: str, now_ns: int) -> bool:
        """Count one, or say that the limit is reached."""
        try:
            self.take(((name, 1),), now_ns)
        except Refusal:
            return False
        return True

    def _window(self, name: str) -> Window:
        found = self._windows.get(name)
        if found is None:
            found = self._windows[name] = Window(*TABLE[name.partition("@")[0]])
        return found

    def statistics(self, now_ns: int) -> dict[str, dict[str, int]]:
        return {
            name: {
                "used": window.settle(now_ns),
                "allowed": window.allowed,
                "peak": window.peak,
                "refused": window.refused,
            }
            for name, window in self._windows.items()
        }
