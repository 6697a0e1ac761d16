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
        self.frozen: dict[tuple[str, str], str] = {}
        """(account, symbol) -> why nothing new may be opened there: the venue itself closed a position."""

    def set(self, mode: Mode, reason: str, by: str) -> None:
        self.mode, self.reason, self.by = mode, reason, by
        self.since_ns = self._clock.now_ns()
        if mode == "active":
            self.frozen.clear()

    def freeze(self, account: str, symbol: str, reason: str) -> None:
        """Let nothing new into one instrument of one account, until trading is resumed by a person."""
        self.frozen[account, symbol] = reason

    def statistics(self) -> Mapping[str, Any]:
        return {
            "mode": self.mode,
            "reason": self.reason,
            "by": self.by,
            "since_ns": self.since_ns,
            "frozen": ", ".join(f"{account} {symbol}" for account, symbol in self.frozen),
        }
