"""A seat at the desk: what one strategy may do, and whether it still may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ctosd.abi.errors import CallerMistake, Fenced
from ctosd.abi.orders import Order
from ctosd.core.bucket import Bucket
from ctosd.core.gate import Limits
from ctosd.core.ids import tag_of
from ctosd.kernel.clock import SECOND

FLOOD = 100
"""Refused orders within one second that are a fault of the strategy, not of the market."""

RECENT = 64

Same = tuple[str, str, Decimal, Decimal | None, str]


class Seat:
    """One strategy's rights. `save` writes its state to the journal; `on_fence` hears when the kernel takes the seat away."""

    __slots__ = (
        "_denials",
        "_denied_ns",
        "_fence",
        "_rate",
        "_recent",
        "_room",
        "_steady_ns",
        "accounts",
        "limits",
        "name",
        "on_fence",
        "save",
        "tag",
    )

    def __init__(self, name: str, accounts: tuple[str, ...], limits: Limits, steady_ns: Callable[[], int]) -> None:
        self.name = name
        self.tag = tag_of(name)
        self.accounts = accounts
        self.limits = limits
        self._steady_ns = steady_ns
        self._rate = Bucket(max(1, limits.order_burst), limits.order_rate or 1e6, 0, steady_ns(), name=name)
        self.save: Callable[[], None] = lambda: None
        self.on_fence: Callable[[str, str], None] = lambda name, reason: None
        self._fence = "the strategy has not been started"
        self._recent: dict[Same, int] = {}
        self._room = RECENT  # orders that `_recent` may hold before it is looked through
        self._denials = 0
        self._denied_ns = 0

    def open(self) -> None:
        self._fence = ""

    def revoke(self, reason: str) -> None:
        """From now on every syscall of the strategy raises `Fenced`."""
        self._fence = reason or "revoked"

    @property
    def fence(self) -> str:
        """Why the seat is revoked; empty while it is not."""
        return self._fence

    def demand(self) -> None:
        if self._fence:
            raise Fenced(f"{self.name} may not trade: {self._fence}")

    def account(self, asked: str) -> str:
        """The full name of the account that a call means."""
        if not asked:
            return self.accounts[0]
        for account in self.accounts:
            if asked in (account, account.partition("/")[0]):
                return account
        raise CallerMistake(f"{self.name} has no account {asked!r}; it has {', '.join(self.accounts)}")

    def last_same_ns(self, order: Order) -> int:
        return self._recent.get(_same(order), -(1 << 62))

    def sent(self, order: Order, now_ns: int) -> None:
        """Remember an order that passed the gate."""
        if len(self._recent) > self._room:
            window_ns = self.limits.duplicate_window_ms * 1_000_000
            self._recent = {same: at for same, at in self._recent.items() if now_ns - at < window_ns}
            self._room = max(RECENT, 2 * len(self._recent))  # else a fast strategy looks through it at every order
        self._recent[_same(order)] = now_ns
        if self.limits.order_rate is not None:
            self._rate.take(1, self._steady_ns())

    def denied(self, now_ns: int) -> None:
        """Count a refusal; a flood of them revokes the seat and raises `Fenced`."""
        if not 0 <= now_ns - self._denied_ns <= SECOND:  # below 0: the clock was set back
            self._denials, self._denied_ns = 0, now_ns
        self._denials += 1
        if self._denials >= FLOOD and not self._fence:
            reason = f"flooded the gate: {FLOOD} refused orders within a second"
            self.revoke(reason)
            self.on_fence(self.name, reason)
            self.demand()

    @property
    def tokens(self) -> float:
        """Orders that the strategy's own rate allows now. Counted on a clock that nobody sets."""
        return self._rate.tokens(self._steady_ns())

    def statistics(self) -> Mapping[str, Any]:
        return {"fence": self._fence, "order_tokens": self.tokens, "order_burst": self.limits.order_burst}


def _same(order: Order) -> Same:
    """What makes two orders the same one sent twice. The tag tells slices of one plan apart."""
    return order.symbol, order.side, order.size, order.price, order.tag
