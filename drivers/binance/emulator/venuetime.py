"""The venue's clock: the stage's time in milliseconds, with the fault of being wrong."""

from __future__ import annotations

from collections.abc import Callable

from ctosd.abi import Clock, Timer

MS = 1_000_000


class VenueTime:
    """Milliseconds UTC as this venue sees them. `skew_ns` is how far its clock is ahead of ours."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: dict[int, Timer] = {}
        self._count = 0
        self.skew_ns = 0

    def now_ns(self) -> int:
        """The true time, without the fault."""
        return self._clock.now_ns()

    def true_ms(self) -> int:
        return self._clock.now_ns() // MS

    def now_ms(self) -> int:
        return (self._clock.now_ns() + self.skew_ns) // MS

    def ms(self, ns: int) -> int:
        """A true time as the venue tells it."""
        return (ns + self.skew_ns) // MS

    def ns(self, ms: int) -> int:
        """A time as the venue tells it, as a true one."""
        return ms * MS - self.skew_ns

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call once, so much later, unless the emulator stops before."""
        self._count += 1
        number = self._count

        def due() -> None:
            self._timers.pop(number, None)
            call()

        timer = self._timers[number] = self._clock.call_at(self._clock.now_ns() + int(seconds * 1e9), due)
        return timer

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
