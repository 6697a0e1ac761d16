"""The venue's clock against ours: one offset, how sure it is, and whether orders may rest on it.

A reading says ``venue - ours`` at the middle of a round trip. The venue stamped it somewhere within that trip, so the
truth lies within half a round trip of the reading: the shortest trip of the last few tells most (as NTP's clock filter
holds). Two readings whose intervals do not meet prove that one of the clocks was set in between; what was read before is
then worth nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from ctosd.abi.driver import ClockReading

SECOND_NS = 1_000_000_000
BOUND_NS = 30 * SECOND_NS
UNSURE_NS = SECOND_NS
RESOLUTION_NS = 2_000_000
"""Venues stamp in whole milliseconds, and their servers agree to about one."""
DRIFT = 10_000
"""The slowest that two clocks may drift apart, as a divisor: 1/10000 is 100 ppm, a bad crystal."""


class Skew:
    """Keeps the last readings. `offset_ns` is to be added to our clock; 0 until there is a reading.

    `bound_ns`: a larger offset is not for us to correct, somebody must set this machine's clock.
    `unsure_ns`: a larger uncertainty is as bad as a wrong clock.
    """

    __slots__ = ("_at_ns", "_best", "_bound_ns", "_readings", "_seen", "_steps", "_unsure_ns", "offset_ns")

    def __init__(self, bound_ns: int = BOUND_NS, *, unsure_ns: int = UNSURE_NS, keep: int = 8) -> None:
        self._bound_ns = bound_ns
        self._unsure_ns = unsure_ns
        self._readings: deque[tuple[int, ClockReading]] = deque(maxlen=keep)
        self._best: tuple[int, ClockReading] | None = None
        self._at_ns = 0
        self._seen = 0
        self._steps = 0
        self.offset_ns = 0

    def note(self, reading: ClockReading, now_ns: int) -> bool:
        """Take in a reading that ended at `now_ns` of our clock. True when it shows that a clock was set since the last one."""
        stepped = self._stepped(reading, now_ns)
        if stepped:
            self._readings.clear()
            self._steps += 1
        self._readings.append((now_ns, reading))
        self._seen += 1
        self._at_ns = now_ns
        self._best = min(self._readings, key=lambda each: _reach(each, now_ns))
        self.offset_ns = self._best[1].offset_ns
        return stepped

    def uncertainty_ns(self, now_ns: int) -> int:
        """How far the truth may lie from `offset_ns`. Without a reading as much as the bound, and more."""
        if self._best is None:
            return self._bound_ns + self._unsure_ns
        return _reach(self._best, now_ns)

    def refusal(self, now_ns: int) -> str:
        """Why no entry may be signed with this clock; empty when it may. What reduces risk goes out all the same."""
        if self._best is None:
            return "the venue's clock was not read yet"
        if abs(self.offset_ns) > self._bound_ns:
            side = "behind" if self.offset_ns > 0 else "ahead of"
            return (
                f"this machine's clock is {abs(self.offset_ns) / SECOND_NS:.1f} s {side} the venue's, more than the"
                f" {self._bound_ns / SECOND_NS:g} s that are corrected: set it (`timedatectl set-ntp true`)"
            )
        if now_ns < self._at_ns - RESOLUTION_NS:
            return "this machine's clock was set back since the venue's was read"
        unsure_ns = self.uncertainty_ns(now_ns)
        if unsure_ns > self._unsure_ns:
            return (
                f"the venue's clock is known to {unsure_ns / SECOND_NS:.2f} s only:"
                " the network is slow, or the last reading old"
            )
        return ""

    def statistics(self) -> Mapping[str, Any]:
        best = self._best[1] if self._best is not None else None
        return {
            "offset_ms": self.offset_ns / 1e6,
            "round_trip_ms": best.round_trip_ns / 1e6 if best is not None else 0.0,
            "readings": self._seen,
            "read_at_ns": self._at_ns,
            "steps": self._steps,
        }

    def _stepped(self, reading: ClockReading, now_ns: int) -> bool:
        if self._best is None:
            return False
        if now_ns < self._at_ns:
            return True
        apart = abs(reading.offset_ns - self._best[1].offset_ns)
        return apart > _reach(self._best, now_ns) + _reach((now_ns, reading), now_ns)


def _reach(reading: tuple[int, ClockReading], now_ns: int) -> int:
    at_ns, read = reading
    return max(0, read.round_trip_ns) // 2 + RESOLUTION_NS + abs(now_ns - at_ns) // DRIFT
