"""Conditional orders and the orders that they become: OKX gives the latter an id of its own. (Sheet section 7.)"""

from __future__ import annotations

MOST = 4_096


class Conditionals:
    """The conditional orders of one account, as far as they were heard of."""

    def __init__(self) -> None:
        self.armed: dict[str, str] = {}  # client id -> id at the algo service, while it waits for its price
        self._owners: dict[str, str] = {}  # id of an order that came from one -> client id
        self._became: dict[str, str] = {}  # the reverse

    def arm(self, client_id: str, algo_id: str) -> None:
        if client_id not in self._became:
            self.armed[client_id] = algo_id

    def join(self, client_id: str, order_id: str) -> None:
        """It triggered, and sent the order `order_id`."""
        self.armed.pop(client_id, None)
        self._owners[order_id] = client_id
        self._became[client_id] = order_id
        while len(self._owners) > MOST:
            self._became.pop(self._owners.pop(next(iter(self._owners))), None)

    def end(self, client_id: str) -> None:
        """It was cancelled, or failed."""
        self.armed.pop(client_id, None)

    def owner(self, order_id: str) -> str:
        """The client id under which the events of an order belong; empty for an order that came from none."""
        return self._owners.get(order_id, "")

    def order_of(self, client_id: str) -> str:
        """The id of the order that it sent; empty while it waits."""
        return self._became.get(client_id, "")
