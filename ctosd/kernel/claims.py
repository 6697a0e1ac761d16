"""What amendments may have made of an order's size: the largest counts until no request, and no old news, can arrive."""

from __future__ import annotations

from decimal import Decimal

from ctosd.abi.orders import Order


class Claims:
    """Client id -> the sizes that were asked for, each until no request can arrive any more. Times are the loop's, in seconds."""

    def __init__(self) -> None:
        self._held: dict[str, list[tuple[Decimal, float]]] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def hold(self, client_id: str, size: Decimal, until_s: float) -> None:
        """An amendment to `size` leaves."""
        self._held.setdefault(client_id, []).append((size, until_s))

    def release(self, client_id: str, size: Decimal) -> None:
        """The venue refused it."""
        held = self._held.get(client_id, [])
        for entry in held:
            if entry[0] == size:
                held.remove(entry)
                break
        if not held:
            self._held.pop(client_id, None)

    def drop(self, client_id: str) -> None:
        """The order has ended."""
        self._held.pop(client_id, None)

    def most(self, order: Order, now_s: float) -> Decimal:
        """The largest size that the order may have."""
        held = self._held.get(order.client_id)
        if held is None:
            return order.size
        held[:] = [entry for entry in held if entry[1] > now_s]
        if not held:
            del self._held[order.client_id]
        return max([order.size, *(size for size, _ in held)])
