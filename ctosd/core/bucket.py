"""Token buckets: how much of a venue's rate limit is left, as integer arithmetic on the caller's clock.

The law: whatever is called when, the tokens taken in any window of `w` seconds never exceed ``capacity + rate * w``.
It holds exactly because nothing is rounded in our favour: a level counts femto-tokens (1e-15), so that a rate in whole
micro-tokens a second adds a whole number each nanosecond; capacity and rate round down to it, costs and the reserve up.

A venue that counts in fixed windows (N in each minute) allows less than that law when ``capacity == N``: a driver
whose venue does so chooses ``capacity + rate * window <= N``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import Any

from ctosd.abi.driver import Costs, Limit
from ctosd.abi.errors import Misconfigured
from ctosd.abi.instruments import exact

SECOND_NS = 1_000_000_000
MICRO = 1_000_000
TOKEN: int = MICRO * SECOND_NS  # femto-tokens in one token

_COSTS: dict[float, int] = {}
_MAX_COSTS = 1024  # a driver's table has a few dozen different costs


def _micro(value: float, rounding: str) -> int:
    return int((exact(float(value)) * MICRO).to_integral_value(rounding))


def _cost(tokens: float) -> int:
    """Femto-tokens of a cost, rounded up."""
    if not 0 <= tokens < 1e12:
        raise Misconfigured(f"a cost of {tokens} tokens: the driver's cost table must say 0 or more")
    cost = _micro(tokens, ROUND_CEILING) * SECOND_NS
    if len(_COSTS) < _MAX_COSTS:
        _COSTS[tokens] = cost
    return cost


class Bucket:
    """One limit. Times are ns; a time before the last one seen counts as that one, so that a clock set back gives nothing."""

    __slots__ = (
        "_at_ns",
        "_blocked_ns",
        "_capacity",
        "_corrections",
        "_floor",
        "_level",
        "_penalties",
        "_rate",
        "_refused",
        "_taken",
        "_takes",
        "name",
    )

    def __init__(self, capacity: float, rate: float, reserve: float = 0.0, now_ns: int = 0, *, name: str = "") -> None:
        self.name = name
        _demand(name, capacity, rate, reserve)
        self._capacity = _micro(capacity, ROUND_FLOOR) * SECOND_NS
        self._rate = _micro(rate, ROUND_FLOOR)  # micro-tokens a second are femto-tokens a nanosecond
        self._floor = _micro(reserve, ROUND_CEILING) * SECOND_NS
        self._level = self._capacity
        self._at_ns = now_ns
        self._blocked_ns = self._taken = self._takes = self._refused = self._corrections = self._penalties = 0

    def wait_ns(self, tokens: float, now_ns: int, urgent: bool = False) -> int:
        """Nanoseconds until `tokens` could be taken if nobody else takes any; 0 means now. Changes nothing."""
        need = self._need(tokens, urgent)
        short = need - self._level_at(now_ns)
        behind = max(0, self._at_ns - now_ns)
        refill = behind - (-short // self._rate) if short > 0 else 0
        return max(refill, self._blocked_ns - now_ns, 0)

    def take(self, tokens: float, now_ns: int, urgent: bool = False) -> bool:
        """Take `tokens` and return True, or return False and take nothing.

        Only `urgent` takers (cancels, exits) may touch the reserve; the penalty box holds everybody back.
        """
        cost = _COSTS.get(tokens)
        if cost is None:
            cost = _cost(tokens)
        level = self._level
        if now_ns > self._at_ns:
            level += (now_ns - self._at_ns) * self._rate
            if level > self._capacity:  # noqa: PLR1730 - a call of min() costs a quarter of the fast path
                level = self._capacity
            self._level = level
            self._at_ns = now_ns
        level -= cost
        if now_ns < self._blocked_ns or level < (0 if urgent else self._floor):
            return self._refuse(tokens, urgent)
        self._level = level
        self._taken += cost
        self._takes += 1
        return True

    def give_back(self, tokens: float) -> None:
        """Undo a `take` at the same instant, whose request was not sent after all."""
        cost = _cost(tokens)
        self._level = min(self._capacity, self._level + cost)
        self._taken -= cost
        self._takes -= 1

    def sync_used(self, used: float, now_ns: int, allowed: float = 0.0) -> None:
        """The venue counted `used` tokens in its present window, of `allowed` (0: our capacity).

        It only ever makes us more careful: the counter may be older than requests of ours that are under way, so a low
        one proves nothing. What it takes comes back by the refill, as fast as everything else. At most it empties the
        bucket; a venue that wants a longer silence says so, and then `penalise` applies.
        """
        self._settle(now_ns)
        ceiling = (_micro(allowed, ROUND_FLOOR) * SECOND_NS if allowed else self._capacity) - _cost(max(used, 0.0))
        if ceiling < self._level:
            self._level = max(0, ceiling)
            self._corrections += 1

    def penalise(self, until_ns: int) -> None:
        """Nothing, urgent or not, is taken before `until_ns` (429, 418, Retry-After). A shorter penalty ends no longer one."""
        self._blocked_ns = max(self._blocked_ns, until_ns)
        self._penalties += 1

    def tokens(self, now_ns: int) -> float:
        """Tokens that lie in the bucket at `now_ns`, the reserve included."""
        return self._level_at(now_ns) / TOKEN

    def statistics(self) -> Mapping[str, Any]:
        """Counters since the start; `tokens` as of the last touch."""
        return {
            "tokens": self._level / TOKEN,
            "capacity": self._capacity / TOKEN,
            "rate": self._rate / MICRO,
            "reserve": self._floor / TOKEN,
            "taken": self._taken / TOKEN,
            "takes": self._takes,
            "refused": self._refused,
            "corrections": self._corrections,
            "penalties": self._penalties,
            "blocked_until_ns": self._blocked_ns,
        }

    def _level_at(self, now_ns: int) -> int:
        return min(self._capacity, self._level + max(0, now_ns - self._at_ns) * self._rate)

    def _settle(self, now_ns: int) -> None:
        self._level = self._level_at(now_ns)
        self._at_ns = max(self._at_ns, now_ns)

    def _need(self, tokens: float, urgent: bool) -> int:
        cost = _COSTS.get(tokens)
        need = (_cost(tokens) if cost is None else cost) + (0 if urgent else self._floor)
        if need > self._capacity:
            raise Misconfigured(
                f"a command costs {tokens:g} tokens of limit {self.name or 'unnamed'!r}, which holds"
                f" {self._capacity / TOKEN:g} with {self._floor / TOKEN:g} in reserve: it could never be sent;"
                " correct the driver's limit or cost table"
            )
        return need

    def _refuse(self, tokens: float, urgent: bool) -> bool:
        self._need(tokens, urgent)
        self._refused += 1
        return False


def _demand(name: str, capacity: float, rate: float, reserve: float) -> None:
    """Refuse figures with which no order could ever leave, or which are no figures."""
    if not (1 / MICRO <= capacity < 1e12 and 1 / MICRO <= rate < 1e12 and 0 <= reserve < capacity):
        raise Misconfigured(
            f"limit {name or 'unnamed'!r}: capacity {capacity}, rate {rate}, reserve {reserve};"
            " write capacity and rate above 0 and a reserve below the capacity"
        )


class BucketSet:
    """All limits of one venue: a command takes from several at once, all or nothing."""

    __slots__ = ("_blocked_ns", "_buckets", "_limits")

    def __init__(self, limits: Sequence[Limit], now_ns: int) -> None:
        self._limits = {limit.name: limit for limit in limits}
        self._buckets = {limit.name: _bucket(limit, limit.name, now_ns) for limit in limits}
        self._blocked_ns = 0

    def wait_ns(self, costs: Costs, now_ns: int, urgent: bool = False) -> int:
        """The longest of the single waits; 0 means that `take` would succeed now."""
        sums: dict[str, float] = {}
        for name, tokens in costs:
            sums[name] = sums.get(name, 0.0) + tokens
        waits = (self.bucket(name, now_ns).wait_ns(tokens, now_ns, urgent) for name, tokens in sums.items())
        return max(waits, default=0)

    def take(self, costs: Costs, now_ns: int, urgent: bool = False) -> bool:
        """Take every cost and return True, or return False and take none."""
        taken = 0
        try:
            for name, tokens in costs:
                bucket = self._buckets.get(name) or self.bucket(name, now_ns)
                if not bucket.take(tokens, now_ns, urgent):
                    self._give_back(costs[:taken])
                    return False
                taken += 1
        except Misconfigured:
            self._give_back(costs[:taken])
            raise
        return True

    def bucket(self, name: str, now_ns: int) -> Bucket:
        """The bucket of a limit, or of one scope of it, made full when first asked for. Raises `Misconfigured`."""
        bucket = self._buckets.get(name)
        if bucket is None:
            limit = self._limits.get(name.partition("@")[0])
            if limit is None:
                known = ", ".join(sorted(self._limits)) or "none"
                raise Misconfigured(
                    f"no limit {name!r} in the driver's manifest (known: {known}): correct its cost table"
                )
            bucket = self._buckets[name] = _bucket(limit, name, now_ns)
            if self._blocked_ns > now_ns:
                bucket.penalise(self._blocked_ns)
        return bucket

    def sync_used(self, name: str, used: float, now_ns: int, allowed: float = 0.0) -> None:
        self.bucket(name, now_ns).sync_used(used, now_ns, allowed)

    def penalise(self, until_ns: int, name: str = "") -> None:
        """Hold back one limit, or without a name everything that goes to this venue."""
        if name:
            self.bucket(name, 0).penalise(until_ns)
            return
        self._blocked_ns = max(self._blocked_ns, until_ns)
        for bucket in self._buckets.values():
            bucket.penalise(until_ns)

    def statistics(self) -> Mapping[str, Any]:
        return {name: bucket.statistics() for name, bucket in self._buckets.items()}

    def _give_back(self, costs: Costs) -> None:
        for name, tokens in costs:
            self._buckets[name].give_back(tokens)


def _bucket(limit: Limit, name: str, now_ns: int) -> Bucket:
    return Bucket(limit.capacity, limit.rate, limit.reserve, now_ns, name=name)
