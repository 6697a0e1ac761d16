"""The kill switch: one word that every order meets first, and meets again before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctosd.abi.clock import Clock
from ctosd.core.gate import Mode


class Switch:
    """`active`, `reducing` (only what makes positions smaller) or `halted` (nothing new; cancels and exits go on)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.mode: Mode = "active"
        self.reason = ""
        self.by = ""
        self.since_ns = clock.now_ns()

    def set(self, mode: Mode, reason: str, by: str) -> None:
        self.mode, self.reason, self.by = mode, reason, by
        self.since_ns = self._clock.now_ns()

    def statistics(self) -> Mapping[str, Any]:
        return {"mode": self.mode, "reason": self.reason, "by": self.by, "since_ns": self.since_ns}
