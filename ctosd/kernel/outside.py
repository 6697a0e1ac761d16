"""Open orders that are not ours, on our accounts: a person's, another program's. Watched and counted, never touched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from ctosd.abi.events import TERMINAL, OrderUpdate

ZERO = Decimal(0)


class Outside:
    """By account and the venue's id. What is listed here counts in the account's exposure."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str], OrderUpdate] = {}

    @property
    def count(self) -> int:
        return len(self._orders)

    def see(self, update: OrderUpdate) -> bool:
        """Take the venue's word on such an order; True when it is a new one."""
        key = (update.account, update.venue_id or update.client_id)
        if update.state in TERMINAL:
            self._orders.pop(key, None)
            return False
        fresh = key not in self._orders
        self._orders[key] = update
        return fresh

    def keep(self, account: str, venue_ids: Collection[str]) -> None:
        """Forget those of an account that its venue does not list any more."""
        gone = [key for key in self._orders if key[0] == account and key[1] not in venue_ids]
        for key in gone:
            del self._orders[key]

    def find(self, account: str, name: str) -> OrderUpdate | None:
        """By the venue's id or the client id."""
        for (owner, venue_id), update in self._orders.items():
            if owner == account and name in (venue_id, update.client_id):
                return update
        return None

    def remove(self, update: OrderUpdate) -> None:
        self._orders.pop((update.account, update.venue_id or update.client_id), None)

    def all(self, account: str = "") -> Iterable[OrderUpdate]:
        return [update for (owner, _), update in self._orders.items() if not account or owner == account]

    def exposure(self, account: str, symbol: str) -> tuple[Decimal, Decimal]:
        """`(buying, selling)` that these orders may still do on an instrument."""
        rest = {"buy": ZERO, "sell": ZERO}
        for update in self._orders.values():
            if (update.account, update.symbol) == (account, symbol):
                rest[update.side] += update.size - update.filled
        return rest["buy"], rest["sell"]

    def statistics(self) -> Mapping[str, Any]:
        return {"orders": len(self._orders)}
