"""When a failed process may start again, and how long it waits before.

Two questions, kept apart: `next_delay` says how long to wait after the n-th failure in a row (exponential, capped,
jittered; a good run forgets the row), `Intensity` says whether to start again at all (at most `max_restarts` in any
window of `within_s`, as in OTP's supervisors; used up means `parked`, which only a person ends).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

When = Literal["on-failure", "always", "never"]

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How a process is brought back. Times in seconds; `jitter` is the largest share added to a delay."""

    policy: When = "on-failure"  # "on-failure": not after an end of its own will; "never": park at the first failure
    max_restarts: int = 5  # in any window of `within_s`; 0 parks at the first failure
    within_s: float = 300.0
    backoff_s: float = 1.0  # delay after the first failure
    factor: float = 2.0  # each further failure in a row multiplies the delay by this
    cap_s: float = 60.0  # the delay grows no further than this; jitter comes on top
    jitter: float = 0.1
    reset_after_s: float = 60.0  # a run of at least this long forgets the failures before it

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not (isfinite(value) and value >= least):
                raise ValueError(f"restart.{name} is {value}: write a number of at least {least}")
        if self.policy not in ("on-failure", "always", "never"):
            raise ValueError(f"restart.policy is {self.policy!r}: write on-failure, always or never")


_LEAST: dict[str, float] = {
    "max_restarts": 0,
    "within_s": 0.001,
    "backoff_s": 0,
    "factor": 1,
    "cap_s": 0,
    "jitter": 0,
    "reset_after_s": 0,
}


def wants_restart(policy: RestartPolicy, failed: bool) -> bool:
    """Whether the policy restarts a process that ended; `failed` is False when it ended of its own will."""
    return policy.policy == "always" or (failed and policy.policy == "on-failure")


def next_failures(policy: RestartPolicy, failures: int, ran_s: float) -> int:
    """The failures in a row after one more, when the run before it lasted `ran_s` seconds."""
    return 1 if ran_s >= policy.reset_after_s else failures + 1


def next_delay(policy: RestartPolicy, failures: int, unit_random: float) -> float:
    """Seconds to wait before the next start, after `failures` (>= 1) failures in a row; 0 failures wait for nothing.

    `unit_random` in [0, 1) is the caller's draw, so that a replay waits as long as the run did.
    """
    if failures <= 0 or policy.backoff_s <= 0:
        return 0.0
    return _grown(policy, failures - 1) * (1.0 + policy.jitter * unit_random)


def _grown(policy: RestartPolicy, times: int) -> float:
    try:
        return min(policy.cap_s, policy.backoff_s * float(policy.factor) ** times)
    except OverflowError:  # a thousand failures
        return policy.cap_s


class Intensity:
    """Counts restarts in a sliding window. `record` is asked at each failure, before the restart."""

    __slots__ = ("_policy", "_total", "_when_ns")

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._when_ns: deque[int] = deque()
        self._total = 0

    def record(self, now_ns: int) -> bool:
        """True: restart, and it is counted. False: the intensity is used up, park the process; nothing is counted."""
        self._forget(now_ns)
        if len(self._when_ns) >= self._policy.max_restarts:
            return False
        self._when_ns.append(now_ns)
        self._total += 1
        return True

    def reset(self) -> None:
        """A person started the process again: what happened before counts no more."""
        self._when_ns.clear()

    def left(self, now_ns: int) -> int:
        """Restarts that are still allowed now."""
        self._forget(now_ns)
        return max(0, self._policy.max_restarts - len(self._when_ns))

    def statistics(self) -> Mapping[str, Any]:
        return {"restarts": self._total, "in_window": len(self._when_ns), "max_restarts": self._policy.max_restarts}

    def _forget(self, now_ns: int) -> None:
        horizon = now_ns - int(self._policy.within_s * SECOND_NS)
        while self._when_ns and self._when_ns[0] <= horizon:
            self._when_ns.popleft()
