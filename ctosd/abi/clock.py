"""Time as strategies and drivers may read it: the same port on the wall clock and on the virtual one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """The only reader of time. Nanoseconds are UTC since the epoch."""

    def now_ns(self) -> int: ...

    def call_at(self, when_ns: int, call: Callable[[], None]) -> Timer:
        """Call once at `when_ns`, at once if that is past. Calls due together run in the order they were asked for."""
        ...

    async def sleep(self, seconds: float) -> None: ...
