"""Latency and faults of the paper venue: what can go wrong between a command and its answer.

Chances are drawn from a seeded generator, so that a run on the virtual clock misbehaves the same way each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from ctosd.abi import Amend, CallerMistake, Cancel, Command, Place, Rejected
from drivers.paper.chance import chance
from drivers.paper.config import FaultsConfig, LatencyConfig

Fault = Literal["drop", "delay", "partial", "reject", "rate_limit", "lose_ack"]
PROBABILITIES: tuple[Fault, ...] = ("drop", "delay", "partial", "reject", "rate_limit", "lose_ack")
TIMES = ("delay_ms", "order_ms", "ack_ms", "jitter_ms")

REFUSALS: tuple[tuple[str, str], ...] = (
    ("insufficient_funds", "Margin is insufficient. (injected)"),
    ("filter", "Filter failure: PERCENT_PRICE (injected)"),
    ("overload", "Server is currently overloaded with other requests. Please try again in a few minutes. (injected)"),
    ("exchange_error", "Internal error; unable to process your request. Please try again. (injected)"),
)
AMEND_REFUSAL = ("amend_reject", "Order modification is rejected. (injected)")
RATE_LIMITED = "Too many requests; current limit is 50 a second. (injected)"


class Faults:
    """The present chances and delays; `set` changes them while the venue runs."""

    def __init__(self, faults: FaultsConfig, latency: LatencyConfig, seed: str) -> None:
        self._values: dict[str, float] = dict(asdict(faults))
        self._values |= {f"{name}_ms": value for name, value in asdict(latency).items()}
        self._random = chance(seed)
        self.injected: Counter[str] = Counter()
        self.calm = True
        self._look()

    def _look(self) -> None:
        """Calm means that a command goes straight through, without a draw."""
        values = self._values
        self.calm = not any(values[name] for name in (*PROBABILITIES, "order_ms", "ack_ms", "jitter_ms"))

    def set(self, name: str, value: float) -> None:
        """Change a chance (0 to 1) or a delay (ms).

        Raises:
            CallerMistake: no such fault, or a value out of range.
        """
        if name not in self._values:
            raise CallerMistake(f"{name!r} is not a fault: write one of {' '.join((*PROBABILITIES, *TIMES))}")
        bound = 60_000.0 if name in TIMES else 1.0
        if not 0.0 <= value <= bound:
            raise CallerMistake(f"{name} must lie between 0 and {bound:g}, not {value:g}")
        self._values[name] = value
        self._look()

    def strikes(self, name: Fault) -> bool:
        """Whether this one happens now. A chance of 0 draws nothing."""
        odds = self._values[name]
        if not odds or self._random.random() >= odds:
            return False
        self.injected[name] += 1
        return True

    def way_s(self, leg: Literal["order", "ack"]) -> float:
        """Seconds that this leg of the way takes now."""
        delay = self._values[f"{leg}_ms"]
        if jitter := self._values["jitter_ms"]:
            delay += jitter * self._random.random()
        if leg == "order" and self.strikes("delay"):
            delay += self._values["delay_ms"]
        return delay / 1_000

    def refusal(self, command: Command, now_ns: int) -> Rejected | None:
        """What the venue's front door says before its engine hears of the command."""
        if self.strikes("rate_limit"):
            return Rejected(client_id=command.client_id, reason="rate_limited", message=RATE_LIMITED, time_ns=now_ns)
        if isinstance(command, Cancel) or not self.strikes("reject"):
            return None
        reason, message = AMEND_REFUSAL if isinstance(command, Amend) else self._random.choice(REFUSALS)
        return Rejected(client_id=command.client_id, reason=reason, message=message, time_ns=now_ns)

    def share(self, command: Command) -> float:
        """The part of what an order could take at once that it gets; 1 without a fault."""
        if isinstance(command, Place) and self.strikes("partial"):
            return 0.1 + 0.8 * self._random.random()
        return 1.0

    def statistics(self) -> Mapping[str, Any]:
        return {"set": {name: value for name, value in self._values.items() if value}, "injected": dict(self.injected)}
