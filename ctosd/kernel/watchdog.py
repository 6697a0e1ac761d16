"""Evidence of life: how late the loop runs, and whether everything that must move has moved since the last look."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ctosd.abi.clock import Timer
from ctosd.kernel.bus import Bus
from ctosd.kernel.clock import VirtualClock, WallClock
from ctosd.kernel.ports import Journal

BEAT_NS = 100_000_000
KEPT = 600
LATE_NS = 1_000_000_000
STEP_NS = 1_000_000_000
"""A clock that moves by more than this between two beats, against the steady one, was set."""


class Watchdog:
    """Beats on the loop's own clock and keeps how late each beat came."""

    def __init__(self, clock: WallClock | VirtualClock, bus: Bus, journal: Journal) -> None:
        self._clock = clock
        self._bus = bus
        self._journal = journal
        self._lags: deque[int] = deque(maxlen=KEPT)
        self._timer: Timer | None = None
        self._due_ns = 0
        self._beats = 0
        self._ahead_ns = clock.now_ns() - clock.steady_ns()
        self.on_step: Callable[[float], None] = lambda seconds: None
        """Hears by how many seconds somebody set the clock."""
        self._failed = ""
        self.on_journal: Callable[[str], None] = lambda failed: None
        """Hears when the journal begins to fail, and (empty) when it works again."""
        self.steps = 0
        self.worst_ns = 0
        self.alive = self.witness()

    def start(self) -> None:
        self._next()

    def _next(self) -> None:
        self._due_ns = self._clock.steady_ns() + BEAT_NS
        self._timer = self._clock.call_at(self._clock.now_ns() + BEAT_NS, self._beat)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        lag = max(0, self._clock.steady_ns() - self._due_ns)
        self._lags.append(lag)
        self.worst_ns = max(self.worst_ns, lag)
        self._beats += 1
        self._look_at_clock()
        self._look_at_journal()
        self._next()

    def _look_at_clock(self) -> None:
        ahead_ns = self._clock.now_ns() - self._clock.steady_ns()
        step_ns, self._ahead_ns = ahead_ns - self._ahead_ns, ahead_ns
        if abs(step_ns) > STEP_NS:
            self.steps += 1
            self.on_step(step_ns / 1e9)

    def _look_at_journal(self) -> None:
        if self._journal.failed != self._failed:
            began, self._failed = not self._failed, self._journal.failed
            if began or not self._failed:
                self.on_journal(self._failed)

    def witness(self) -> Callable[[], str]:
        """A look of one's own: why the daemon may not be called alive, by what happened since the same look's last time."""
        seen = self._beats

        def look() -> str:
            nonlocal seen
            beats, seen = self._beats - seen, self._beats
            if not beats:
                return "the loop has not turned"
            if self._lags and self._lags[-1] > LATE_NS:
                return f"the loop is {self._lags[-1] / 1e9:.1f} s late"
            return f"the journal failed: {self._journal.failed}" if self._journal.failed else ""

        return look

    def lag_ms(self, quantile: float) -> float:
        """A quantile of the last minute's lateness, in milliseconds."""
        if not self._lags:
            return 0.0
        ordered = sorted(self._lags)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] / 1e6

    def statistics(self) -> Mapping[str, Any]:
        return {
            "lag_p50_ms": round(self.lag_ms(0.5), 3),
            "lag_p99_ms": round(self.lag_ms(0.99), 3),
            "lag_worst_ms": round(self.worst_ns / 1e6, 3),
            "beats": self._beats,
            "clock_steps": self.steps,
        }
