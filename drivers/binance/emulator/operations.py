"""What can be asked of the venue: one operation for each endpoint, the same for REST and the WebSocket API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from drivers.binance.emulator.keys import Key
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.traders import Trader

Security = Literal["none", "key", "signed"]


class Call(msgspec.Struct, frozen=True):
    """One request that has passed the gate."""

    params: Params
    remote: str
    found: Trader | None = None
    key: Key | None = None

    @property
    def trader(self) -> Trader:
        """Whose it is; operations without a key have nobody."""
        if self.found is None:
            raise Refusal(-2014, "API-key format invalid.", status=401)
        return self.found


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`weight` is of the address; `orders` what it takes of the account's order pools, by their tags."""

    run: Callable[[Call], Any]
    security: Security = "none"
    weight: int | Callable[[Params], int] = 1
    orders: Mapping[str, int] | Callable[[Params], Mapping[str, int]] = msgspec.field(default_factory=dict)
    write: bool = False  # an order command: the faults of lost answers are its
    failure_weight: int = 0
    funding: bool = False
    knows: frozenset[str] | None = None  # the only parameters that it reads; None takes any

    def cost(self, params: Params) -> int:
        return self.weight(params) if callable(self.weight) else self.weight

    def counts(self, params: Params) -> Mapping[str, int]:
        return self.orders(params) if callable(self.orders) else self.orders


SIGNING = frozenset({"timestamp", "recvWindow", "signature", "apiKey", "returnRateLimits"})


def by_symbol(one: int, all_of_them: int) -> Callable[[Params], int]:
    """The weight of a listing that may be of one symbol."""
    return lambda params: one if params.sent("symbol") else all_of_them


def by_limit(default: int, *steps: tuple[int, int]) -> Callable[[Params], int]:
    """The weight by `limit`: pairs of the largest limit and its weight, the last for all above."""

    def weight(params: Params) -> int:
        text = params.values.get("limit", "")
        limit = int(text) if text.isdigit() else default
        return next((cost for most, cost in steps if limit <= most), steps[-1][1])

    return weight
