"""What a dialect's own code raised: counted, told of once a kind and minute, and never in the way of what keeps its connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ctosd.abi.clock import Clock
from ctosd.abi.driver import Log
from ctosd.abi.errors import InvariantBroken
from ctosd.kernel.clock import SECOND
from ctosd.kernel.connection import Spawn

AGAIN_NS = 60 * SECOND


class Faults:
    """`about` goes into every log line. A broken invariant is handed to the kernel, which ends the daemon."""

    def __init__(self, clock: Clock, log: Log, spawn: Spawn, about: Mapping[str, Any]) -> None:
        self._clock = clock
        self._log = log
        self._spawn = spawn
        self._about = about
        self._told: dict[str, int] = {}  # kind -> when
        self.unread = 0
        self.failed = 0

    def frame(self, error: Exception) -> None:
        """A frame could not be heard."""
        self.unread += 1
        if self._is_news("frame", error):
            self._log.error("frame_unread", **self._about, reason=repr(error), count=self.unread)

    def dialect(self, error: Exception) -> None:
        """A hook of the dialect failed."""
        self.failed += 1
        if self._is_news("dialect", error):
            self._log.error("dialect_failed", **self._about, reason=repr(error), count=self.failed)

    def guard(self, hook: Callable[..., None], *values: Any) -> None:
        """Call a hook."""
        try:
            hook(*values)
        except Exception as error:
            self.dialect(error)

    def _is_news(self, what: str, error: Exception) -> bool:
        if isinstance(error, InvariantBroken):
            self._spawn("broken", _raise(error))
            return False
        kind = f"{what} {type(error).__name__}"
        now_ns = self._clock.now_ns()
        if kind in self._told and abs(now_ns - self._told[kind]) < AGAIN_NS:
            return False
        self._told[kind] = now_ns
        return True


async def _raise(error: Exception) -> None:
    raise error
